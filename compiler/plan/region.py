"""Regions: the parts of a program that one graph computes, control flow included."""

from __future__ import annotations

from dataclasses import dataclass, replace

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.expressions import tested
from adaptc.compiler.ir.host_types import environment
from adaptc.compiler.ir.program import Block, Param, Program, edges
from adaptc.runtime.hostprogram import Const, Edge, Jump, Raise, Ref, Return, names_in

END = ".end"
"""What the names of blocks end with that hold nothing but the return or raise of another."""


@dataclass(frozen=True)
class Region:
    """Blocks that one graph computes. Control enters at `entry` alone, and leaves along the edges to other blocks;
    an edge back to `entry` from inside stays inside."""

    entry: str
    blocks: frozenset[str]


Leaving = int | str | Const
"""A value with which control leaves a region's graph: its output of this number, the entry's parameter of this name, or
a constant."""


def exits(program: Program, region: Region) -> tuple[str, ...]:
    """The blocks outside of `region` to which it leads, in the order of the program's blocks."""
    reached = {edge.block for name in region.blocks for edge in edges(program.blocks[name])}
    return tuple(name for name in program.blocks if name in reached and name not in region.blocks)


def with_ends(program: Program) -> Program:
    """A copy of `program` in which every return and raise stands in a block of its own, for the host to do.

    before:  b(x): y = f(x); return y
    after:   b(x): y = f(x); goto b.end(y)     b.end(y): return y
    """
    copy = copy_program(program)
    for block in list(copy.blocks.values()):
        if isinstance(block.terminator, Return | Raise) and (block.code is not None or block.steps):
            end = _end_of(block)
            copy.blocks[end.name] = end
            block.terminator = Jump(Edge(end.name, tuple(Ref(param.name) for param in end.params)))
    return replace(copy, later=tuple(map(with_ends, copy.later)))


def _end_of(block: Block) -> Block:
    read = {name for expr in tested(block.terminator) for name in names_in(expr)}
    params = [Param(name, type_) for name, type_ in environment(block).items() if name in read]
    return Block(block.name + END, params, None, [], [], [], [], block.terminator, block.loc)
