"""A collection: chunks are measured and kept beside the table one by one, then joined into it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from adaptc.costmodel.data.chunks import Chunk, Measured, all_dropped, chunks_of, network_file
from adaptc.costmodel.data.errors import SpaceError, TableError
from adaptc.costmodel.data.machine import this_machine, versions
from adaptc.costmodel.data.parquet import Origin, origin_here
from adaptc.costmodel.data.space import families
from adaptc.costmodel.data.table import Dataset, merged, read_table, write_table
from adaptc.costmodel.data.timing import TimingSettings
from adaptc.costmodel.data.units import Builder
from adaptc.costmodel.data.workers import LocalWorkers

CHUNK = 60
"""Samples that are timed together."""

Progress = Callable[[str, int, int], None]
"""Told a stage, how many steps of it are done, and of how many."""


@dataclass(frozen=True)
class CollectOptions:
    """`count` samples of each of the `families` (none: all), and all units of `networks` (``FILE.py[:NAME]``).
    `ray` is the address of a Ray cluster, "" a new one on this machine, None without Ray."""

    families: tuple[str, ...] = ()
    count: int = 200
    seed: int = 0
    networks: tuple[str, ...] = ()
    timing: TimingSettings = field(default_factory=TimingSettings)
    chunk: int = CHUNK
    ray: str | None = None


@dataclass(frozen=True)
class Collected:
    """What a collection gave: the rows in the table, those that were there already under other seeds, and the samples
    that were left out, by family and reason."""

    table: Path
    rows: int
    same: int
    dropped: dict[str, dict[str, int]]


class _Workers(Protocol):
    def measure(self, chunks: Sequence[Chunk]) -> Iterator[tuple[Chunk, Measured]]: ...


def collect(table: Path, options: CollectOptions, builder: Builder, progress: Progress) -> Collected:
    """Measure what of a collection is not measured yet, and write its table.

    Chunks that are done lie in ``TABLE.parts``: a collection that was ended goes on from them. Raises `SpaceError`
    for an unknown family or a file that is not there, and `TableError` where parts come from other versions or another
    machine.
    """
    chosen = [family.name for family in families(options.families)] if options.count else []
    for network in options.networks:
        if not network_file(network)[0].is_file():
            raise SpaceError(f"there is no file {network_file(network)[0]} with a network")
    chunks = chunks_of(chosen, options.count, options.seed, options.networks, options.timing, options.chunk)
    parts = _Parts(table, options)
    parts.begin()
    waiting = [chunk for chunk in chunks if parts.read(chunk) is None]
    total = sum(len(chunk.tasks) for chunk in chunks)
    done = total - sum(len(chunk.tasks) for chunk in waiting)
    progress("collect", done, total)
    if waiting:
        with _workers(options, builder, parts.scratch) as workers:
            for chunk, measured in workers.measure(waiting):
                parts.write(chunk, measured)
                done += len(chunk.tasks)
                progress("collect", done, total)
    return parts.join(chunks)


@contextlib.contextmanager
def _workers(options: CollectOptions, builder: Builder, scratch: Path) -> Iterator[_Workers]:
    if options.ray is None:
        with LocalWorkers(builder, options.seed, options.timing, scratch) as workers:
            yield workers
    else:
        from adaptc.costmodel.data.cluster import ClusterWorkers

        with ClusterWorkers(options.ray, builder, options.seed, options.timing) as cluster:
            yield cluster


class _Parts:
    """The measured chunks of a table, a file each, in the folder beside it."""

    def __init__(self, table: Path, options: CollectOptions) -> None:
        self._table = table
        self._options = options
        self._folder = table.with_name(f"{table.name}.parts")
        self.scratch = self._folder / "building"

    def begin(self) -> None:
        """Make the folder, or check that what lies there is of this machine (but with Ray) and these versions."""
        here: dict[str, Any] = {"versions": versions()}
        if self._options.ray is None:
            here["machine"] = this_machine().record()
        file = self._folder / "made-with.json"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if not file.exists():
                temporary = self._folder / f".made-with.{os.getpid()}"
                temporary.write_text(json.dumps(here, indent=2))
                os.replace(temporary, file)
            found = json.loads(file.read_text())
        except (OSError, ValueError) as error:
            raise TableError(f"cannot use the folder {self._folder}: {error}") from error
        for kind, ours in here.items():
            theirs = found.get(kind, {})
            other = [name for name in ours if theirs.get(name) != ours[name]]
            if other:
                raise TableError(
                    f"{self._folder} was begun with {other[0]} {theirs.get(other[0])}, here it is {ours[other[0]]}: "
                    f"times of both do not go into one table; name another, or remove that folder"
                )

    def read(self, chunk: Chunk) -> Dataset | None:
        """A chunk that is done; None where it is not, or its file is damaged."""
        file = self._file(chunk)
        if not file.exists():
            return None
        try:
            return read_table(file)
        except TableError:
            file.unlink()
            return None

    def write(self, chunk: Chunk, measured: Measured) -> None:
        """Keep a chunk."""
        write_table(self._file(chunk), measured.rows, self._origin(measured.dropped))

    def join(self, chunks: Sequence[Chunk]) -> Collected:
        """Write the table of `chunks`, all of which are done."""
        parts = [self.read(chunk) for chunk in chunks]
        there = [part for part in parts if part is not None]
        if len(there) < len(parts):
            raise TableError(f"{len(parts) - len(there)} files in {self._folder} are damaged: run the same again")
        rows = merged(part.rows for part in there)
        dropped = all_dropped(part.origin.dropped for part in there)
        write_table(self._table, rows, self._origin(dropped))
        return Collected(self._table, len(rows), sum(len(part.rows) for part in there) - len(rows), dropped)

    def _file(self, chunk: Chunk) -> Path:
        return self._folder / f"{chunk.number:05d}-{chunk.key}.parquet"

    def _origin(self, dropped: dict[str, dict[str, int]]) -> Origin:
        settings = {**asdict(self._options.timing), "chunk": self._options.chunk}
        return origin_here(self._options.seed, settings, dropped)
