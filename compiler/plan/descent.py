"""Finds the fastest choice for several regions by measurements, one region at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from adaptc.compiler.plan.turns import TIE, Difference, Times

Graphs = frozenset[str]
"""One way to run a program: the entries of the regions that are graphs."""

MOST_REGIONS = 8
"""Regions that are measured; those beyond are left to the expected cost."""

ROUNDS = 3
"""Rounds of measurements. A round times one way to run the program, and for each region the way that differs in it:
at most `ROUNDS` * (`MOST_REGIONS` + 1) ways are timed."""


@dataclass(frozen=True)
class Measured:
    """What the whole program takes with a region as a graph and block by block, the other regions as they are, in µs
    of a call; and the µs up to which what is between them may be noise."""

    graph: float
    blocks: float
    noise: float


@dataclass(frozen=True)
class Found:
    """The fastest way that was found, what was measured of each region in the last round, and how many ways and turns
    were timed in all rounds."""

    graphs: Graphs
    measured: Mapping[str, Measured]
    ways: int
    turns: int


def is_faster(difference: Difference, time: float) -> bool:
    """Whether what takes longer by `difference` than something else, which takes `time`, is to be left for that: it
    is more than noise, and than a tie."""
    return difference.size > TIE * time and difference.is_clear


def descend(first: Graphs, regions: Sequence[str], time: Callable[[Sequence[Graphs]], Times]) -> Found:
    """The fastest way to run a program with these `regions`, from `first` on.

    `time` times some ways in turns. Each round compares the way that is best so far with those that differ in one
    region. All regions are changed that are clearly faster so, together, and what comes of it is measured again; in the
    last round only the fastest of what was measured is taken. Where nothing is clearly faster, what was there stays.
    """
    current, turns, timed = first, 0, set[Graphs]()
    for left in reversed(range(ROUNDS)):
        ways = [current, *(current ^ {region} for region in regions)]
        times = time(ways)
        turns += times.turns
        timed.update(ways)
        measured = {region: _measured(region in current, times, 1 + place) for place, region in enumerate(regions)}
        base = times.expected(0)
        apart = {region: times.difference(0, 1 + place) for place, region in enumerate(regions)}
        faster = [region for region in regions if is_faster(apart[region], base)]
        if len(faster) > 1 and not left:
            faster = [max(faster, key=lambda region: apart[region].size)]
        current ^= frozenset(faster)
        if len(faster) == 0 or len(regions) == 1 or not left:
            break
    return Found(current, measured, len(timed), turns)


def _measured(is_graph: bool, times: Times, other: int) -> Measured:
    ours, theirs = times.expected(0), times.expected(other)
    graph, blocks = (ours, theirs) if is_graph else (theirs, ours)
    return Measured(graph, blocks, times.difference(0, other).noise)
