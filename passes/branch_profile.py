"""How likely each way of a program is, and how often its blocks run: from a profile, or by a prior."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from adaptc.compiler.ir.program import Block, Program, edges
from adaptc.compiler.profile import Profile
from adaptc.passes.flowgraph import FlowGraph
from adaptc.runtime.hostprogram import Raise

ITERATIONS = 8.0
"""How often a loop is taken to run where nothing is known of it."""

PRIOR_CALLS = 1.0
"""How many calls the prior counts as beside those of a profile: no way is impossible for not having been taken."""


class BranchProfile:
    """Probabilities of the edges of one program.

    Without a profile, or of a block that it does not have: an edge out of the innermost loop is taken once in
    `ITERATIONS` times, one that leads to an error never, others equally often. That counts as much as `prior_calls`
    calls of a profile do.
    """

    def __init__(self, program: Program, profile: Profile | None = None, prior_calls: float = PRIOR_CALLS) -> None:
        self.program = program
        self.profile = profile
        self._prior_calls = prior_calls
        self.graph = FlowGraph(program)

    def is_known(self, block: str) -> bool:
        """Whether the profile has counts for a block that decides."""
        return self.profile is not None and sum(self.profile.ways.get(block, ())) > 0

    def probability(self, block: str, index: int) -> float:
        """How likely a block, once it runs, is left by its edge `index`, in the order of `hostprogram.successors`."""
        return self._probabilities[block][index]

    def visits(self, block: str) -> float:
        """How often a block runs in a call, on average."""
        return self._visits[block]

    def iterations(self, header: str) -> float:
        """How often the header of a loop runs each time that the loop is entered, on average."""
        (loop,) = (loop for loop in self.graph.loops if loop.header == header)
        entered = sum(
            self.visits(block.name) * self.probability(block.name, index)
            for block in self.program.blocks.values()
            if block.name not in loop.blocks
            for index, edge in enumerate(edges(block))
            if edge.block == header
        )
        entered += 1.0 if header == self.program.entry else 0.0
        return self.visits(header) / entered if entered else 0.0

    @cached_property
    def _probabilities(self) -> dict[str, list[float]]:
        return {block.name: self._of(block) for block in self.program.blocks.values()}

    def _of(self, block: Block) -> list[float]:
        prior = self._prior(block)
        counts = self.profile.ways.get(block.name, ()) if self.profile is not None else ()
        if len(counts) != len(prior) or not sum(counts):
            return prior
        total = sum(counts) + self._prior_calls
        return [(count + self._prior_calls * share) / total for count, share in zip(counts, prior)]

    def _prior(self, block: Block) -> list[float]:
        ways = edges(block)
        loop = next((loop for loop in self.graph.loops if block.name in loop.blocks), None)
        weights = [self._weight(edge.block) for edge in ways]
        leaving = sum(weight for edge, weight in zip(ways, weights) if loop and edge.block not in loop.blocks)
        staying = sum(weights) - leaving
        if loop is not None and leaving and staying:
            share = 1.0 / ITERATIONS
            return [
                weight / staying * (1 - share) if edge.block in loop.blocks else weight / leaving * share
                for edge, weight in zip(ways, weights)
            ]
        total = sum(weights)
        return [weight / total if total else 1.0 / len(ways) for weight in weights]

    def _weight(self, target: str) -> float:
        return 0.0 if isinstance(self.program.blocks[target].terminator, Raise) else 1.0

    @cached_property
    def _visits(self) -> dict[str, float]:
        names = list(self.program.blocks)
        place = {name: number for number, name in enumerate(names)}
        # visits = start + flow @ visits; a loop without an end would make this singular, so a little is lost on the way
        flow = np.zeros((len(names), len(names)))
        for block in self.program.blocks.values():
            for edge, probability in zip(edges(block), self._probabilities[block.name]):
                flow[place[edge.block], place[block.name]] += probability * (1 - 1e-9)
        start = np.zeros(len(names))
        start[place[self.program.entry]] = 1.0
        solved = np.linalg.solve(np.eye(len(names)) - flow, start)
        return {name: float(value) for name, value in zip(names, solved)}
