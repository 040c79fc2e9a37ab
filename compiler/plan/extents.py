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

_Terms = frozenset[Dim]
"""Terms that are all the same number: where a network has tested that "batch" is 1, both are."""

_Known = Mapping[str, _Terms]
"""What the dimensions in the types of a block's parameters are, names and terms over them."""


def known_extents(program: Program, block: str) -> list[Sequence[Extent] | None]:
    """The extents of each parameter of `block`; None for one that is no tensor.

    Names of dimensions are a block's own: one stands for what is passed for it, where that is the same along all
    edges that can be taken. An extent of an argument that is no tensor of the block it comes from is not known.
    """
    types = [param.type for param in program.blocks[block].params]
    found: list[list[_Terms] | None] = [None] * len(types)
    for name, known in _known(program).items():
        given = environment(program.blocks[name])
        for edge in edges(program.blocks[name]):
            if edge.block == block:
                for index, (arg, type_) in enumerate(zip(edge.args, types, strict=True)):
                    if isinstance(type_, TensorType):
                        passed, before = _extents(arg, given, known, len(type_.shape)), found[index]
                        found[index] = passed if before is None else [one & two for one, two in zip(before, passed)]
    return [None if terms is None else [_simplest(each) for each in terms] for terms in found]


def _known(program: Program) -> dict[str, _Known]:
    """By block that can be reached, what its dimensions are: the greatest solution, as a loop hands on what it got."""
    dims = {dim for given in program.inputs if isinstance(given.type, TensorType) for dim in given.type.shape}
    known: dict[str, _Known] = {program.entry: {dim: frozenset([dim]) for dim in dims if isinstance(dim, str)}}
    waiting = [program.entry]
    while waiting:
        block = program.blocks[waiting.pop()]
        types = environment(block)
        for edge in edges(block):
            passed = _passed(program, edge, types, known[block.name])
            old = known.get(edge.block)
            new = passed if old is None else {dim: terms & passed.get(dim, frozenset()) for dim, terms in old.items()}
            if new != old:
                known[edge.block] = new
                waiting.append(edge.block)
    return known


def _passed(program: Program, edge: Edge, types: Mapping[str, Type], known: _Known) -> dict[str, _Terms]:
    """What an edge passes for the dimensions in the types of its target's parameters."""
    passed: dict[str, _Terms] = {}
    for arg, param in zip(edge.args, program.blocks[edge.block].params, strict=True):
        if isinstance(param.type, TensorType):
            given = _extents(arg, types, known, len(param.type.shape))
            for dim, terms in zip(param.type.shape, given):
                if isinstance(dim, str):
                    passed[dim] = passed.get(dim, frozenset()) | terms
    return passed


def _extents(arg: Expr, types: Mapping[str, Type], known: _Known, rank: int) -> list[_Terms]:
    type_ = types.get(arg.name) if isinstance(arg, Ref) else None
    return [_terms(dim, known) for dim in type_.shape] if isinstance(type_, TensorType) else [frozenset()] * rank


def _terms(dim: Dim, known: _Known) -> _Terms:
    """A dimension of a block in terms of the inputs'."""
    if isinstance(dim, int):
        return frozenset([dim])
    terms = known.get(dim, frozenset())
    names = {name: _simplest(frozenset(filter(_is_name, known.get(name, ())))) for name in _NAME.findall(dim)}
    if names and dim not in names and None not in names.values():
        return terms | {_NAME.sub(lambda name: str(names[name[0]]), dim)}
    return terms


def _is_name(dim: Dim) -> bool:
    return isinstance(dim, str) and _NAME.fullmatch(dim) is not None


def _simplest(terms: _Terms) -> Extent:
    """A number if there is one, otherwise the shortest term."""
    return min(terms, key=lambda term: (isinstance(term, str), len(str(term)), str(term)), default=None)
