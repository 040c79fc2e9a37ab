"""Decides tests that are constants."""

from __future__ import annotations

from dataclasses import dataclass

from adaptc.compiler.ir.program import Program
from adaptc.passes.folding import decided
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.runtime.hostprogram import Jump


@register
@dataclass(frozen=True)
class FoldBranches(ProgramPass):
    """Replace a branch or switch on a constant by a jump; blocks that only the other way led to go with it.

    before:  if 3 > 2: goto a(x) else: goto b(x)
    after:   goto a(x)
    """

    name = "fold-branches"

    def run(self, program: Program, rw: Rewriter) -> None:
        """Evaluate every test that reads no value; one that raises stays, as it does when it runs."""
        for block in program.blocks.values():
            edge = decided(block.terminator)
            if edge is not None:
                rw.set_terminator(block.name, Jump(edge))
