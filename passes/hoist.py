"""Lets a block compute a part of what a block behind it computes."""

from __future__ import annotations

from collections.abc import Collection

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


def hoist(program: Program, block: str, calls: Collection[fx.Node], above: str, rw: Rewriter) -> bool:
    """Let block `above` compute `calls` of the code of `block`, which it dominates, and pass the results along.

    What they are computed from, weights aside, is made by `above` or by blocks that dominate it. Gives whether that
    was possible: tensors of known sizes alone are passed, and nothing that the host computes is taken.
    """
    source = program.blocks[block]
    # A read whose number the code takes too cannot be forced, which shows only while both stand in one block.
    if source.code is None or tied_reads(source):
        return False
    try:
        parts = split(program, source.code, calls)
        origins = Origins(program)
        needed = [origins.of(block, source.inputs[index]) for index in parts.early_inputs]
        # Whether it can be is tried on blocks that are not in the program.
        trial = copy_block(program.blocks[above])
        names = [_on_trial(program, trial, origin) for origin in needed]
        absorb(program, trial, _alone(source, parts), Edge("", tuple(map(Ref, names))))
    except NotComposable:
        return False
    types = [environment(program.blocks[origin.block])[origin.name] for origin in needed]
    names = [carry(program, origin, type_, above, rw) for origin, type_ in zip(needed, types)]
    absorbed = absorb(program, rw.copy_block(above), _alone(source, parts), Edge("", tuple(map(Ref, names))))
    rw.replace_block(absorbed.block)
    made = list(absorbed.outputs.values())
    carried = [carry(program, Origin(above, name), type_, block, rw) for name, type_ in zip(made, parts.early.outputs)]
    _take(program, block, parts, carried, rw)
    return True


def _on_trial(program: Program, trial: Block, origin: Origin) -> str:
    """The name that a value would have in `trial`, a copy of a block, if it were passed along."""
    if origin.block == trial.name:
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
