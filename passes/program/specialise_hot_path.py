"""Computes in one unit what most calls compute anyway, before the decisions on the way are looked at."""

from __future__ import annotations

from dataclasses import dataclass

from adaptc.compiler.ir.expressions import map_edges
from adaptc.compiler.ir.program import Block, Program, edges
from adaptc.compiler.profile import NO_PROFILE, Profile
from adaptc.passes.branch_profile import BranchProfile
from adaptc.passes.costs import cannot_fail, flops
from adaptc.passes.duplicates import duplicate
from adaptc.passes.hoist import hoist
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.runtime.hostprogram import Edge


@register
@dataclass(frozen=True)
class SpecialiseHotPath(ProgramPass):
    """Let the entry compute the code of the blocks that most calls go through, in one unit.

    The reads and decisions stay as they are, in the order of the network, each on what the entry has computed for it;
    where one goes another way, the call goes on from there in the general program, with what is computed already.
    So nothing is computed twice, and every path can be forced as before. Blocks on which other ways meet the hot path
    are duplicated, with reads of their own names.

    A block is taken as long as more than `share` of the calls come to it, and as long as the call of its unit
    (`call_us`, in microseconds) costs the calls that come to it more than its code costs the others (`flops_per_us`).
    Code that fails for some values is not computed before it is asked for. Without a `profile` nothing is likely.

    before:  a(x): y = f(x); if p(y): goto b(y) else: goto c(y)     b(y): z = g(y); return z
    after:   a(x): y, z = (f; g)(x); if p(y): goto b(z) else: goto c(y)     b(z): return z
    """

    name = "specialise-hot-path"
    profile: Profile = NO_PROFILE
    share: float = 0.5
    call_us: float = 6.0
    flops_per_us: float = 10_000.0

    def run(self, program: Program, rw: Rewriter) -> None:
        """Follow the most likely way from the entry as far as it pays."""
        if not self.profile.calls or program.blocks[program.entry].code is None:
            return
        likely = BranchProfile(program, self.profile)
        looping = likely.graph.looping
        name, known, reached = program.entry, program.entry, 1.0
        while True:
            ways = edges(program.blocks[name])
            if not ways:
                return
            index = max(range(len(ways)), key=lambda place: likely.probability(known, place))
            known, reached = ways[index].block, reached * likely.probability(known, index)
            if reached <= self.share or known in looping or known == program.entry:
                return
            target = program.blocks[known]
            if not self._pays(target, reached):
                return
            name = _on_its_own(program, name, index, rw)
            code = program.blocks[name].code
            if code is not None:
                calls = {node for node in code.graph.graph.nodes if node.op == "call_function"}
                if not hoist(program, {name: calls}, program.entry, rw):
                    return

    def _pays(self, block: Block, reached: float) -> bool:
        """Whether the code of `block`, to which the share `reached` of the calls come, is worth computing in all."""
        if block.code is None:
            return True
        if not cannot_fail(block.code):
            return False
        saved = reached * self.call_us
        wasted = (1 - reached) * flops(block.code) / self.flops_per_us
        return saved > wasted


def _on_its_own(program: Program, before: str, index: int, rw: Rewriter) -> str:
    """The block to which edge `index` of `before` leads; a copy of it where other edges lead there too."""
    target = edges(program.blocks[before])[index].block
    if len(rw.predecessors()[target]) == 1:
        return target
    copy = duplicate(program, program.blocks[target], rw)
    rw.add_block(copy)
    places = iter(range(index + 1))

    def moved(edge: Edge) -> Edge:
        return Edge(copy.name, edge.args) if next(places, None) == index else edge

    rw.set_terminator(before, map_edges(program.blocks[before].terminator, moved))
    return copy.name
