"""Processes that build and time: two build at once, then one times while the others wait."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from types import TracebackType

from adaptc.costmodel.data.chunks import Built, Chunk, Measured, Task, build_task, time_chunk
from adaptc.costmodel.data.timing import TimingSettings
from adaptc.costmodel.data.units import Builder

BUILDERS = 2
"""Processes that build."""


class LocalWorkers:
    """Measures chunks on this machine. `folder` is one for units in passing, which is emptied before and gone
    afterwards. Use as a context manager."""

    def __init__(
        self, builder: Builder, seed: int, settings: TimingSettings, folder: Path, builders: int = BUILDERS
    ) -> None:
        self._builder = builder
        self._seed = seed
        self._settings = settings
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._number = builders
        self._builders = self._pool(builders)
        self._timer = self._pool(1)

    def measure(self, chunks: Sequence[Chunk]) -> Iterator[tuple[Chunk, Measured]]:
        """The chunks one after another, each as it is done."""
        for chunk in chunks:
            with self._scratch(chunk) as folder:
                built = self._build(chunk, folder)
                yield chunk, self._time(built, folder)

    def _build(self, chunk: Chunk, folder: Path) -> list[Built]:
        futures = [self._builders.submit(_build, self._builder, task, self._seed, folder) for task in chunk.tasks]
        try:
            return [future.result() for future in futures]
        except BrokenProcessPool:
            self._builders = self._pool(self._number)
            return [self._alone(task, folder) for task in chunk.tasks]

    def _alone(self, task: Task, folder: Path) -> Built:
        """A task of a chunk in which one ended its process: each is built again, and that one told."""
        shutil.rmtree(folder / task.family, ignore_errors=True)
        again = Path(tempfile.mkdtemp(dir=folder))
        try:
            return self._builders.submit(_build, self._builder, task, self._seed, again).result()
        except BrokenProcessPool:
            self._builders = self._pool(self._number)
            return Built(task, (), {"not compiled: the process ended": 1})

    def _time(self, built: Sequence[Built], folder: Path) -> Measured:
        try:
            return self._timer.submit(time_chunk, built, self._seed, self._settings, folder).result()
        except BrokenProcessPool:
            self._timer = self._pool(1)
            if sum(len(each.units) for each in built) <= 1:
                family = built[0].task.family
                return Measured([], {family: {"not run: the process ended": 1}})
            parts = [self._time([each], folder) for each in built]
            dropped: dict[str, dict[str, int]] = {}
            for part in parts:
                for family, reasons in part.dropped.items():
                    for reason, count in reasons.items():
                        own = dropped.setdefault(family, {})
                        own[reason] = own.get(reason, 0) + count
            return Measured([row for part in parts for row in part.rows], dropped)

    @contextlib.contextmanager
    def _scratch(self, chunk: Chunk) -> Iterator[Path]:
        folder = self._folder / f"{chunk.number}"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def _pool(size: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(size, get_context("spawn"), _begin)

    def __enter__(self) -> LocalWorkers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in (self._builders, self._timer):
            pool.shutdown(wait=kind is None, cancel_futures=True)
        shutil.rmtree(self._folder, ignore_errors=True)


def measure_here(builder: Builder, chunk: Chunk, seed: int, settings: TimingSettings) -> Measured:
    """Measure a chunk in this process."""
    with tempfile.TemporaryDirectory(prefix="adaptc-costmodel-") as name:
        folder = Path(name)
        return time_chunk([_build(builder, task, seed, folder) for task in chunk.tasks], seed, settings, folder)


def _build(builder: Builder, task: Task, seed: int, folder: Path) -> Built:
    import torch

    torch.set_num_threads(1)
    return build_task(_kept(builder), task, seed, folder)


_BUILDERS: dict[type, Builder] = {}
"""The builders of this process: each keeps what it prepares."""


def _kept(builder: Builder) -> Builder:
    return _BUILDERS.setdefault(type(builder), builder)


def _begin() -> None:
    """In a new process: an interrupt is for the one that started it, and it ends when that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:

        def watch() -> None:
            connection.wait([parent.sentinel])
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()
