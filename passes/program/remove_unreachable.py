"""Removes blocks that no path reaches."""

from __future__ import annotations

from dataclasses import dataclass

from adaptc.compiler.ir.program import Program
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter


@register
@dataclass(frozen=True)
class RemoveUnreachable(ProgramPass):
    """Remove the blocks that a capture left behind without a way to them.

    before:  entry -> end     orphan -> end
    after:   entry -> end
    """

    name = "remove-unreachable"
    accepts_unreachable = True

    def run(self, program: Program, rw: Rewriter) -> None:
        """Remove every block that no path from the entry reaches."""
        rw.remove_unreachable()
