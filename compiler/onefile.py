"""Writes a network as a single ONNX model, and runs it along forced paths for verification."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import onnx_ir as ir

from adaptc.compiler.artifact import Contents
from adaptc.compiler.backends.onnx.graphs.flow import RegionError
from adaptc.compiler.backends.onnx.graphs.units import specs_of
from adaptc.compiler.backends.onnx.graphs.whole import WholeGraph, lower_whole
from adaptc.compiler.backends.onnx.problems import position
from adaptc.compiler.backends.onnx.units import FOLDER
from adaptc.compiler.description import description, input_texts, output_texts
from adaptc.compiler.errors import CompileError, Problem
from adaptc.compiler.ir.program import Program
from adaptc.compiler.plan.exactness import host_reasons
from adaptc.compiler.plan.region import with_ends
from adaptc.compiler.plan.results import FORM, with_results
from adaptc.compiler.planned_executable import Replay, Replayed
from adaptc.runtime.engines import EngineOptions, UnitCall, open_engine
from adaptc.runtime.errors import AdaptcError, EngineError
from adaptc.runtime.inputs import binder
from adaptc.runtime.manifest import Signature, Unit
from adaptc.runtime.structure import Build, Builders

SUFFIX = ".onnx"
"""What the names of such files end with."""

_LARGEST = 1_900_000_000
"""Bytes of weights up to which they stand in the file itself: protobuf holds 2 GiB."""

ONE_CALL = "the single model holds one call: what a call leaves behind for the next one is left out"
"""The note about a network that keeps state."""

PROBED = "network.probed"
"""The name of the probed model among the units."""

_VERSION = "adaptc.version"

_RAISED = re.compile(r"Name:'raise (\w+): ")


def write_onefile(program: Program, contents: Contents, folder: Path, file: Path) -> None:
    """Write `program`, of which an artifact with `contents` lies in `folder`, as one model to `file`.

    Weights beyond protobuf's 2 GiB stand in a second file beside it. Raises `CompileError` with the lines of what no
    graph can do as Python does, and for a network that one graph cannot hold.
    """
    graph = _lowered(program, contents, folder)
    _drop_unused(graph.model.graph)
    weights = sum(value.const_value.nbytes for value in _initializers(graph.model.graph) if value.const_value)
    graph.model.metadata_props.update(_metadata(program, graph))
    _describe(graph, contents.manifest.signature)
    try:
        if weights > _LARGEST:
            ir.save(graph.model, file, external_data=f"{file.name}.data")
        else:
            _embed(graph.model.graph)
            ir.save(graph.model, file)
        onnx.checker.check_model(str(file), full_check=True)
    except OSError as error:
        raise AdaptcError(f"cannot write {file}: {error.strerror or error}") from error


def is_ours(file: Path) -> bool:
    """Whether `file` is a model that this module wrote."""
    try:
        model = onnx.load(str(file), load_external_data=False)
    except Exception:  # noqa: BLE001 (protobuf's errors have no common class that is public)
        return False
    return any(entry.key == _VERSION for entry in model.metadata_props)


def refusals(program: Program) -> list[Problem]:
    """What of `program` no graph can do as Python does, with the user's lines."""
    found = []
    for name, reason in host_reasons(with_ends(program)).items():
        block = program.blocks[name]
        file, line = position(next((step.loc for step in block.steps if step.loc), block.loc))
        found.append(
            Problem(
                file,
                line,
                f"a single ONNX model cannot hold this part of the network: {reason}",
                "the host of an artifact does it in Python",
                "compile an artifact, or compute it with tensors",
            )
        )
    return found


def _lowered(program: Program, contents: Contents, folder: Path, *, probed: bool = False) -> WholeGraph:
    if problems := refusals(program):
        raise CompileError(problems)
    units = contents.units
    try:
        return lower_whole(
            with_results(program), lambda code: units.models[id(code)], units.table, folder / FOLDER, probed=probed
        )
    except RegionError as error:
        file, line = position(program.blocks[program.entry].loc)
        problem = Problem(file, line, f"one graph cannot hold the network: {error}", "", "compile an artifact")
        raise CompileError([problem]) from error


