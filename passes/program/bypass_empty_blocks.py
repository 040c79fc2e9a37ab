"""Jumps over blocks that only pass values on (DyCL, ISSTA 2023, section 4: the first graph optimisation)."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from adaptc.compiler.ir.expressions import edge_key
from adaptc.compiler.ir.program import Block, Program, edges
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.runtime.hostprogram import Branch, Jump, Switch, Terminator


@register
@dataclass(frozen=True)
class BypassEmptyBlocks(ProgramPass):
    """Lead edges to a block that has nothing but a jump to where it jumps; a choice between equals is a jump.

    before:  if p: goto skip(x) else: goto layer(x)     skip(a): goto join(a)
    after:   if p: goto join(x) else: goto layer(x)

    before:  if p: goto join(x) else: goto join(x)
    after:   goto join(x)
    """

    name = "bypass-empty-blocks"

    def run(self, program: Program, rw: Rewriter) -> None:
        """Retarget edges over empty blocks and simplify choices while either makes work for the other."""
        done = -1
        while done != rw.counts.total():
            done = rw.counts.total()
            for name in list(program.blocks):
                block = program.blocks[name]
                if name != program.entry and _is_empty(block):
                    rw.retarget(name, edges(block)[0])
            rw.remove_unreachable()
            for block in program.blocks.values():
                rw.set_terminator(block.name, _simplified(block.terminator))


def _is_empty(block: Block) -> bool:
    # A block that jumps to itself is an endless loop, not a detour.
    return (
        block.code is None
        and not block.steps
        and isinstance(block.terminator, Jump)
        and block.terminator.to.block != block.name
    )


def _simplified(terminator: Terminator) -> Terminator:
    match terminator:
        case Branch(then=then, orelse=orelse) if edge_key(then) == edge_key(orelse):
            return Jump(then)
        case Switch(keys=keys, edges=cases, default=default):
            differing = [(k, case) for k, case in zip(keys, cases) if edge_key(case) != edge_key(default)]
            if not differing:
                return Jump(default)
            kept_keys, kept = zip(*differing)
            return msgspec.structs.replace(terminator, keys=kept_keys, edges=kept)
        case _:
            return terminator
