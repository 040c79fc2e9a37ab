"""Times contestants in turns: each turn asks all of them for the same way before it goes on to the next."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

from contest.worker import Failed, Worker

VISIT = 4_000_000
"""Nanoseconds that a contestant may spend in one visit; at least one call is made."""
MOST_CALLS = 40
FEWEST = 3
WARM_BELOW = 50_000_000
"""A call shorter than this, in ns, is made once without being timed before those that are."""
PAUSE = 0.003
"""Seconds between contestants, so that the threads of the last have stopped to spin."""
CALL_LIMIT = 120.0


def in_turns(
    workers: Mapping[str, Worker],
    ways: int,
    repeats: int,
    threads: int,
    budget: float,
    tell: Callable[[int], None],
) -> dict[str, list[float] | Failed]:
    """For each contestant the median microseconds of a call of each way.

    Each turn begins with another contestant. There are `repeats` turns, or as many as begin within `budget` seconds,
    but at least `FEWEST`. `tell` is called with the number of every turn.
    """
    begin = time.perf_counter()
    found: dict[str, list[list[float]]] = {name: [[] for _ in range(ways)] for name in workers}
    failed: dict[str, Failed] = {}
    names = list(workers)
    for turn in range(repeats):
        if turn >= FEWEST and time.perf_counter() - begin > budget:
            break
        tell(turn)
        for way in range(ways):
            shift = (turn + way) % max(len(names), 1)
            for name in [*names[shift:], *names[:shift]]:
                if name in failed:
                    continue
                result = _visit(workers[name], way, found[name][way])
                if isinstance(result, Failed):
                    failed[name] = result
                else:
                    found[name][way].append(result)
                if threads > 1:
                    time.sleep(PAUSE)
    return {name: failed.get(name) or [statistics.median(times) for times in found[name]] for name in names}


def _visit(worker: Worker, way: int, before: list[float]) -> float | Failed:
    """The median microseconds of as many calls as the last visit suggests."""
    expected = before[-1] * 1000 if before else None
    if expected is None:
        first = worker.time(way, 1, True, CALL_LIMIT)
        if isinstance(first, Failed):
            return first
        expected = first[0]
    calls = max(1, min(MOST_CALLS, int(VISIT / expected)))
    times = worker.time(way, calls, expected < WARM_BELOW, CALL_LIMIT)
    return times if isinstance(times, Failed) else statistics.median(times) / 1000
