"""Makes one test of two that follow each other and share an outcome."""

from __future__ import annotations

from dataclasses import dataclass

from adaptc.compiler.ir.expressions import key, substitute
from adaptc.compiler.ir.host_types import environment
from adaptc.compiler.ir.program import Block, Program, ScalarType
from adaptc.passes.inline import expression_size, through, values_after
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.purity import only_names
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter, unique
from adaptc.runtime.hostprogram import Apply, Branch, Edge, Expr, Let, Ref


@register
@dataclass(frozen=True)
class CombineBranches(ProgramPass):
    """Make one branch of two, where the second is reached from the first alone-standing: it has nothing but host
    arithmetic that cannot raise, and one way out of it leads where the other way out of the first does, with the same
    tensors. The second test is computed only if the first asks for it, as before. Host scalars that the two ways pass
    become `select`. At most `max_operators` are computed on the common way.

    before:  if p: goto t(x, n + 1) else: goto b(x, 0)     t(x, n): if n == 2: goto a(x) else: goto b(x, n)
    after:   if p and n + 1 == 2: goto a(x) else: goto b(x, select(p, n + 1, 0))
    """

    name = "combine-branches"
    max_operators: int = 8

    def run(self, program: Program, rw: Rewriter) -> None:
        """Try every branch, and again while that brings others into this form."""
        done = -1
        while done != rw.counts.total():
            done = rw.counts.total()
            for block in program.blocks.values():
                if isinstance(block.terminator, Branch):
                    self._combine(program, block, block.terminator, rw)
            rw.remove_unreachable()

    def _combine(self, program: Program, block: Block, branch: Branch, rw: Rewriter) -> None:
        for first_holds, edge, other in ((True, branch.then, branch.orelse), (False, branch.orelse, branch.then)):
            second = program.blocks[edge.block]
            inner = second.terminator
            if second is block or not isinstance(inner, Branch) or not only_names(second, environment(second)):
                continue
            test = substitute(inner.test, values_after(second, edge))
            for second_holds, away, common in (
                (True, inner.then, inner.orelse),
                (False, inner.orelse, inner.then),
            ):
                away, common = through(second, edge, away), through(second, edge, common)
                small = expression_size(Edge("", (*away.args, *common.args, test))) <= self.max_operators
                if small and _can_be_one(program, common, other):
                    self._replace(block, branch, first_holds, test, second_holds, away, common, other, rw)
                    return

    def _replace(
        self,
        block: Block,
        branch: Branch,
        first_holds: bool,
        second: Expr,
        second_holds: bool,
        away: Edge,
        common: Edge,
        other: Edge,
        rw: Rewriter,
    ) -> None:
        """`away` is taken if both tests are as told; else `common` if the first is, else `other`."""
        first = branch.test
        steps = list(block.steps)
        if not isinstance(first, Ref):
            taken = {param.name for param in block.params} | {output.name for output in block.outputs}
            taken |= {step.name for step in block.steps}
            name = unique("test", taken)
            steps.append(Let(name, first, branch.loc))
            first = Ref(name)
        held = first if first_holds else Apply("not", (first,))
        both = Apply("and", (held, second if second_holds else Apply("not", (second,))))
        args = tuple(
            ours if key(ours) == key(theirs) else Apply("select", (held, ours, theirs))
            for ours, theirs in zip(common.args, other.args)
        )
        rw.set_steps(block.name, steps)
        rw.set_terminator(block.name, Branch(both, away, Edge(common.block, args), branch.loc))


def _can_be_one(program: Program, common: Edge, other: Edge) -> bool:
    """Whether two edges lead to one block and pass the same tensors."""
    return common.block == other.block and all(
        isinstance(param.type, ScalarType) or key(ours) == key(theirs)
        for param, ours, theirs in zip(program.blocks[common.block].params, common.args, other.args)
    )
