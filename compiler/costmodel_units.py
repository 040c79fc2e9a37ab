"""Units for the cost model's data: of one small network, and all those of a network that is compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from adaptc.compiler.backends.onnx.units import Units, write_units
from adaptc.compiler.driver import capture_program, optimise
from adaptc.compiler.errors import CompileError
from adaptc.compiler.frontend.decompositions import Decompositions, sharing
from adaptc.compiler.hidden_extents import hidden_extent
from adaptc.compiler.ir.block_text import block_mlir
from adaptc.compiler.ir.program import Block, Program, TensorType
from adaptc.costmodel.data.errors import SampleError
from adaptc.costmodel.data.units import BuiltUnit
from adaptc.costmodel.graph import HIDDEN
from adaptc.passes.pipeline import unpriced_pipeline
from adaptc.runtime.errors import AdaptcError
from adaptc.runtime.manifest import Unit


class UnitBuilder:
    """Builds units as a compile does with one unit for each block."""

    def __init__(self) -> None:
        self._decompositions: Decompositions | None = None

    def build(self, module: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> BuiltUnit:
        """The unit of `module`, written into the new folder `folder`. Raises `SampleError`."""
        try:
            with sharing(self._prepared()):
                program, bound = capture_program(module, inputs, name="unit", dynamic={})
            optimise(program, passes=unpriced_pipeline())
            (block, *others) = program.blocks.values()
            if others or block.code is None or program.later:
                raise SampleError("several blocks" if others else "no tensor code" if block.code is None else "state")
            units = write_units(program, folder)
        except AdaptcError as error:
            if isinstance(error, SampleError):
                raise
            raise SampleError(f"not compiled: {first_problem(error)}") from error
        arrays = {name: np.ascontiguousarray(tensor.detach().numpy()) for name, tensor in bound.inputs}
        (unit,) = units.units
        return built_unit(program, block, unit, units, folder, [arrays[name] for name in block.inputs])

    def _prepared(self) -> Decompositions:
        if self._decompositions is None:
            self._decompositions = Decompositions()
        return self._decompositions

    def __getstate__(self) -> dict[str, object]:
        return {"_decompositions": None}

    def real_units(self, network: str, folder: Path) -> tuple[list[BuiltUnit], dict[str, int]]:
        """The units of the network in ``FILE.py`` or ``FILE.py:NAME``, and how many were left out, by reason.

        Raises `SampleError` where it cannot be compiled, and `ModelFileError`.
        """
        from adaptc.compiler.costmodel_networks import units_of_network

        try:
            return units_of_network(network, folder)
        except CompileError as error:
            raise SampleError(f"not compiled: {first_problem(error)}") from error


def built_unit(
    program: Program,
    block: Block,
    unit: Unit,
    units: Units,
    folder: Path,
    arrays: Sequence[np.ndarray[Any, Any]],
    made: Sequence[tuple[int, ...]] = (),
) -> BuiltUnit:
    """`unit`, made of `block` and written into `folder`, with the arrays that it takes; `made` are the shapes of what
    it gives, where these are not known before."""
    rows = [row for row in units.table.rows if set(row.names) & set(unit.weights)]
    return BuiltUnit(
        mlir=block_mlir(program, block),
        model=folder / unit.file,
        inputs={spec.name: array for spec, array in zip(unit.inputs, arrays, strict=True)},
        outputs=tuple(spec.name for spec in unit.outputs),
        weight_bytes=sum(row.size for row in rows),
        sizes=sizes_of(program, block, [arrays], made),
    )


def sizes_of(
    program: Program,
    block: Block,
    samples: Sequence[Sequence[np.ndarray[Any, Any]]],
    made: Sequence[tuple[int, ...]],
) -> Mapping[str, int]:
    """The sizes of the named dimensions of the block's inputs and outputs; of those that are expressions too. `samples`
    are arrays of one shape that it takes, `made` are the shapes of what it gives. Under `HIDDEN` there is the mean of
    those in between that only data tells."""
    types = {param.name: param.type for param in block.params}
    declared = [*(types[name] for name in block.inputs), *(output.type for output in block.outputs)]
    sizes: dict[str, int] = {}
    for type_, shape in zip(declared, [*(array.shape for array in samples[0]), *made]):
        if isinstance(type_, TensorType):
            sizes.update((dim, extent) for dim, extent in zip(type_.shape, shape) if isinstance(dim, str))
    hidden = hidden_extent(program, block, samples)
    return sizes if hidden is None else {**sizes, HIDDEN: hidden}


def first_problem(error: AdaptcError) -> str:
    """What an error says, in one line: of a compile the first problem."""
    problems = getattr(error, "problems", None)
    return problems[0].found if problems else str(error).partition("\n")[0]
