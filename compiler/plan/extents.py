"""Which extents of a block's parameters are numbers or dimensions of the network's inputs, on every way to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from adaptc.compiler.ir.host_types import environment
from adaptc.compiler.ir.program import Dim, Program, TensorType, Type, edges
from adaptc.runtime.hostprogram import Edge, Expr, Ref

Extent = Dim | None
"""An extent in terms of the inputs' dimensions: "batch", "batch + 1"; None for one that no such term is known for."""

_NAME = re.compile(r"[A-Za-z_]\w*")

_Meanings = Mapping[str, Extent]
"""What the dimensions in the types of a block's parameters stand for, names and terms over them."""


def known_extents(program: Program, block: str) -> list[Sequence[Extent] | None]:
    """The extents of each parameter of `block`; None for one that is no tensor.

    Names of dimensions are a block's own: one stands for what is passed for it, where that is the same along all
    edges that can be taken. An extent of an argument that is no tensor of the block it comes from is not known.
    """
    meanings = _meanings(program)
    found: list[Sequence[Extent] | None] = [None] * len(program.blocks[block].params)
    first = True
    for name, known in meanings.items():
        types = environment(program.blocks[name])
        for edge in edges(program.blocks[name]):
            if edge.block == block:
                passed = [
                    _extents(arg, types, known, len(param.type.shape)) if isinstance(param.type, TensorType) else None
                    for arg, param in zip(edge.args, program.blocks[block].params, strict=True)
                ]
                found = passed if first else [_common(one, other) for one, other in zip(found, passed)]
                first = False
    return found


def _meanings(program: Program) -> dict[str, _Meanings]:
    """By block that can be reached, what its dimensions stand for: the greatest solution, as a loop hands on what
    it was given."""
    dims = {dim for given in program.inputs if isinstance(given.type, TensorType) for dim in given.type.shape}
    meanings: dict[str, _Meanings] = {program.entry: {dim: dim for dim in dims if isinstance(dim, str)}}
    waiting = [program.entry]
    while waiting:
        block = program.blocks[waiting.pop()]
        types = environment(block)
        for edge in edges(block):
            passed = _passed(program, edge, types, meanings[block.name])
            old = meanings.get(edge.block)
            new = passed if old is None else {name: _same(old.get(name), passed[name]) for name in passed}
            if new != old:
                meanings[edge.block] = new
                waiting.append(edge.block)
    return meanings


def _passed(program: Program, edge: Edge, types: Mapping[str, Type], known: _Meanings) -> dict[str, Extent]:
    """What an edge passes for the dimensions in the types of its target's parameters."""
    passed: dict[str, Extent] = {}
    for arg, param in zip(edge.args, program.blocks[edge.block].params, strict=True):
        if isinstance(param.type, TensorType):
            given = _extents(arg, types, known, len(param.type.shape))
            for dim, extent in zip(param.type.shape, given):
                if isinstance(dim, str) and passed.get(dim) is None:
                    passed[dim] = extent
    return passed


def _extents(arg: Expr, types: Mapping[str, Type], known: _Meanings, rank: int) -> Sequence[Extent]:
    type_ = types.get(arg.name) if isinstance(arg, Ref) else None
    return [_meant(dim, known) for dim in type_.shape] if isinstance(type_, TensorType) else [None] * rank


def _meant(dim: Dim, known: _Meanings) -> Extent:
    """A dimension of a block in terms of the inputs'."""
    if isinstance(dim, int) or dim in known:
        return dim if isinstance(dim, int) else known[dim]
    extents = {name: known.get(name) for name in _NAME.findall(dim)}
    if not extents or not all(isinstance(extent, str) and _NAME.fullmatch(extent) for extent in extents.values()):
        return None
    return _NAME.sub(lambda name: str(extents[name[0]]), dim)


def _common(one: Sequence[Extent] | None, other: Sequence[Extent] | None) -> Sequence[Extent] | None:
    return None if one is None or other is None else [_same(a, b) for a, b in zip(one, other, strict=True)]


def _same(one: Extent, other: Extent) -> Extent:
    return one if one == other else None
