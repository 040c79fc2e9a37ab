"""The units of regions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import onnx_ir as ir
import onnxruntime  # type: ignore[import-untyped]

from adaptc.compiler.backends.onnx.graphs.region import RegionGraph, lower_region
from adaptc.compiler.backends.onnx.kernels import invalid
from adaptc.compiler.backends.onnx.units import ENGINE, FOLDER, Units
from adaptc.compiler.errors import CompileError
from adaptc.compiler.ir.program import Program
from adaptc.compiler.plan.region import Region
from adaptc.runtime.manifest import BlockedForm, TensorSpec, Unit


def write_region(
    program: Program, region: Region, units: Units, folder: Path, name: str, *, probed: bool = False, size: int = 0
) -> tuple[Unit, RegionGraph]:
    """Write the graph of a region as the unit called `name` into the artifact at `folder`, whose `units` are there; and
    with a `size`, once more with channels in blocks of so many, where that changes it.

    Raises `RegionError` where no graph can hold the region, and `CompileError` where the graph is not valid ONNX.
    """

    def lowered(block_size: int) -> RegionGraph:
        models, place = (lambda code: units.models[id(code)]), folder / FOLDER
        return lower_region(
            program, region, models, units.table, place, name=name, probed=probed, block_size=block_size
        )

    graph = lowered(0)
    blocked = lowered(size) if size and _has_flow(graph.model) else graph
    unit = Unit(
        name=name,
        engine=ENGINE,
        file=f"{FOLDER}/{name}.onnx",
        inputs=specs_of(graph.model.graph.inputs),
        outputs=specs_of(graph.model.graph.outputs),
        weights=tuple(units.table.rows[row].names[0] for row in graph.weights),
        loc=program.blocks[region.entry].loc,
    )
    files = {unit.file: graph}
    if blocked.is_blocked:
        assert (blocked.inputs, blocked.exits) == (graph.inputs, graph.exits)
        unit = msgspec.structs.replace(
            unit, blocked=BlockedForm(f"{FOLDER}/{name}.nchw{size}c.onnx", size, onnxruntime.__version__)
        )
        assert unit.blocked is not None
        files[unit.blocked.file] = blocked
    for file, each in files.items():
        ir.save(each.model, folder / file)
        if problems := invalid(folder / file, program.blocks[region.entry]):
            raise CompileError(problems)
    return unit, graph


def _has_flow(model: ir.Model) -> bool:
    """Whether there is a graph within the graph: else the engine lays out the channels as well."""
    return next(iter(model.graph.subgraphs()), None) is not None


def specs_of(values: Sequence[ir.Value]) -> tuple[TensorSpec, ...]:
    """What a graph's inputs or outputs are."""
    return tuple(_spec(value) for value in values)


def _spec(value: ir.Value) -> TensorSpec:
    assert value.name is not None
    assert value.dtype is not None
    assert value.shape is not None
    plain = value.name.replace(".", "_")
    shape = (dim if isinstance(dim, int) else f"{plain}_{axis}" for axis, dim in enumerate(value.shape))
    return TensorSpec(value.name, value.dtype.numpy().name, tuple(shape))
