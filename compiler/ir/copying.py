"""Copies of programs to change or to go back to."""

from __future__ import annotations

from dataclasses import replace

from adaptc.compiler.ir.program import Block, Program


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


def copy_program(program: Program) -> Program:
    """A program of its own with the same blocks and weights; code and tensors, never edited, are shared."""
    return replace(
        program,
        blocks={name: copy_block(block) for name, block in program.blocks.items()},
        weights=dict(program.weights),
        notes=list(program.notes),
    )
