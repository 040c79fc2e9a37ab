"""The unit files of a program: each distinct code is lowered once, then bound to the blocks that run it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from adaptc.compiler.backends.onnx.binding import WEIGHTS_FILE, bind, specs, used_weights
from adaptc.compiler.backends.onnx.kernels import invalid, without_kernels
from adaptc.compiler.backends.onnx.lower import lower
from adaptc.compiler.backends.onnx.weights import WeightTable, write_weights
from adaptc.compiler.errors import CompileError, Problem
from adaptc.compiler.ir.program import Block, Code, Program, programs
from adaptc.compiler.options import Progress, no_progress
from adaptc.runtime.manifest import Unit

ENGINE = "onnxruntime"
FOLDER = "units"
"""The folder of units and weights in an artifact."""


@dataclass(frozen=True)
class Units:
    """The units of a program's blocks, and what they were made of: `block_units` names those of the blocks that have
    code, `models` are the lowered codes by identity, and `table` the rows of the weights file."""

    units: list[Unit]
    block_units: dict[str, str]
    models: dict[int, ir.Model]
    table: WeightTable


def write_units(program: Program, folder: Path, progress: Progress = no_progress) -> Units:
    """Write ``units/*.onnx`` and ``units/weights.bin`` into the artifact at `folder`, for a session's later programs
    too.

    Blocks with the same code and equal weights share a unit. Raises `CompileError` listing every operator, of
    all blocks, that cannot be translated or that ONNX Runtime has no kernel for.
    """
    units_folder = folder / FOLDER
    units_folder.mkdir(parents=True)
    everything = [block for part in programs(program) for block in part.blocks.values()]
    blocks = [(block, block.code) for block in everything if block.code is not None]
    codes = list({id(code): code for _, code in blocks}.values())
    models = _lower_all(codes, progress)
    used = {id(code): used_weights(models[id(code)], code) for code in codes}
    names = [block.weights[index] for block, code in blocks for index in used[id(code)]]
    tensors = {name: tensor for part in programs(program) for name, tensor in part.weights.items()}
    table = write_weights(tensors, names, units_folder / WEIGHTS_FILE, progress)

    units: dict[tuple[int, tuple[int, ...]], Unit] = {}
    block_units: dict[str, str] = {}
    problems: list[Problem] = []
    opened: set[int] = set()
    taken: set[str] = set()
    for done, (block, code) in enumerate(blocks):
        progress("units", done, len(blocks))
        rows = tuple(table.index[block.weights[index]] for index in used[id(code)])
        unit = units.get((id(code), rows))
        if unit is None:
            unit = _unit(block, file_name(block.name, taken), [table.rows[row].names[0] for row in rows])
            units[id(code), rows] = unit
            bound = bind(models[id(code)], unit.name, block, used[id(code)], table, units_folder)
            ir.save(bound, folder / unit.file)
            problems += invalid(folder / unit.file, block)
            if id(code) not in opened:
                opened.add(id(code))
                problems += without_kernels(folder / unit.file, bound, block)
        block_units[block.name] = unit.name
    progress("units", len(blocks), len(blocks))
    if problems:
        raise CompileError(list(dict.fromkeys(problems)))
    return Units(list(units.values()), block_units, models, table)


def _lower_all(codes: Sequence[Code], progress: Progress) -> dict[int, ir.Model]:
    models: dict[int, ir.Model] = {}
    problems: list[Problem] = []
    for done, code in enumerate(codes):
        progress("lowering", done, len(codes))
        try:
            models[id(code)] = lower(code)
        except CompileError as error:
            problems += error.problems
    progress("lowering", len(codes), len(codes))
    if problems:
        raise CompileError(list(dict.fromkeys(problems)))
    return models


def _unit(block: Block, name: str, weights: Sequence[str]) -> Unit:
    inputs, outputs = specs(block)
    return Unit(
        name=name,
        engine=ENGINE,
        file=f"{FOLDER}/{name}.onnx",
        inputs=inputs,
        outputs=outputs,
        weights=tuple(dict.fromkeys(weights)),
        loc=block.loc,
    )


def file_name(name: str, taken: set[str]) -> str:
    """`name` as the name of a file on any system, not among `taken` in any spelling of case."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", name).lstrip(".") or "unit"
    unique, count = plain, 2
    while unique.lower() in taken:
        unique, count = f"{plain}_{count}", count + 1
    taken.add(unique.lower())
    return unique
