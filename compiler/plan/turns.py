"""Times candidates in turns, until what is between them is clearer than the noise, and compares them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Clock = Callable[[], int]
"""Nanoseconds since some moment, as `time.perf_counter_ns`."""

Visit = Callable[[int, int, int], Sequence[float]]
"""From the number of a path, that of a turn, and how many calls to make, to the µs of each call of one candidate."""

FEWEST = 7
"""Turns that are taken in any case."""

LEAST_SECONDS = 1.0
"""How long turns are taken before a clear difference ends them: a few turns may all fall into one state of the
machine."""

MOST = 2_000
"""Turns that are taken at most."""

TIE = 0.01
"""What candidates may differ by, relative to the time of a call, and are taken to be alike."""

_CLEAR = 3.0
"""How many standard errors a difference is beyond which it is no noise."""

_VISIT = 1_000.0
"""The µs that a candidate may spend on a path in a turn; at least one call is made."""

_MOST_CALLS = 16
"""Calls of a path in a turn at most."""

_DEVIATION = 1.4826 * 1.2533
"""From the median absolute deviation of a sample to the standard error of its median, but for the root of its size."""


@dataclass(frozen=True)
class Difference:
    """How much longer one candidate takes than another, in µs, and the µs up to which that may be noise."""

    size: float
    noise: float

    @property
    def is_clear(self) -> bool:
        """Whether it is more than noise."""
        return abs(self.size) > self.noise


@dataclass(frozen=True)
class Times:
    """`samples` has by candidate and path the median µs of a call in each turn; `weights` the share of calls that take
    each path, which add up to 1."""

    samples: Sequence[Sequence[Sequence[float]]]
    weights: Sequence[float]

    @property
    def turns(self) -> int:
        """How many turns were taken."""
        return len(self.samples[0][0])

    def expected(self, candidate: int) -> float:
        """The µs of a call on average: the mean over the paths, by their weights, of the medians over the turns."""
        medians = (statistics.median(times) for times in self.samples[candidate])
        return sum(weight * median for weight, median in zip(self.weights, medians, strict=True))

    def difference(self, candidate: int, other: int) -> Difference:
        """How much longer `candidate` takes than `other`. The noise is that of the differences within turns, in which
        what slows the whole machine is the same for both."""
        size = self.expected(candidate) - self.expected(other)
        apart = [
            sum(weight * (ours[turn] - theirs[turn]) for weight, ours, theirs in self._paths(candidate, other))
            for turn in range(self.turns)
        ]
        middle = statistics.median(apart)
        deviation = statistics.median(abs(each - middle) for each in apart)
        return Difference(size, _CLEAR * _DEVIATION * deviation / self.turns**0.5)

    def is_settled(self) -> bool:
        """Whether more turns would tell nothing new of the first candidate and each of the others: their difference is
        clear, or it is clear that they are alike."""
        alike = TIE * self.expected(0)
        apart = (self.difference(other, 0) for other in range(1, len(self.samples)))
        return all(found.is_clear or abs(found.size) + found.noise < alike for found in apart)

    def _paths(self, candidate: int, other: int) -> list[tuple[float, Sequence[float], Sequence[float]]]:
        return list(zip(self.weights, self.samples[candidate], self.samples[other], strict=True))


def take_turns(
    visits: Sequence[Visit], weights: Sequence[float], seconds: float, clock: Clock, least: float = LEAST_SECONDS
) -> Times:
    """Time candidates, each given by how it is visited, on paths of these `weights`.

    In a turn every candidate makes a few calls of one path before the next path comes, and each turn begins with
    another candidate. At least `FEWEST` turns are taken; they end when `seconds` have gone by, and after `least`
    seconds when `Times.is_settled`.
    """
    begin = clock()
    samples: list[list[list[float]]] = [[[] for _ in weights] for _ in visits]
    times = Times(samples, weights)
    calls = [max(_first(visit, path) for visit in visits) for path in range(len(weights))]
    look = FEWEST
    for turn in range(MOST):
        gone = (clock() - begin) / 1e9
        if turn >= FEWEST and gone > seconds:
            break
        if turn >= look and gone > least:
            if times.is_settled():
                break
            look = turn + 1 + turn // 8  # seldom enough that looking takes no time beside what it looks at
        for path, number in enumerate(calls):
            for place in range(len(visits)):
                candidate = (place + turn + path) % len(visits)
                samples[candidate][path].append(statistics.median(visits[candidate](path, turn, number)))
    return times


def _first(visit: Visit, path: int) -> int:
    """How many calls of a path fit into a visit, by the second of two."""
    took = visit(path, 0, 2)[-1]
    return max(1, min(_MOST_CALLS, int(_VISIT / took))) if took > 0 else _MOST_CALLS
