"""One contestant on one network in a process of its own, which times calls when it is asked to.

The process is a fork: the network, its inputs and eager's outputs are there, and a crash or an endless compile ends
nothing but itself. Only one process works at a time.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from adaptc.runtime.errors import AdaptcError

WARM_UP = 3
"""Calls of each path before the first is timed: compiled peers specialise on the second and third."""

PARENT_CHECK = 5.0
"""Seconds after which an idle worker looks whether the process that started it is still there."""


class Unsupported(Exception):
    """A contestant cannot take a network; the text says why in one line."""


@dataclass(frozen=True)
class Prepared:
    """`calls`: a call per way, which is what is timed. `error`: the relative difference of its result from eager's."""

    calls: Sequence[Callable[[], object]]
    error: Callable[[int, Any], float]


@dataclass(frozen=True)
class Ready:
    """A contestant that can be timed: the seconds that this took, and the worst difference from eager."""

    seconds: float
    error: float


@dataclass(frozen=True)
class Failed:
    """A contestant that cannot be timed."""

    reason: str


class Worker:
    """The process of one contestant."""

    def __init__(self, prepare: Callable[[], Prepared], threads: int, log: Path) -> None:
        context = multiprocessing.get_context("fork")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, prepare, threads, log), daemon=True)
        self._process.start()
        theirs.close()
        self._log = log

    def ready(self, limit: float) -> Ready | Failed:
        """Wait until the contestant is prepared; it is stopped after `limit` seconds."""
        if not self._connection.poll(limit):
            self.stop()
            return Failed(f"not ready after {limit:.0f} s")
        found = self._received()
        if isinstance(found, Failed):
            self.stop()
        assert isinstance(found, Ready | Failed)
        return found

    def time(self, way: int, calls: int, warm: bool, limit: float) -> list[int] | Failed:
        """The nanoseconds of so many calls of a way, after an untimed one where `warm`."""
        with contextlib.suppress(OSError):  # the process is gone: what is received says so
            self._connection.send((way, calls, warm))
        if not self._connection.poll(limit):
            self.stop()
            return Failed(f"a call took more than {limit:.0f} s")
        found = self._received()
        assert isinstance(found, list | Failed)
        return found

    def stop(self) -> None:
        """End the process and those that it started."""
        if self._process.is_alive() and self._process.pid is not None:
            with contextlib.suppress(ProcessLookupError):  # it leads no group yet
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
        self._process.join()
        self._connection.close()

    def _received(self) -> object:
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            return Failed(f"the process ended with {self._process.exitcode}: {_last_line(self._log)}")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it printed nothing"


def _serve(connection: Connection, prepare: Callable[[], Prepared], threads: int, log: Path) -> None:
    os.setsid()
    parent = os.getppid()
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout = sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    torch.set_num_threads(threads)
    begin = time.perf_counter()
    try:
        with torch.no_grad():
            prepared = prepare()
        with torch.inference_mode():
            error = _warm_up(prepared)
    except BaseException as problem:  # noqa: BLE001 (whatever it is, it is this cell of the table)
        import traceback

        traceback.print_exc()
        connection.send(Failed(reason_of(problem)))
        return
    connection.send(Ready(time.perf_counter() - begin, error))
    gc.collect()
    gc.freeze()
    with torch.inference_mode():
        while True:
            while not connection.poll(PARENT_CHECK):  # other workers hold the pipe open, so its end tells nothing
                if os.getppid() != parent:
                    return
            connection.send(_timed(prepared.calls, *connection.recv()))


def _warm_up(prepared: Prepared) -> float:
    worst = 0.0
    for _ in range(WARM_UP):
        for way, call in enumerate(prepared.calls):
            worst = max(worst, prepared.error(way, call()))
    return worst


def _timed(calls: Sequence[Callable[[], object]], way: int, count: int, warm: bool) -> list[int]:
    call, times = calls[way], []
    if warm:
        call()
    gc.disable()
    for _ in range(count):
        begin = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - begin)
    gc.enable()
    return times


def reason_of(problem: BaseException) -> str:
    """What went wrong, in one line: the class and the message's beginning; of adaptc's errors the first problem."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip(" -=^~:")] or ["(no message)"]
    if isinstance(problem, Unsupported):
        return lines[0]
    return f"{type(problem).__name__}: {' '.join(lines[: 3 if isinstance(problem, AdaptcError) else 1])[:300]}"
