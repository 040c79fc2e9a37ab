"""Copies of programs to change or to go back to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from adaptc.compiler.ir.expressions import map_edges
from adaptc.compiler.ir.program import Block, Program
from adaptc.runtime.hostprogram import Edge


def copy_block(block: Block) -> Block:
    """A block of its own with the same code, expressions and types."""
    return replace(
        block,
        params=list(block.params),
        inputs=list(block.inputs),
        weights=list(block.weights),
        outputs=list(block.outputs),
        steps=list(block.steps),
    )


def renamed_block(block: Block, names: Mapping[str, str]) -> Block:
    """A copy of a block under its name in `names`, which has the blocks that its edges lead to as well."""
    copy = copy_block(block)
    copy.name = names[block.name]
    copy.terminator = map_edges(block.terminator, lambda edge: Edge(names[edge.block], edge.args))
    return copy


def copy_program(program: Program) -> Program:
    """A program of its own with the same blocks and weights; code and tensors, never edited, are shared."""
    return replace(
        program,
        blocks={name: copy_block(block) for name, block in program.blocks.items()},
        weights=dict(program.weights),
        notes=list(program.notes),
        later=tuple(map(copy_program, program.later)),
    )
