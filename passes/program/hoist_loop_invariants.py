"""Computes before a loop what is the same in each of its iterations."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx

from adaptc.compiler.ir.expressions import map_edges
from adaptc.compiler.ir.program import Block, Program
from adaptc.passes.compose import split
from adaptc.passes.costs import is_repeatable, node_flops
from adaptc.passes.fakes import NotComposable
from adaptc.passes.flowgraph import FlowGraph, Loop
from adaptc.passes.hoist import hoist
from adaptc.passes.origins import Origins
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.passes.specialise import placeholder_nodes, sources
from adaptc.runtime.hostprogram import Edge, Jump, Ref


@register
@dataclass(frozen=True)
class HoistLoopInvariants(ProgramPass):
    """Move code out of a loop whose inputs do not change in it, to the block before the loop.

    Only from blocks that run in every iteration, the first included: nothing is computed that would not be, and what
    fails would have failed. What is moved has at least `min_flops` floating-point operations, as its results have
    to be passed along. Reads are decisions of the network and stay.

    before:  a(x): e = f(x); goto loop(h, e)     loop(h, e): k = g(e); h = u(h, k); if ...: goto loop(h, e)
    after:   a(x): e, k = (f; g)(x); goto loop(h, k)     loop(h, k): h = u(h, k); if ...: goto loop(h, k)
    """

    name = "hoist-loop-invariants"
    min_flops: int = 1000

    def run(self, program: Program, rw: Rewriter) -> None:
        """From the inner loops to the outer ones, each block that surely runs."""
        for loop in FlowGraph(program).loops:
            for name in [name for name in program.blocks if name in loop.blocks]:
                calls = self._invariant(program, program.blocks[name], loop)
                if calls and _can_be_split(program, name, calls) and FlowGraph(program).surely_runs(loop.header, name):
                    hoist(program, {name: calls}, _preheader(program, loop, rw), rw)

    def _invariant(self, program: Program, block: Block, loop: Loop) -> set[fx.Node]:
        """The calls of the code of `block` that give the same in each iteration, if they are worth it."""
        if block.code is None:
            return set()
        origins = Origins(program)
        holders = placeholder_nodes(block.code)
        fixed = {
            node for node, name in zip(holders, block.inputs) if origins.of(block.name, name).block not in loop.blocks
        }
        weights = set(holders[len(block.inputs) :])
        same: set[fx.Node] = set()
        for node in block.code.graph.graph.nodes:
            if node.op == "call_function" and is_repeatable(node):
                if all(used in same or used in fixed or used in weights for used in node.all_input_nodes):
                    same.add(node)
        calls = {node for node in same if not fixed.isdisjoint(sources([node]))}
        return calls if sum(map(node_flops, calls)) >= self.min_flops else set()


def _can_be_split(program: Program, block: str, calls: set[fx.Node]) -> bool:
    code = program.blocks[block].code
    try:
        return code is not None and split(program, code, calls) is not None
    except NotComposable:
        return False


def _preheader(program: Program, loop: Loop, rw: Rewriter) -> str:
    """The one block outside that jumps to the loop's header; a new one where there is none."""
    outside = [name for name in rw.predecessors()[loop.header] if name not in loop.blocks]
    if len(outside) == 1 and isinstance(program.blocks[outside[0]].terminator, Jump):
        return outside[0]
    header = program.blocks[loop.header]
    made = Block(
        rw.unique_block_name(header.name),
        list(header.params),
        None,
        [],
        [],
        [],
        [],
        Jump(Edge(header.name, tuple(Ref(param.name) for param in header.params))),
        header.loc,
    )
    rw.add_block(made)

    def around(edge: Edge) -> Edge:
        return Edge(made.name, edge.args) if edge.block == header.name else edge

    for name in outside:
        rw.set_terminator(name, map_edges(program.blocks[name].terminator, around))
    return made.name
