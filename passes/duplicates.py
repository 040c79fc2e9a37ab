"""Copies of blocks within a program."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from adaptc.compiler.ir.copying import copy_block
from adaptc.compiler.ir.expressions import map_step, map_terminator, substitute
from adaptc.compiler.ir.interpret import Forced
from adaptc.compiler.ir.program import Block, Program
from adaptc.passes.rewriter import Rewriter, unique
from adaptc.runtime.hostprogram import Draw, Expr, Let, Read, Ref


def duplicate(program: Program, block: Block, rw: Rewriter) -> Block:
    """A copy of `block` under a name of its own, not yet in the program.

    Its reads have names of their own, since a name stands for one read of the program; they keep their lines, by
    which they are told when the network is run eagerly.
    """
    taken = {step.name for other in program.blocks.values() for step in other.steps if isinstance(step, Read)}
    taken |= {named.name for named in (*block.params, *block.outputs, *block.steps)}
    copy = copy_block(block)
    copy.name = rw.unique_block_name(block.name)
    renamed: dict[str, Expr] = {}
    steps: list[Let | Read | Draw] = []
    for step in block.steps:
        moved = map_step(step, lambda expr: substitute(expr, renamed))
        if isinstance(moved, Read):
            name = unique(step.name, taken)
            taken.add(name)
            renamed[step.name] = Ref(name)
            moved = msgspec.structs.replace(moved, name=name)
        steps.append(moved)
    copy.steps = steps
    copy.terminator = map_terminator(block.terminator, lambda expr: substitute(expr, renamed))
    return copy


def forced_on_copies(forced: Forced, reads: Iterable[str]) -> Forced:
    """What is `forced` on reads of a program, for `reads` of what passes made of it: a read and its copies share the
    values, since together they are run as often and in the order in which it was run alone."""
    found = {name: _original(name, forced) for name in reads}
    return {name: forced[original] for name, original in found.items() if original is not None}


def _original(name: str, known: Forced) -> str | None:
    """The name among those `known` of the read that `name` is, or is a copy of."""
    while name not in known:
        name, dot, number = name.rpartition(".")
        if not dot or not number.isdigit():
            return None
    return name
