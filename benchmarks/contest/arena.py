"""Runs the contestants on one network with one number of threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from contest.agreement import TOLERANCE
from contest.cases import Case, Way
from contest.contestants import CONTESTANTS
from contest.results import Cell, WayRecord
from contest.turns import in_turns
from contest.worker import Failed, Ready, Worker


def way_record(way: Way) -> WayRecord:
    """What is kept of a way."""
    return WayRecord(way.inputs, [list(shape) for shape in way.given.shapes.values()], list(way.blocks))


def compete(
    case: Case,
    names: Sequence[str],
    threads: int,
    repeats: int,
    limit: float,
    budget: float,
    caches: Mapping[str, Path],
    tell: Callable[[str], None],
) -> dict[str, Cell]:
    """The cell of each contestant. They are made ready one after the other, `limit` seconds each, then timed in turns,
    which begin within `budget` seconds.

    `caches` keep, for each kind, what contestants write; their output goes to log files there.
    """
    cells: dict[str, Cell] = {}
    workers: dict[str, Worker] = {}
    ready: dict[str, Ready] = {}
    try:
        for name in names:
            tell(f"making {name} ready")
            cache = caches[CONTESTANTS[name].kind]
            (cache / "logs").mkdir(parents=True, exist_ok=True)
            prepare = partial(CONTESTANTS[name].prepare, case, threads, cache)
            worker = Worker(prepare, threads, cache / "logs" / f"{name}_{threads}.txt")
            found = worker.ready(limit)
            if isinstance(found, Failed):
                cells[name] = Cell(reason=found.reason)
            elif not found.error <= TOLERANCE:
                worker.stop()
                reason = f"wrong: its outputs differ from eager's by {found.error:.1e}"
                cells[name] = Cell(reason=reason, error=found.error, seconds=found.seconds, wrong=True)
            else:
                workers[name], ready[name] = worker, found
        times = in_turns(
            workers,
            len(case.ways),
            repeats,
            threads,
            budget,
            lambda turn: tell(f"turn {turn + 1} of {repeats}"),
        )
        for name, result in times.items():
            if isinstance(result, Failed):
                cells[name] = Cell(reason=result.reason)
            else:
                cells[name] = Cell(result, error=ready[name].error, seconds=ready[name].seconds)
    finally:
        for worker in workers.values():
            worker.stop()
    return {name: cells[name] for name in names}
