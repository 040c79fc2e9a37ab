"""Makes one code of the codes of blocks that always follow one another."""

from __future__ import annotations

from dataclasses import dataclass, replace

from adaptc.compiler.ir.program import Block, Param, Program, edges
from adaptc.passes.absorb import absorb, without_code
from adaptc.passes.fakes import NotComposable
from adaptc.passes.program.merge_chains import merge
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.runtime.hostprogram import Edge, Jump, Ref


@register
@dataclass(frozen=True)
class FuseChains(ProgramPass):
    """Join a block to the one that jumps to it, if that is its only way in and both have code.

    The second code runs before the steps of the first block, so it takes nothing that the host computes there.
    Blocks of which at most one has code are left to merge-chains.

    before:  a(x): y = f(x); r = read y[0]; goto b(y)     b(v): z = g(v); return z, r
    after:   a(x): y, z = (f; g)(x); r = read y[0]; return z, r
    """

    name = "fuse-chains"

    def run(self, program: Program, rw: Rewriter) -> None:
        """Fuse along jumps, from each block on as far as it goes."""
        ways = {name: len(leading) for name, leading in rw.predecessors().items()}
        for name in list(program.blocks):
            while name in program.blocks:
                first = program.blocks[name]
                if first.code is None or not isinstance(first.terminator, Jump):
                    break
                second = program.blocks[first.terminator.to.block]
                if second.code is None or second is first or second.name == program.entry or ways[second.name] != 1:
                    break
                fused = fuse(program, first, second)
                if fused is None:
                    break
                rw.replace_block(fused)
                rw.remove_block(second.name)


def fuse(program: Program, first: Block, second: Block) -> Block | None:
    """`first`, which jumps to `second`, with all that `second` does; None where they cannot be one block."""
    (edge,) = edges(first)
    try:
        absorbed = absorb(program, first, second, edge)
    except NotComposable:
        return None
    rest = without_code(second)
    rest.params = [*second.params, *(Param(output.name, output.type) for output in second.outputs)]
    passed = [Ref(absorbed.outputs[output.name]) for output in second.outputs]
    longer = Jump(Edge(second.name, (*edge.args, *passed)))
    return merge(replace(absorbed.block, terminator=longer), rest)
