"""Measures decisions, and keeps them in a table that grows."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from adaptc.costmodel.data.collect import Progress
from adaptc.costmodel.data.errors import SampleError, TableError
from adaptc.costmodel.data.machine import Machine
from adaptc.costmodel.data.parquet import differences_here, origin_here
from adaptc.costmodel.decisions.questions import Question
from adaptc.costmodel.decisions.registry import Alternatives, kinds
from adaptc.costmodel.decisions.table import read_questions, write_questions

KEPT = 10
"""After as many decisions the table is written, so that a collection that was ended goes on from there."""


class Measurer(Protocol):
    """Builds and times the ways of a decision."""

    def measure(self, kind: str, id: str, given: Alternatives, folder: Path) -> Question:
        """The decision with what its ways take, built in the new folder `folder`. Raises `SampleError`."""
        ...


def collect_questions(
    table: Path, names: Sequence[str], count: int, seed: int, measurer: Measurer, progress: Progress
) -> tuple[list[Question], dict[str, dict[str, int]]]:
    """`count` decisions of each of the kinds with these `names` (none: all), with those that the `table` has already,
    and why others were left out, by kind and reason.

    Raises `SpaceError` for an unknown kind, and `TableError` where the table comes from another machine or from other
    versions.
    """
    chosen = kinds(names)
    found = _there(table)
    done = {question.id for question in found}
    dropped: dict[str, Counter[str]] = {}
    tasks = [(kind, index) for index in range(count) for kind in chosen]
    with tempfile.TemporaryDirectory(prefix="adaptc-decisions-") as made:
        for number, (kind, index) in enumerate(tasks):
            progress("measure", number, len(tasks))
            id = f"{kind.name}/{seed}/{index}"
            if id in done:
                continue
            folder = Path(made) / f"{number}"
            folder.mkdir()
            try:
                found.append(measurer.measure(kind.name, id, kind.draw(seed, index), folder))
            except SampleError as error:
                dropped.setdefault(kind.name, Counter()).update([error.reason])
            if number % KEPT == KEPT - 1:
                write_questions(table, found, origin_here(seed, {}, {}))
    progress("measure", len(tasks), len(tasks))
    left_out = {name: dict(reasons) for name, reasons in dropped.items()}
    write_questions(table, found, origin_here(seed, {}, left_out))
    return found, left_out


def _there(table: Path) -> list[Question]:
    if not table.exists():
        return []
    found, origin = read_questions(table)
    differences = differences_here(origin, {str(Machine(**origin.machine))})
    if differences:
        raise TableError(f"{table} was begun elsewhere ({differences[0]}): times of both do not go into one table")
    return found
