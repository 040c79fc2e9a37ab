"""Tests loops at their end, once before the first iteration and then after each."""

from __future__ import annotations

from dataclasses import dataclass

from adaptc.compiler.ir.expressions import map_edges
from adaptc.compiler.ir.program import Block, Program, edges
from adaptc.passes.duplicates import duplicate
from adaptc.passes.flowgraph import FlowGraph, Loop
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.passes.sizes import operators
from adaptc.runtime.hostprogram import Branch, Edge, Switch


@register
@dataclass(frozen=True)
class RotateLoops(ProgramPass):
    """Let a loop whose header only decides whether to go on decide that behind each iteration.

    In a graph an iteration is then no arm of an `If`, and there is none more in which nothing happens. The header is
    duplicated for the ways into the loop, reads under names of their own; its code may have at most `max_nodes`
    operators. Loops that already end by a decision stay, and those whose first block begins a loop too.

    before:  goto head(0)     head(i): if i < n: goto body(i) else: goto end(i)     body(i): i = f(i); goto head(i)
    after:   if 0 < n: goto body(0) else: goto end(0)
             body(i): i = f(i); goto head(i)     head(i): if i < n: goto body(i) else: goto end(i)
    """

    name = "rotate-loops"
    max_nodes: int = 8

    def run(self, program: Program, rw: Rewriter) -> None:
        """Each loop once, inner ones first."""
        for loop in FlowGraph(program).loops:
            header = program.blocks[loop.header]
            if operators(header) <= self.max_nodes and _decides_at_its_beginning(program, header, loop, rw):
                self._rotate(program, header, loop, rw)

    @staticmethod
    def _rotate(program: Program, header: Block, loop: Loop, rw: Rewriter) -> None:
        copy = duplicate(program, header, rw)
        rw.add_block(copy)

        def into(edge: Edge) -> Edge:
            return Edge(copy.name, edge.args) if edge.block == header.name else edge

        for name in dict.fromkeys(rw.predecessors()[header.name]):
            if name not in loop.blocks:
                rw.set_terminator(name, map_edges(program.blocks[name].terminator, into))


def _decides_at_its_beginning(program: Program, header: Block, loop: Loop, rw: Rewriter) -> bool:
    """Whether the header chooses between the one way into an iteration and ways out, and no way back decides."""
    if header.name == program.entry or not isinstance(header.terminator, Branch | Switch):
        return False
    leading = rw.predecessors()
    inside = [edge.block for edge in edges(header) if edge.block in loop.blocks]
    if len(inside) != 1 or inside[0] == header.name or leading[inside[0]] != [header.name]:
        return False
    return not any(
        edge.block not in loop.blocks
        for name in leading[header.name]
        if name in loop.blocks
        for edge in edges(program.blocks[name])
    )
