"""The units of regions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx_ir as ir

from adaptc.compiler.backends.onnx.graphs.region import RegionGraph, lower_region
from adaptc.compiler.backends.onnx.kernels import invalid
from adaptc.compiler.backends.onnx.units import ENGINE, FOLDER, Units
from adaptc.compiler.errors import CompileError
from adaptc.compiler.ir.program import Program
from adaptc.compiler.plan.region import Region
from adaptc.runtime.manifest import TensorSpec, Unit


def write_region(
    program: Program, region: Region, units: Units, folder: Path, name: str, *, probed: bool = False
) -> tuple[Unit, RegionGraph]:
    """Write the graph of a region as the unit called `name` into the artifact at `folder`, whose `units` are there.

    Raises `RegionError` where no graph can hold the region, and `CompileError` where the graph is not valid ONNX.
    """
    place = folder / FOLDER
    graph = lower_region(
        program, region, lambda code: units.models[id(code)], units.table, place, name=name, probed=probed
    )
    unit = Unit(
        name=name,
        engine=ENGINE,
        file=f"{FOLDER}/{name}.onnx",
        inputs=specs_of(graph.model.graph.inputs),
        outputs=specs_of(graph.model.graph.outputs),
        weights=tuple(units.table.rows[row].names[0] for row in graph.weights),
        loc=program.blocks[region.entry].loc,
    )
    ir.save(graph.model, folder / unit.file)
    if problems := invalid(folder / unit.file, program.blocks[region.entry]):
        raise CompileError(problems)
    return unit, graph


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