class OneFilePlan:
    """A network as the single model `file`, for `PlannedExecutable`: probed it is written into `folder`, where the
    artifact lies that has `contents`."""

    def __init__(self, program: Program, contents: Contents, folder: Path, file: Path) -> None:
        graph = _lowered(program, contents, folder, probed=True)
        self._probed = folder / FOLDER / f"{PROBED}{SUFFIX}"
        ir.save(graph.model, self._probed)
        self._bind = binder(contents.manifest.signature)
        self._inputs = contents.manifest.signature.inputs
        self._network = graph.network
        engine = contents.manifest.engine
        self._replay = _opened(graph.model, self._probed, engine)
        self._run = _opened(ir.load(file), file, engine)
        builders = Builders()
        self._builders: list[Build] = [builders.builder(form) for form in graph.network.forms]

    def replay(self, number: int, replay: Replay, inputs: Sequence[Any]) -> Replayed:
        """Run it on the flat `inputs`; a single model is the first program of a session alone."""
        try:
            outputs = self._replay(*inputs, replay.values, np.array(0), np.zeros(0))
        except EngineError as error:
            raised = _RAISED.search(str(error))
            if raised is None:
                raise
            return Replayed(None, (), raised[1], (), counted=False)
        *values, position_, seen = outputs
        replay.position, replay.seen = int(position_), [float(value) for value in seen]
        changed = tuple(values[place] for place in self._network.changed.values())
        return Replayed(self._result(values), changed)

    def run(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Run the model itself; raises `AdaptcError` where an output has not the shape that the model declares."""
        inputs = self._bind(tuple(args), dict(kwargs))
        outputs = self._run(*inputs)
        sizes = {dim: size for spec, array in zip(self._inputs, inputs) for dim, size in zip(spec.shape, array.shape)}
        for name, extents, output in zip(self._network.names, self._network.extents, outputs):
            declared = [
                size if extent is None else sizes.get(extent, extent)
                for extent, size in zip(extents or (), output.shape)
            ]
            if any(isinstance(extent, int) and extent != size for extent, size in zip(declared, output.shape)):
                raise AdaptcError(f"output {name} has the shape {output.shape}, and is declared as {extents}")
        return self._result(outputs)

    def _result(self, values: Sequence[Any]) -> Any:
        """The network's own result."""
        network = self._network
        form = int(values[network.names.index(FORM)]) if len(network.forms) > 1 else 0
        return self._builders[form]([v.item() if place in network.numbers else v for place, v in enumerate(values)])

    def session(self) -> None:
        """A single model holds one call."""

    def close(self) -> None:
        """Remove the probed model."""
        self._probed.unlink(missing_ok=True)


def _opened(model: ir.Model, file: Path, engine: str) -> UnitCall:
    inputs, outputs = specs_of(model.graph.inputs), specs_of(model.graph.outputs)
    unit = Unit(name=str(model.graph.name), engine=engine, file=file.name, inputs=inputs, outputs=outputs)
    return open_engine(engine, EngineOptions()).open(unit, file)


def _embed(graph: ir.Graph) -> None:
    """Put the weights into the model itself."""
    for value in _initializers(graph):
        tensor = value.const_value
        if isinstance(tensor, ir.ExternalTensor):
            value.const_value = ir.Tensor(np.array(tensor.numpy()), dtype=tensor.dtype, name=value.name)


def _drop_unused(graph: ir.Graph) -> None:
    """Drop the constants that nothing reads: ONNX Runtime would warn of each where the model is opened."""
    for each in (graph, *graph.subgraphs()):
        for name, value in tuple(each.initializers.items()):
            if not value.uses() and not value.is_graph_output():
                each.initializers.pop(name)


def _initializers(graph: ir.Graph) -> list[ir.Value]:
    """The initializers of a graph and of those inside of it."""
    return [value for each in (graph, *graph.subgraphs()) for value in each.initializers.values()]


def _describe(graph: WholeGraph, signature: Signature) -> None:
    """Let the model and its inputs and outputs say what they are: programs that show models show that."""
    made = f"\nby adaptc {version('adaptc')}"
    graph.model.doc_string = description(graph.network, signature) + made
    texts = input_texts(signature) | output_texts(graph.network)
    for value in (*graph.model.graph.inputs, *graph.model.graph.outputs):
        value.doc_string = texts[str(value.name)]


def _metadata(program: Program, graph: WholeGraph) -> dict[str, str]:
    """What the model tells about itself: how the network's own result is made of the outputs."""
    network = graph.network
    results = {
        "outputs": [*network.names],
        "numbers": sorted(network.numbers),
        "structures": [msgspec.to_builtins(form) for form in network.forms],
        "changed": dict(network.changed),
    }
    arguments = [msgspec.to_builtins(argument) for argument in program.arguments]
    return {
        _VERSION: version("adaptc"),
        "adaptc.arguments": msgspec.json.encode(arguments).decode(),
        "adaptc.results": msgspec.json.encode(results).decode(),
    }
