"""Lets a block compute a part of what blocks behind it compute."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from torch import fx

from adaptc.compiler.ir.copying import copy_block
from adaptc.compiler.ir.host_types import environment
from adaptc.compiler.ir.program import Block, Code, Output, Param, Program
from adaptc.compiler.ir.tied import tied_reads
from adaptc.passes.absorb import absorb
from adaptc.passes.compose import Parts, split
from adaptc.passes.fakes import NotComposable
from adaptc.passes.origins import Origin, Origins, carry
from adaptc.passes.rewriter import Rewriter, unique
from adaptc.runtime.hostprogram import Edge, Expr, Jump, Ref


@dataclass(frozen=True)
class _Piece:
    """What is to be computed early of one block: the names that its outputs have in the block of all pieces."""

    block: str
    parts: Parts
    outputs: tuple[str, ...]


def hoist(program: Program, wanted: Mapping[str, Collection[fx.Node]], above: str, rw: Rewriter) -> list[str]:
    """Let block `above` compute calls of the codes of blocks that it dominates (`wanted`: block -> calls), and pass the
    results along. Gives the blocks for which that was possible.

    What the calls are computed from, weights aside, is made by `above` or by blocks that dominate it. It is possible
    where tensors of known sizes alone are passed, and nothing is taken that the host computes.
    """
    origins = Origins(program)
    all_pieces = Block("", [], None, [], [], [], [], Jump(Edge("")), program.blocks[above].loc)
    trial = copy_block(program.blocks[above])
    names: dict[Origin, str] = {}
    pieces: list[_Piece] = []
    for block, calls in wanted.items():
        source = program.blocks[block]
        # A read whose number the code takes too cannot be forced, which shows only while both stand in one block.
        if source.code is None or tied_reads(source):
            continue
        try:
            parts = split(program, source.code, calls)
            needed = [origins.of(block, source.inputs[index]) for index in parts.early_inputs]
            for origin in needed:
                if origin not in names:
                    names[origin] = _on_trial(program, trial, origin)
                    type_ = environment(program.blocks[origin.block])[origin.name]
                    all_pieces.params.append(Param(f"in {len(all_pieces.params)}", type_))
            order = list(names)
            args = tuple(Ref(all_pieces.params[order.index(origin)].name) for origin in needed)
            absorbed = absorb(program, all_pieces, _alone(source, parts), Edge("", args))
        except NotComposable:
            continue
        all_pieces = absorbed.block
        pieces.append(_Piece(block, parts, tuple(absorbed.outputs.values())))
    try:
        # Whether it can be is tried on a block that is not in the program.
        absorb(program, trial, all_pieces, _passing(all_pieces, names.values()))
    except NotComposable:
        return []
    for origin, param in zip(names, all_pieces.params):
        names[origin] = carry(program, origin, param.type, above, rw)
    absorbed = absorb(program, rw.copy_block(above), all_pieces, _passing(all_pieces, names.values()))
    rw.replace_block(absorbed.block)
    for piece in pieces:
        carried = [
            carry(program, Origin(above, absorbed.outputs[name]), type_, piece.block, rw, is_new=True)
            for name, type_ in zip(piece.outputs, piece.parts.early.outputs)
        ]
        _take(program, piece.block, piece.parts, carried, rw)
    return [piece.block for piece in pieces]


def _passing(block: Block, names: Iterable[str]) -> Edge:
    return Edge(block.name, tuple(map(Ref, names)))


def _on_trial(program: Program, trial: Block, origin: Origin) -> str:
    """The name that a value would have in `trial`, a copy of a block, if it were passed along."""
    if origin.block == trial.name:
        known = {param.name for param in trial.params} | {output.name for output in trial.outputs}
        if origin.name not in known:
            raise NotComposable(f"the code takes '{origin.name}', which the host computes")
        return origin.name
    type_ = environment(program.blocks[origin.block])[origin.name]
    name = unique(origin.name, set(environment(trial)))
    trial.params.append(Param(name, type_))
    return name


def _alone(source: Block, parts: Parts) -> Block:
    """A block of the early part of the code of `source`."""
    code: Code = parts.early
    named = {early: source.outputs[own].name for own, early in parts.results.items()}
    names = [named.get(number, f"early_{number}") for number in range(len(code.outputs))]
    return Block(
        "",
        [Param(f"in {number}", type_) for number, type_ in enumerate(code.inputs)],
        code,
        [f"in {number}" for number in range(len(code.inputs))],
        [source.weights[index] for index in parts.early_weights],
        [Output(name, type_) for name, type_ in zip(names, code.outputs)],
        [],
        Jump(Edge("")),
        source.loc,
    )


def _take(program: Program, block: str, parts: Parts, carried: list[str], rw: Rewriter) -> None:
    """Let `block` compute the late part alone, and read what was `carried` to it."""
    source = program.blocks[block]
    values: dict[str, Expr] = {source.outputs[own].name: Ref(carried[early]) for own, early in parts.results.items()}
    rw.set_code(
        block,
        parts.late,
        [*(source.inputs[index] for index in parts.late_inputs), *(carried[index] for index in parts.passed)],
        [source.weights[index] for index in parts.late_weights],
        [source.outputs[index] for index in parts.late_outputs],
    )
    rw.substitute(block, values)
