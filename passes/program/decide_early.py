"""Computes what a decision reads as soon as what it is computed from is there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import fx

from adaptc.compiler.ir.program import Block, Program, TensorType
from adaptc.passes.costs import is_harmless
from adaptc.passes.flowgraph import FlowGraph
from adaptc.passes.hoist import hoist
from adaptc.passes.origins import Origins
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.passes.specialise import placeholder_nodes, result_nodes, sources
from adaptc.runtime.hostprogram import Read


@register
@dataclass(frozen=True)
class DecideEarly(ProgramPass):
    """Let the block that makes a tensor compute the numbers that later decisions read from it: a policy network
    decides all gates at once, and its gates then need no code of their own.

    That code has at most `max_nodes` operators, which cannot fail, on at most `max_elements` elements each. It moves
    to a block after which the decision is surely taken. The reads stay where they are, in the order of the network.

    before:  a(x): p = f(x); ...     b(y, p): t = p[3]; r = read t; if r: ...
    after:   a(x): p, t = (f; [3])(x); ...     b(y, t): r = read t; if r: ...
    """

    name = "decide-early"
    max_nodes: int = 6
    max_elements: int = 1024

    def run(self, program: Program, rw: Rewriter) -> None:
        """Try every block that reads what its own code computes."""
        origins, graph = Origins(program), FlowGraph(program)
        wanted: dict[str, dict[str, set[fx.Node]]] = {}
        for block in program.blocks.values():
            calls = self._gate(block)
            above = _where_made(block, calls, origins, graph) if calls else None
            if above is not None:
                wanted.setdefault(above, {})[block.name] = calls
        for above, gates in wanted.items():
            hoist(program, gates, above, rw)

    def _gate(self, block: Block) -> set[fx.Node]:
        """The calls that compute what `block` reads, if they cost next to nothing."""
        if block.code is None:
            return set()
        read = {step.tensor for step in block.steps if isinstance(step, Read)}
        results = [node for node, out in zip(result_nodes(block.code), block.outputs) if out.name in read]
        calls = {node for node in sources(results) if node.op == "call_function"}
        cheap = all(is_harmless(node) and self._is_small(node) for node in calls)
        return calls if cheap and len(calls) <= self.max_nodes else set()

    def _is_small(self, node: fx.Node) -> bool:
        value = node.meta.get("val")
        if not isinstance(value, torch.Tensor):
            return False
        return all(isinstance(size, int) for size in value.shape) and value.numel() <= self.max_elements


def _where_made(block: Block, calls: set[fx.Node], origins: Origins, graph: FlowGraph) -> str | None:
    """The last block to make something that `calls` of the code of `block` take; None where that is no better place."""
    assert block.code is not None
    needed = {node for call in calls for node in call.all_input_nodes}
    found: list[str] = []
    for node, name, type_ in zip(placeholder_nodes(block.code), block.inputs, block.code.inputs):
        if node in needed:
            if not isinstance(type_, TensorType):
                return None
            found.append(origins.of(block.name, name).block)
    if not found:
        return None
    last = found[0]
    for other in found[1:]:
        last = other if graph.dominates(last, other) else last
    better = last != block.name and graph.surely_runs(last, block.name)
    once = all(block.name in loop.blocks for loop in graph.loops if last in loop.blocks)
    return last if better and once else None
