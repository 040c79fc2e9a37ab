"""The work of a collection in chunks: each is built, timed and kept on its own, so that a collection can be resumed."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from adaptc.costmodel.data.errors import SampleError
from adaptc.costmodel.data.machine import this_machine
from adaptc.costmodel.data.table import Row
from adaptc.costmodel.data.timing import TimingSettings, input_bytes, time_units
from adaptc.costmodel.data.units import Builder, BuiltUnit
from adaptc.costmodel.rows import REAL


@dataclass(frozen=True)
class Task:
    """Sample `index` of a family; of an existing network, ``FILE.py`` or ``FILE.py:NAME`` in `network`, all units."""

    family: str
    index: int
    network: str = ""

    @property
    def id(self) -> str:
        """A name for the sample."""
        return self.family if self.network else f"{self.family}/{self.index}"


@dataclass(frozen=True)
class Chunk:
    """Tasks that are timed together. `key` tells it from chunks of other tasks, seeds and settings."""

    number: int
    tasks: tuple[Task, ...]
    key: str


@dataclass(frozen=True)
class Built:
    """What building a task gave: units, and why what else it has was left out."""

    task: Task
    units: tuple[BuiltUnit, ...]
    dropped: dict[str, int]


@dataclass(frozen=True)
class Measured:
    """The rows of a chunk, and the number of samples that gave none, by family and reason."""

    rows: list[Row]
    dropped: dict[str, dict[str, int]]


def chunks_of(
    families: Sequence[str], count: int, seed: int, networks: Sequence[str], settings: TimingSettings, size: int
) -> list[Chunk]:
    """The chunks of `count` samples of each family, in turns, so that the first chunks have all families; then one for
    each network."""
    tasks = [Task(name, index) for index in range(count) for name in families]
    groups = [tuple(tasks[begin : begin + size]) for begin in range(0, len(tasks), size)]
    groups += [(Task(f"{REAL}{network_name(network)}", 0, network),) for network in networks]
    return [Chunk(number, group, _key(group, seed, settings)) for number, group in enumerate(groups)]


def network_file(network: str) -> tuple[Path, str]:
    """The file and the name of ``FILE.py`` or ``FILE.py:NAME``, "" without a name."""
    file, _, name = network.rpartition(":") if ":" in Path(network).name else (network, "", "")
    return Path(file), name


def network_name(network: str) -> str:
    """A short name of the network in ``FILE.py`` or ``FILE.py:NAME``."""
    path, name = network_file(network)
    stem = path.resolve().parent.name if path.stem == "model" else path.stem
    return f"{stem}:{name}" if name else stem


def build_task(builder: Builder, task: Task, seed: int, folder: Path) -> Built:
    """Build a task in `folder`; what cannot be built is told, not raised."""
    from adaptc.costmodel.data.space import families

    place = folder / hashlib.sha256(task.id.encode()).hexdigest()[:16]
    try:
        if task.network:
            units, dropped = builder.real_units(task.network, place)
            return Built(task, tuple(units), dropped)
        (family,) = families([task.family])
        sample = family.draw(seed, task.index)
        return Built(task, (builder.build(sample.module, sample.inputs, place),), {})
    except SampleError as error:
        return Built(task, (), {error.reason: 1})


def time_chunk(built: Sequence[Built], seed: int, settings: TimingSettings, folder: Path) -> Measured:
    """Time all units of a chunk on this machine. `folder` holds passing files."""
    machine = str(this_machine())
    dropped: dict[str, Counter[str]] = {}
    units: list[tuple[Task, int, BuiltUnit]] = []
    for each in built:
        if each.dropped:
            dropped.setdefault(each.task.family, Counter()).update(each.dropped)
        units += [(each.task, number, unit) for number, unit in enumerate(each.units)]
    rows = []
    for (task, number, unit), timed in zip(units, time_units([unit for _, _, unit in units], settings, folder)):
        if isinstance(timed, str):
            dropped.setdefault(task.family, Counter()).update([timed])
            continue
        rows.append(
            Row(
                id=f"{task.id}/{number}" if task.network else task.id,
                family=task.family,
                seed=seed,
                mlir=unit.mlir,
                time_us=min(timed.passes),
                median_us=statistics.median(timed.passes),
                pass_us=timed.passes,
                inputs=len(unit.inputs),
                outputs=timed.outputs,
                input_bytes=input_bytes(unit.inputs),
                output_bytes=timed.output_bytes,
                weight_bytes=unit.weight_bytes,
                kernels=tuple(kernel.name for kernel in timed.kernels),
                kernel_shapes=tuple(kernel.shapes for kernel in timed.kernels),
                sizes=dict(unit.sizes),
                peak_bytes=timed.peak_bytes,
                machine=machine,
            )
        )
    return Measured(rows, {family: dict(reasons) for family, reasons in dropped.items()})


def all_dropped(parts: Iterable[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    """The sum of what parts dropped."""
    total: dict[str, Counter[str]] = {}
    for part in parts:
        for family, reasons in part.items():
            total.setdefault(family, Counter()).update(reasons)
    return {family: dict(sorted(reasons.items())) for family, reasons in sorted(total.items())}


def _key(tasks: Sequence[Task], seed: int, settings: TimingSettings) -> str:
    text = json.dumps([[asdict(task) for task in tasks], seed, asdict(settings)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
