"""Searches for the paths of a program: every one, or few that take all branch edges between them."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator

import networkx as nx  # type: ignore[import-untyped]

from adaptc.compiler.ir.program import edges
from adaptc.compiler.verify.symbolic import BranchEdge, Node, Option, TensorValue, Walker
from adaptc.compiler.verify.terms import Term
from adaptc.runtime.hostprogram import Jump

_REPEATS = 3
"""How often a path makes one choice at a branch that lies on a loop."""
_LENGTH = 10_000
_STEPS = 20_000
_STEPS_PER_EDGE = 4_000
_TRIES_PER_EDGE = 20_000
"""How many values are tried for the variables on the way to one branch edge: a step may take thousands, or none."""
_RANDOM = 8


class Search:
    """Searches the paths of one program; `walker` tells which steps are feasible."""

    def __init__(self, walker: Walker, generator: random.Random) -> None:
        self.walker = walker
        self._generator = generator
        self._cut = False
        self._covered: set[BranchEdge] = set()

    def every(self, limit: int) -> tuple[list[Node] | None, bool]:
        """The last nodes of all paths, then-edges first, and whether no loop was cut short.

        None where there are more than `limit` paths.
        """
        leaves: list[Node] = []
        stack = [self.walker.start()]
        for _ in range(_STEPS):
            if not stack:
                return leaves, not self._cut
            node = stack.pop()
            if node.executed.options:
                stack += list(self._children(node))[::-1]
            elif self.walker.end(node) is not None:
                leaves.append(node)
                if len(leaves) > limit:
                    return None, False
        return None, False

    def covering(self) -> list[Node]:
        """The last nodes of paths that take every feasible branch edge, and of a few random ones."""
        leaves: list[Node] = []
        waiting = deque([self.walker.start()])
        while waiting:
            node = waiting.popleft()
            if not leaves or (node.arrived_by is not None and node.arrived_by not in self._covered):
                self._keep(self._finish(node, waiting), leaves)
        steps = _STEPS
        for edge in self._branch_edges():
            if edge not in self._covered and steps > 0:
                leaf, used = self._reach(edge, min(steps, _STEPS_PER_EDGE))
                self._keep(leaf, leaves)
                steps -= used
        for _ in range(_RANDOM):
            self._keep(self._finish(self.walker.start(), None), leaves)
        return leaves

    def _keep(self, leaf: Node | None, leaves: list[Node]) -> None:
        if leaf is not None:
            leaves.append(leaf)
            self._covered.update(node.arrived_by for node in leaf.line() if node.arrived_by is not None)

    def _children(self, node: Node, wanted: Callable[[Option], bool] | None = None) -> Iterator[Node]:
        """The feasible nodes after `node`, by those options that are `wanted`.

        At a branch on a loop, a choice made often enough is left out, unless no other is feasible.
        """
        if node.depth >= _LENGTH:
            self._cut = True
            return
        often: list[Option] = []
        found = False
        for option in node.executed.options:
            if option.choice and node.repeats.get(node.edge(option), 0) >= _REPEATS:
                often.append(option)
            elif wanted is None or wanted(option):
                child = self.walker.take(node, option)
                if child is not None:
                    found = True
                    yield child
        self._cut = self._cut or bool(often)
        for option in sorted(often, key=lambda option: node.repeats[node.edge(option)]):
            child = None if found or not (wanted is None or wanted(option)) else self.walker.take(node, option)
            if child is not None:
                found = True
                yield child

    def _finish(self, node: Node, waiting: deque[Node] | None) -> Node | None:
        """Go on to the end of a path, by edges not covered yet where there are any, else at random.

        Further uncovered edges on the way are put into `waiting`; without it, all choices are random.
        """
        while node.executed.options:
            children = list(self._children(node))
            if not children:
                return None
            fresh = [c for c in children if c.arrived_by is not None and c.arrived_by not in self._covered]
            if waiting is None or not fresh:
                node = self._generator.choice(children)
            else:
                node = fresh[0]
                waiting.extend(fresh[1:])
        return node if self.walker.end(node) is not None else None

    def _branch_edges(self) -> list[BranchEdge]:
        """The edges out of branches and switches, those near the entry first."""
        blocks = self.walker.program.blocks
        order = [self.walker.program.entry]
        order += [block for _, block in nx.bfs_edges(self.walker.graph, self.walker.program.entry)]
        return [
            BranchEdge(name, index)
            for name in order
            if not isinstance(blocks[name].terminator, Jump)
            for index, _ in enumerate(edges(blocks[name]))
        ]

    def _reach(self, target: BranchEdge, budget: int) -> tuple[Node | None, int]:
        """The end of a path through `target`, found depth first, and the steps it took.

        A situation from which the target cannot be reached is not entered twice: what comes after depends
        only on the block, the scalars among its parameters and what has been decided about them.
        """
        near = nx.ancestors(self.walker.graph, target.block) | {target.block}
        hopeless: set[tuple[object, ...]] = set()

        def ways(node: Node) -> Iterator[Node]:
            return self._children(node, lambda o: node.edge(o) == target or o.edge.block in near)

        start = self.walker.start()
        stack = [(start, ways(start))]
        most = self.walker.solver.tries + _TRIES_PER_EDGE
        for step in range(budget):
            if not stack or self.walker.solver.tries > most:
                return None, step
            node, children = stack[-1]
            child = next(children, None)
            if child is None:
                hopeless.add(_situation(node))
                stack.pop()
            elif child.arrived_by == target:
                leaf = self._finish(child, deque())
                if leaf is not None:
                    return leaf, step
            elif _situation(child) not in hopeless:
                stack.append((child, ways(child)))
        return None, budget


def _situation(node: Node) -> tuple[object, ...]:
    key: list[object] = [node.block, tuple(node.repeats.items())]
    for value in node.values:
        if isinstance(value, TensorValue):
            key.append(value.shape)
        else:
            key.append(value)
            key.append(_decided(node, value))
    return tuple(key)


def _decided(node: Node, term: Term) -> frozenset[object]:
    """The constraints on the variables of `term` so far."""
    groups = [node.facts[variable] for variable in term.variables if variable in node.facts]
    return frozenset(constraint for group in groups for constraint in group.constraints)
