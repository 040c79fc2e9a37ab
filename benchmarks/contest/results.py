"""What a run found, as it is kept in JSON, and the numbers that are made of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec


class WayRecord(msgspec.Struct, frozen=True):
    """One path with inputs of one size: how many inputs take it, and its blocks."""

    inputs: int
    shapes: list[list[int]]
    blocks: list[str]


class Cell(msgspec.Struct, frozen=True):
    """One contestant on one network: median µs of each way, or the `reason` why there are none.

    `error` is the worst relative difference from eager, `seconds` is what making it ready took.
    """

    micros: list[float] = []
    reason: str = ""
    error: float = 0.0
    seconds: float = 0.0
    wrong: bool = False


class NetworkRecord(msgspec.Struct):
    """A network's ways, and its cells by threads and contestant.

    `load` is the machine's load average over the last minute when they had been timed, by threads: about 1 where
    nothing else ran.
    """

    ways: list[WayRecord]
    cells: dict[str, dict[str, Cell]]
    load: dict[str, float] = {}


class Run(msgspec.Struct):
    """A whole run. `titles` and `kinds` are the contestants', in the order of the table."""

    machine: str
    versions: dict[str, str]
    command: str
    repeats: int
    titles: dict[str, str]
    kinds: dict[str, str]
    networks: dict[str, NetworkRecord]


def expected(ways: Sequence[WayRecord], cell: Cell | None) -> float | None:
    """The mean over the inputs of the median µs of the way that each takes; None for a cell without times."""
    if cell is None or not cell.micros:
        return None
    inputs = sum(way.inputs for way in ways)
    return sum(way.inputs * micros for way, micros in zip(ways, cell.micros, strict=True)) / inputs


def latencies(run: Run, network: str, threads: str) -> dict[str, float]:
    """The expected µs of each contestant that has times."""
    record = run.networks[network]
    found = {name: expected(record.ways, cell) for name, cell in record.cells.get(threads, {}).items()}
    return {name: value for name, value in found.items() if value is not None}


def geomean(values: Iterable[float]) -> float | None:
    """The geometric mean; None of nothing."""
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs)) if logs else None


def ratios(run: Run, threads: str, contestant: str, ours: str = "adaptc") -> dict[str, float]:
    """For each network where both have times: how many times as long `contestant` takes as `ours`."""
    found: dict[str, float] = {}
    for network in run.networks:
        times = latencies(run, network, threads)
        if contestant in times and ours in times:
            found[network] = times[contestant] / times[ours]
    return found


def best_peer(run: Run, network: str, threads: str) -> tuple[str, float] | None:
    """The fastest contestant of kind "peer" and its expected µs."""
    times = {name: value for name, value in latencies(run, network, threads).items() if run.kinds[name] == "peer"}
    return min(times.items(), key=lambda item: item[1], default=None)


def misses(run: Run, threads: str) -> Mapping[str, list[str]]:
    """The bars that adaptc is held to, and what falls short of each."""
    bars: dict[str, list[str]] = {
        "5x eager": [],
        "2x the best peer": [],
        "no slower than the oracle with predicates": [],
        "no network slower than any peer": [],
    }
    for network in run.networks:
        times = latencies(run, network, threads)
        if "adaptc" not in times:
            bars["no network slower than any peer"].append(f"{network} (adaptc has no time)")
            continue
        ours = times["adaptc"]
        if "eager" in times and times["eager"] < 5 * ours:
            bars["5x eager"].append(f"{network} ({times['eager'] / ours:.2f}x)")
        best = best_peer(run, network, threads)
        if best is not None:
            name, micros = best
            if micros < 2 * ours:
                bars["2x the best peer"].append(f"{network} ({micros / ours:.2f}x {run.titles[name]})")
            if micros < ours:
                slower = f"{network} ({micros / ours:.2f}x {run.titles[name]})"
                bars["no network slower than any peer"].append(slower)
        if "oracle" in times and ours > times["oracle"]:
            share = ours / times["oracle"]
            bars["no slower than the oracle with predicates"].append(f"{network} ({share:.2f} of its time)")
    return bars
