"""Moves the code of a block in which ways meet into the blocks before it, where it runs together with theirs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from adaptc.compiler.ir.expressions import map_edges
from adaptc.compiler.ir.program import Block, Param, Program, edges
from adaptc.compiler.ir.tied import tied_reads
from adaptc.passes.absorb import Absorbed, absorb, without_code
from adaptc.passes.fakes import NotComposable
from adaptc.passes.flowgraph import FlowGraph
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.passes.sizes import operators, weight_bytes
from adaptc.runtime.hostprogram import Edge, Jump, Ref


@register
@dataclass(frozen=True)
class DuplicateTails(ProgramPass):
    """Let the blocks that jump to a meeting of ways compute what it computes, and pass the results to it.

    The next gate then runs in the arm before it, in one unit with the layer there. Ways that end in a decision come
    through one new block with the code. Reads and decisions stay where the ways meet. Code is duplicated if it has at
    most `max_nodes` operators and `max_bytes` of weights, and if one block at least can take it into its own.

    That saves the host a call, and lets loops decide at their end. A graph with the branches in it gains nothing by it,
    and a small one loses a little: `in_loops_only` leaves meetings as they are that no loop comes back to.

    before:  if p: goto layer(x) else: goto gate(x)     layer(v): y = f(v); goto gate(y)
             gate(u): s = g(u); if s[0]: ...
    after:   if p: goto layer(x) else: goto gate.1(x)   layer(v): y, s = (f; g)(v); goto gate(y, s)
             gate.1(u): s = g(u); goto gate(u, s)       gate(u, s): if s[0]: ...
    """

    name = "duplicate-tails"
    max_nodes: int = 24
    max_bytes: int = 1 << 18
    in_loops_only: bool = False

    def run(self, program: Program, rw: Rewriter) -> None:
        """Move code up from each meeting of ways, the last ones first."""
        looping = FlowGraph(program).looping if self.in_loops_only else program.blocks.keys()
        for name in reversed(list(program.blocks)):
            if name not in looping:
                continue
            block = program.blocks[name]
            leading = rw.predecessors()[name]
            if block.code is None or len(leading) < 2 or name == program.entry or name in leading:
                continue
            # A read whose number the code takes too cannot be forced, which shows only while both stand in one block.
            if tied_reads(block):
                continue
            if operators(block) <= self.max_nodes and weight_bytes(program, block) <= self.max_bytes:
                _move_up(program, block, sorted(set(leading), key=leading.index), rw)


def _move_up(program: Program, block: Block, leading: list[str], rw: Rewriter) -> None:
    taking: dict[str, Absorbed] = {}
    for name in leading:
        before = program.blocks[name]
        if isinstance(before.terminator, Jump) and before.code is not None:
            try:
                taking[name] = absorb(program, before, block, before.terminator.to)
            except NotComposable:
                continue
    if not taking:
        return
    results = [Param(output.name, output.type) for output in block.outputs]
    rest = [name for name in leading if name not in taking]
    if rest:
        alone = _alone(block, rw.unique_block_name(block.name))
        rw.add_block(alone)

        def around(edge: Edge) -> Edge:
            return Edge(alone.name, edge.args) if edge.block == block.name else edge

        for name in rest:
            rw.set_terminator(name, map_edges(program.blocks[name].terminator, around))
    for absorbed in taking.values():
        (edge,) = edges(absorbed.block)
        passed = tuple(Ref(absorbed.outputs[output.name]) for output in block.outputs)
        rw.replace_block(replace(absorbed.block, terminator=Jump(Edge(block.name, (*edge.args, *passed)))))
    meeting = without_code(block)
    meeting.params = [*block.params, *results]
    rw.replace_block(meeting)


def _alone(block: Block, name: str) -> Block:
    """A block that computes what `block` computes and passes it on to that, after its parameters."""
    values = (*(param.name for param in block.params), *(output.name for output in block.outputs))
    jump = Jump(Edge(block.name, tuple(map(Ref, values))))
    return replace(block, name=name, params=list(block.params), steps=[], terminator=jump, outputs=list(block.outputs))
