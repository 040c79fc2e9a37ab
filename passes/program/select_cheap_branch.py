"""Turns branches that only choose host scalars into expressions."""

from __future__ import annotations

from dataclasses import dataclass

from adaptc.compiler.ir.expressions import key
from adaptc.compiler.ir.host_types import environment
from adaptc.compiler.ir.program import Block, Program, ScalarType, edges
from adaptc.passes.inline import expression_size, through
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.purity import only_names
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter, unique
from adaptc.runtime.hostprogram import Apply, Branch, Const, Edge, Expr, Jump, Let, Ref, Switch


@register
@dataclass(frozen=True)
class SelectCheapBranch(ProgramPass):
    """Replace a branch or switch by a jump with `select`, where all ways come to one block and pass the same tensors.

    A way may lead through a block that only computes with host scalars and cannot raise. `select` computes the
    chosen side alone, as the branch did. At most `max_operators` are computed on a way, and a switch has at most
    `max_cases`.

    before:  if p: goto b(x, n + 1) else: goto b(x, 0)
    after:   goto b(x, select(p, n + 1, 0))
    """

    name = "select-cheap-branch"
    max_operators: int = 8
    max_cases: int = 4

    def run(self, program: Program, rw: Rewriter) -> None:
        """Try every branch and switch, and again while that brings others into this form."""
        done = -1
        while done != rw.counts.total():
            done = rw.counts.total()
            for block in program.blocks.values():
                ways = [self._direct(program, edge) for edge in edges(block)]
                if 2 <= len(ways) <= self.max_cases + 1 and _only_scalars_differ(program, ways):
                    self._select(block, ways, rw)
            rw.remove_unreachable()

    def _direct(self, program: Program, edge: Edge) -> Edge:
        """`edge`, past a block that only computes with host scalars."""
        arm = program.blocks[edge.block]
        if not isinstance(arm.terminator, Jump) or arm.terminator.to.block == arm.name:
            return edge
        if not only_names(arm, environment(arm)):
            return edge
        direct = through(arm, edge, arm.terminator.to)
        return direct if expression_size(direct) <= self.max_operators else edge

    def _select(self, block: Block, ways: list[Edge], rw: Rewriter) -> None:
        taken = {named.name for named in (*block.params, *block.outputs, *block.steps)}
        steps = list(block.steps)

        def named(expr: Expr, hint: str, loc: str) -> Expr:
            """`expr` under a name: several arguments depend on it."""
            if isinstance(expr, Ref):
                return expr
            name = unique(hint, taken)
            taken.add(name)
            steps.append(Let(name, expr, loc))
            return Ref(name)

        match block.terminator:
            case Branch(test=test, loc=loc):
                tests = [named(test, "test", loc)]
            case Switch(index=index, keys=keys, loc=loc):
                chosen = named(index, "index", loc)
                tests = [Apply("eq", (chosen, Const(number))) for number in keys]
            case _:
                return
        args = tuple(_chosen(tests, [way.args[place] for way in ways]) for place in range(len(ways[0].args)))
        rw.set_steps(block.name, steps)
        rw.set_terminator(block.name, Jump(Edge(ways[0].block, args)))


def _only_scalars_differ(program: Program, ways: list[Edge]) -> bool:
    target = program.blocks[ways[0].block]
    if any(way.block != target.name for way in ways):
        return False
    return all(
        isinstance(param.type, ScalarType) or len({key(way.args[place]) for way in ways}) == 1
        for place, param in enumerate(target.params)
    )


def _chosen(tests: list[Expr], values: list[Expr]) -> Expr:
    """The value of the first test that holds; the last value where none does."""
    if len({key(value) for value in values}) == 1:
        return values[0]
    result = values[-1]
    for test, value in zip(reversed(tests), reversed(values[:-1])):
        result = Apply("select", (test, value, result))
    return result
