"""The control-flow graph of a program: order, dominators, loops."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import networkx as nx  # type: ignore[import-untyped]

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.expressions import map_edges
from adaptc.compiler.ir.program import Program, edges
from adaptc.runtime.hostprogram import Edge


@dataclass(frozen=True)
class Loop:
    """A natural loop: the header, which every iteration begins with, and all its blocks."""

    header: str
    blocks: frozenset[str]


class FlowGraph:
    """Facts about the graph of the blocks, as they were when it was made."""

    def __init__(self, program: Program) -> None:
        self.entry = program.entry
        self.graph: nx.DiGraph = nx.DiGraph()
        self.graph.add_nodes_from(program.blocks)
        self.graph.add_edges_from((b.name, e.block) for b in program.blocks.values() for e in edges(b))

    @cached_property
    def order(self) -> list[str]:
        """The blocks in an order in which each comes after all that lead to it, but for the ways back of loops."""
        return list(reversed(list(nx.dfs_postorder_nodes(self.graph, self.entry))))

    @cached_property
    def dominator(self) -> dict[str, str]:
        """For each block but the entry the nearest one that every path to it leads through."""
        found: dict[str, str] = nx.immediate_dominators(self.graph, self.entry)
        return {name: above for name, above in found.items() if name != self.entry}

    def dominates(self, above: str, below: str) -> bool:
        """Whether every path to `below` leads through `above`."""
        at: str | None = below
        while at is not None and at != above:
            at = self.dominator.get(at)
        return at is not None

    @cached_property
    def looping(self) -> frozenset[str]:
        """The blocks that some path comes back to."""
        parts = [part for part in nx.strongly_connected_components(self.graph) if len(part) > 1]
        return frozenset(name for part in parts for name in part) | set(nx.nodes_with_selfloops(self.graph))

    @cached_property
    def back_edges(self) -> list[tuple[str, str]]:
        """The edges to a block that dominates where they begin."""
        return [(start, end) for start, end in self.graph.edges if self.dominates(end, start)]

    @property
    def is_reducible(self) -> bool:
        """Whether every loop is entered by its header alone, as the runtime asks of a host program."""
        forward = self.graph.copy()
        forward.remove_edges_from(self.back_edges)
        return bool(nx.is_directed_acyclic_graph(forward))

    @cached_property
    def loops(self) -> list[Loop]:
        """The natural loops, those with one header taken together, inner ones first."""
        bodies: dict[str, set[str]] = {}
        for start, header in self.back_edges:
            body = bodies.setdefault(header, {header})
            todo = [start]
            while todo:
                name = todo.pop()
                if name not in body:
                    body.add(name)
                    todo += self.graph.predecessors(name)
        found = [Loop(header, frozenset(body)) for header, body in bodies.items()]
        return sorted(found, key=lambda loop: len(loop.blocks))

    def surely_runs(self, start: str, block: str) -> bool:
        """Whether every path from `start` to where a call ends leads through `block`."""
        if start == block:
            return True
        seen = {start}
        todo = [start]
        while todo:
            following = list(self.graph.successors(todo.pop()))
            if not following:
                return False
            for name in following:
                if name != block and name not in seen:
                    seen.add(name)
                    todo.append(name)
        return True

    def between(self, start: str, ends: Iterable[str]) -> set[str]:
        """The blocks on paths from `start`, which dominates `ends`, to `ends`; these are among them, `start` is not."""
        found: set[str] = set()
        todo = [end for end in ends if end != start]
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += [before for before in self.graph.predecessors(name) if before != start]
        return found


def led_elsewhere(program: Program, old: str, new: str) -> Program:
    """A copy of `program` whose edges to block `old` lead to `new`, which takes the same parameters."""
    copy = copy_program(program)

    def moved(edge: Edge) -> Edge:
        return Edge(new, edge.args) if edge.block == old else edge

    for block in copy.blocks.values():
        block.terminator = map_edges(block.terminator, moved)
    return copy


def is_reducible(program: Program) -> bool:
    """Whether every loop of `program` is entered by its header alone."""
    graph = FlowGraph(program)
    return not graph.looping or graph.is_reducible
