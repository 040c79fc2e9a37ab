"""adaptc itself, and the oracle that it is held against."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

import adaptc
from adaptc.compiler.backends.onnx.units import write_units
from adaptc.compiler.ir.program import Program
from adaptc.runtime.engines import EngineOptions, open_engine
from adaptc.runtime.manifest import Unit
from contest.agreement import leaf_error, nested_error
from contest.cases import Case
from contest.composing import Known, Straight, compose
from contest.worker import Prepared, Unsupported


def executable(case: Case, threads: int, cache: Path, by_block: bool) -> Prepared:
    """The artifact of `adaptc.compile`, called with NumPy arrays; `by_block` runs each block on its own."""
    if case.program is None:
        raise Unsupported(case.uncaptured.splitlines()[0])
    folder = cache / "artifact"
    if not folder.exists():
        adaptc.compile(
            case.model,
            case.example,
            folder,
            dynamic=case.dynamic,
            name=case.name,
            verify=False,
            random_seed=case.random_seed,
        )
    loaded = adaptc.load(folder, threads=threads, by_block=by_block)

    def call(way: int) -> Callable[[], object]:
        given = case.ways[way].given
        args, kwargs = given.array_args, given.array_kwargs
        return lambda: loaded(*args, **kwargs)

    return Prepared([call(way) for way in range(len(case.ways))], nested_error(case))


def oracle(case: Case, threads: int, cache: Path, predicates: bool) -> Prepared:
    """One ONNX model per way, without control flow, run by the engine of adaptc with its options."""
    if case.program is None:
        raise Unsupported("no captured program to take paths from")
    paths = [
        compose(case.program, list(way.given.tensors.values()), f"path{number}", predicates)
        for number, way in enumerate(case.ways)
    ]
    folder = cache / ("oracle" if predicates else "oracle_without")
    units = _units(paths, folder)
    calls = []
    for way, unit in zip(case.ways, units):
        opened = open_engine("onnxruntime", EngineOptions(threads, 1)).open(unit, folder / unit.file)
        calls.append(_bound(opened, [_array(value) for value in way.given.tensors.values()]))

    def error(way: int, found: Any) -> float:
        from adaptc.runtime.structure import Builders

        leaves = [leaf.value if isinstance(leaf, Known) else found[leaf] for leaf in paths[way].leaves]
        return leaf_error(case.ways[way].expected, Builders().builder(paths[way].tree)(leaves))

    return Prepared(calls, error)


def _array(tensor: Any) -> Any:
    return tensor.contiguous().numpy()


def _bound(call: Callable[..., Any], arrays: list[Any]) -> Callable[[], object]:
    if len(arrays) == 1:
        (only,) = arrays
        return lambda: call(only)
    return lambda: call(*arrays)


def _units(paths: list[Straight], folder: Path) -> list[Unit]:
    """The units of all paths, which share one file of weights; written once."""
    listed = folder / "units.json"
    if not listed.exists():
        shutil.rmtree(folder, ignore_errors=True)
        weights = {name: tensor for path in paths for name, tensor in path.weights.items()}
        blocks = {path.block.name: path.block for path in paths}
        written = write_units(Program("oracle", (), (), paths[0].block.name, blocks, weights), folder)
        by_name = {unit.name: unit for unit in written.units}
        listed.write_bytes(msgspec.json.encode([by_name[written.block_units[path.block.name]] for path in paths]))
    return msgspec.json.decode(listed.read_bytes(), type=list[Unit])
