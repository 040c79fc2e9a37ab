"""Regions: the parts of a program that one graph computes, control flow included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.expressions import tested
from adaptc.compiler.ir.host_types import environment
from adaptc.compiler.ir.program import Block, Param, Program, ScalarType, TensorType, edges
from adaptc.runtime.hostprogram import Const, Edge, Expr, Jump, Raise, Ref, Return, ValueSpec, names_in

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
    """A copy of `program` in which every return and raise stands in a block of its own, for the host to do. Returns
    that give the same structure have one such block in common, so that a graph need not tell them apart.

    before:  b(x): y = f(x); return (y, 1)     c(z): return (z, 2)
    after:   b(x): y = f(x); goto b.end(y, 1)   c(z): goto b.end(z, 2)   b.end(y, n): return (y, n)
    """
    copy = copy_program(program)
    alike: dict[object, list[Block]] = {}
    for block in copy.blocks.values():
        if isinstance(block.terminator, Return | Raise):
            alike.setdefault(_form(block, block.terminator), []).append(block)
    for blocks in alike.values():
        if len(blocks) > 1:
            _end_of_all(copy, blocks)
        elif blocks[0].code is not None or blocks[0].steps:
            _end_of(copy, blocks[0])
    return replace(copy, later=tuple(map(with_ends, copy.later)))


def _form(block: Block, end: Return | Raise) -> object:
    """Equal for returns that one block can do: of values that a graph can hold, in one structure."""
    if isinstance(end, Raise) or not all(map(_is_value, end.outputs)):
        return block.name
    types = environment(block)
    found = [types[output.name] if isinstance(output, Ref) else None for output in end.outputs]
    dtypes = tuple(type_.dtype if isinstance(type_, TensorType) else None for type_ in found)
    return msgspec.json.encode((end.tree, end.specs, end.next)), dtypes


def _is_value(expr: Expr) -> bool:
    match expr:
        case Const(value=bool() | float()) | Ref():
            return True
        case Const(value=int(value)):
            return -(1 << 63) <= value < 1 << 63
    return False


def _end_of_all(program: Program, blocks: Sequence[Block]) -> None:
    """Put the returns of `blocks` into one block, which takes their outputs."""
    ends = [block.terminator for block in blocks]
    first = ends[0]
    assert isinstance(first, Return)
    types = environment(blocks[0])
    params = []
    for place, (output, spec) in enumerate(zip(first.outputs, first.specs, strict=True)):
        type_ = types[output.name] if isinstance(output, Ref) else None
        shared = TensorType(type_.dtype, spec.shape or ()) if isinstance(type_, TensorType) else _scalar(spec)
        params.append(Param(f"result_{place}", shared))
    name = blocks[0].name + END
    for block, end in zip(blocks, ends):
        assert isinstance(end, Return)
        block.terminator = Jump(Edge(name, end.outputs))
    end = msgspec.structs.replace(first, outputs=tuple(Ref(param.name) for param in params))
    program.blocks[name] = Block(name, params, None, [], [], [], [], end, blocks[0].loc)


def _scalar(spec: ValueSpec) -> ScalarType:
    return ScalarType(spec.dtype)  # type: ignore[arg-type]


def _end_of(program: Program, block: Block) -> None:
    """Put the return or raise of `block` into a block of its own, which takes the names that it reads."""
    read = {name for expr in tested(block.terminator) for name in names_in(expr)}
    params = [Param(name, type_) for name, type_ in environment(block).items() if name in read]
    name = block.name + END
    program.blocks[name] = Block(name, params, None, [], [], [], [], block.terminator, block.loc)
    block.terminator = Jump(Edge(name, tuple(Ref(param.name) for param in params)))
