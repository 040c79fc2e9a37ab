"""Computes equal values of a block once."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx

from adaptc.compiler.ir.program import Program
from adaptc.passes.calls import call_key
from adaptc.passes.draft import Draft, codes
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.passes.weight_values import is_repeatable


@register
@dataclass(frozen=True)
class MergeEqualValues(ProgramPass):
    """Compute calls of the same operator on the same values once in each block, and not at all what nothing reads.

    before:  softmax(x, -1), softmax(x, -1)
    after:   y = softmax(x, -1); y, y
    """

    name = "merge-equal-values"

    def run(self, program: Program, rw: Rewriter) -> None:
        """Number the values of each code in order, so that values of equal values are equal too."""
        for code in codes(program):
            draft = Draft(program, code)
            first: dict[tuple[object, ...], fx.Node] = {}
            merged = 0
            for node in draft.graph.nodes:
                if node.op == "call_function" and is_repeatable(node):
                    original = first.setdefault(call_key(node), node)
                    if original is not node:
                        node.replace_all_uses_with(original)
                        merged += 1
            if merged or any(node.op == "call_function" and not node.users for node in code.graph.graph.nodes):
                draft.finish(rw, "merged")
