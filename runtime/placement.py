"""Where each block's code stands: at the one edge that leads to it, behind its dominator, or behind a loop."""

from __future__ import annotations

from dataclasses import dataclass

from adaptc.runtime.flowgraph import FlowGraph
from adaptc.runtime.hostprogram import Branch, HostProgram, Return, Switch


@dataclass(frozen=True)
class Limits:
    """How far the structuring goes before it writes code in another way. CPython allows 100 levels of
    indentation and 20 nested loops.

    `nested_blocks`, `nested_loops`: code that is deeper than this becomes a function. `deep_jump`: a merge that is
    reached from more levels than this is reached by `break`, which spares its sources the `else`. `wide_switch`: a
    switch with more arms than this is a binary search, which repeats the jump to its default. `small_exit`: code of
    at most this many blocks that ends the call may stay inside the loop that it leaves. `iterations`: what the caller
    allows one loop in one call, None for any number.
    """

    nested_blocks: int = 16
    nested_loops: int = 8
    deep_jump: int = 5
    wide_switch: int = 8
    small_exit: int = 8
    iterations: int | None = None


class BlockTree:
    """A tree over the blocks, given by each block's parent (a block that dominates it).

    `size` counts the blocks of a block's subtree; `exits` are the blocks outside of it to which its edges lead;
    `returns`: the call may return inside of it.
    """

    def __init__(self, program: HostProgram, graph: FlowGraph, parent: dict[int, int]) -> None:
        self.parent = parent
        self.children: dict[int, list[int]] = {block: [] for block in graph.order}
        for block in graph.order[1:]:
            self.children[parent[block]].append(block)
        self._enter: dict[int, int] = {}
        waiting = [graph.entry]
        while waiting:
            block = waiting.pop()
            self._enter[block] = len(self._enter)
            waiting.extend(self.children[block])
        self.size: dict[int, int] = {}
        self.exits: dict[int, frozenset[int]] = {}
        self.returns: dict[int, bool] = {}
        for block in reversed(graph.order):
            below = self.children[block]
            self.size[block] = 1 + sum(self.size[child] for child in below)
            targets = set(graph.edges[block]).union(*(self.exits[child] for child in below))
            self.exits[block] = frozenset(t for t in targets if not self.holds(block, t))
            ends = isinstance(program.blocks[block].terminator, Return)
            self.returns[block] = ends or any(self.returns[child] for child in below)

    def holds(self, root: int, block: int) -> bool:
        """Whether `block` stands in the subtree of `root`."""
        return self._enter[root] <= self._enter[block] < self._enter[root] + self.size[root]


class Placement:
    """The places of the blocks of a program.

    `inline`: blocks placed at the one edge that leads to them. `merges`: for a block, the blocks placed behind its
    code; `behind_loop`: for a loop's header, the blocks placed behind the loop; both in the order of the code.
    `tree` is the tree of these places.
    """

    def __init__(self, program: HostProgram, graph: FlowGraph, limits: Limits) -> None:
        self.graph = graph
        dominators = BlockTree(program, graph, graph.idom)
        entries = _forward_entries(graph, limits)
        outside = _left_loops(graph)
        kept = _exits_kept_inside(graph, dominators, entries, outside, limits)
        anchor = {block: outside.get(block, graph.idom[block]) for block in graph.order}
        for block in kept:
            anchor[block] = graph.idom[block]
        self.tree = BlockTree(program, graph, anchor)
        self.inline: set[int] = set()
        self.merges: dict[int, list[int]] = {block: [] for block in graph.order}
        self.behind_loop: dict[int, list[int]] = {block: [] for block in graph.order}
        for block in graph.order[1:]:
            if block in outside and block not in kept:
                self.behind_loop[anchor[block]].append(block)
            elif entries[block] > 1:
                self.merges[anchor[block]].append(block)
            else:
                self.inline.add(block)
        self._level = self._nesting_levels(program)

    def spread(self, target: int, *, from_loop: bool) -> int:
        """Over how many levels of nesting the jumps to `target` come: from its loop's body, or from before it."""
        sources = [s for s in self.graph.predecessors[target] if self.graph.is_back_edge(s, target) == from_loop]
        base = self._level[target if from_loop else self.tree.parent[target]]
        return max((self._level[source] - base for source in sources), default=0)

    def _nesting_levels(self, program: HostProgram) -> dict[int, int]:
        """A block stands a level deeper than the branch at whose edge it is placed, unless the other edges lead
        to code that ends the call: then it needs no `else`."""
        level = {self.graph.entry: 0}
        for block in self.graph.order[1:]:
            parent = self.tree.parent[block]
            level[block] = level[parent]
            if block in self.inline and isinstance(program.blocks[parent].terminator, Branch | Switch):
                others = [t for t in self.graph.edges[parent] if t != block]
                if not all(t in self.inline and not self.tree.exits[t] for t in others):
                    level[block] += 1
        return level


def _forward_entries(graph: FlowGraph, limits: Limits) -> dict[int, int]:
    """How many jumps forward lead to each block."""
    entries = dict.fromkeys(graph.order, 0)
    for source in graph.order:
        for target in graph.edges[source]:
            if not graph.is_back_edge(source, target):
                entries[target] += 1
        if len(graph.edges[source]) > limits.wide_switch + 1:
            default = graph.edges[source][-1]
            if not graph.is_back_edge(source, default):
                entries[default] += 1
    return entries


def _left_loops(graph: FlowGraph) -> dict[int, int]:
    """Blocks reached by leaving loops, with the header of the outermost loop that is left."""
    left: dict[int, int] = {}
    for block in graph.order[1:]:
        loop = graph.loop[graph.idom[block]]
        while loop is not None and not graph.holds(loop, block):
            left[block] = loop
            loop = graph.outer[loop]
    return left


def _exits_kept_inside(
    graph: FlowGraph, dominators: BlockTree, entries: dict[int, int], outside: dict[int, int], limits: Limits
) -> set[int]:
    """Of the blocks behind a loop, those to leave at their edge inside of it: short ways to the call's end.

    The last block behind a loop always stands behind it.
    """
    last = {header: block for block, header in sorted(outside.items(), key=lambda item: graph.number[item[0]])}
    return {
        block
        for block, header in outside.items()
        if last[header] != block
        and entries[block] == 1
        and dominators.size[block] <= limits.small_exit
        and not dominators.exits[block]
        and not any(h for h in graph.headers if dominators.holds(block, h))
    }
