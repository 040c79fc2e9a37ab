"""The process of a contestant: what it says when it refuses, takes too long, or dies."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def worker() -> Iterator[Any]:
    """The suite's module of that name."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield import_module("contest.worker")
    sys.path.remove(str(ROOT / "benchmarks"))


def started(worker: Any, prepare: Callable[[], Any], folder: Path) -> Any:
    return worker.Worker(prepare, 1, folder / "log.txt")


def refuses() -> Any:
    raise ValueError("no such thing\nas this")


def dies() -> Any:
    print("about to die", flush=True)
    os._exit(3)


def test_calls_are_timed(worker: Any, tmp_path: Path) -> None:
    found = started(
        worker, lambda: worker.Prepared([lambda: 1, lambda: time.sleep(0.01)], lambda way, result: way / 4), tmp_path
    )
    ready = found.ready(60)
    assert isinstance(ready, worker.Ready)
    assert ready.error == 0.25
    times = found.time(1, 3, False, 60)
    assert len(times) == 3
    assert min(times) > 9_000_000
    assert max(found.time(0, 3, True, 60)) < 9_000_000
    found.stop()


@pytest.mark.parametrize(
    ("prepare", "limit", "reason"),
    [
        (refuses, 60, "ValueError: no such thing"),
        (dies, 60, "the process ended with 3: about to die"),
        (lambda: time.sleep(60), 0.3, "not ready after 0 s"),
    ],
)
def test_a_failure_has_its_reason(worker: Any, tmp_path: Path, prepare: Any, limit: float, reason: str) -> None:
    assert started(worker, prepare, tmp_path).ready(limit) == worker.Failed(reason)


def test_a_contestant_may_die_while_it_is_timed(worker: Any, tmp_path: Path) -> None:
    calls = iter([*range(worker.WARM_UP), -1])

    def call() -> None:
        if next(calls) < 0:
            dies()

    found = started(worker, lambda: worker.Prepared([call], lambda way, result: 0.0), tmp_path)
    assert isinstance(found.ready(60), worker.Ready)
    assert found.time(0, 1, False, 60) == worker.Failed("the process ended with 3: about to die")
    assert isinstance(found.time(0, 1, False, 60), worker.Failed)
    found.stop()
