"""Times units as the runtime runs them: ONNX Runtime, one thread, in several passes that lie apart."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adaptc.costmodel.data.executed import ExecutedKernel, executed_kernels
from adaptc.costmodel.data.memory import peak_bytes
from adaptc.costmodel.data.units import BuiltUnit
from adaptc.runtime.engines.base import EngineOptions
from adaptc.runtime.engines.onnxruntime import OnnxRuntimeEngine


@dataclass(frozen=True)
class TimingSettings:
    """`passes` over all units of a chunk; in each, calls of a unit fill about `seconds`, and are at least `calls`.

    Then up to `more` passes over those units whose two best passes differ by more than `settled` (relative), `apart`
    seconds from each other at least: a machine that others use too is slow for seconds on end.
    """

    passes: int = 5
    seconds: float = 0.004
    calls: int = 3
    more: int = 0
    settled: float = 0.02
    apart: float = 6.0


_MOST_CALLS = 1000
_LONG = 0.02
"""Seconds from which on one call warms up enough."""


@dataclass(frozen=True)
class TimedUnit:
    """`passes` are µs a call, one of each pass: the mean over the fastest tenth of its calls. `peak_bytes` is None
    where it cannot be told."""

    passes: tuple[float, ...]
    kernels: tuple[ExecutedKernel, ...]
    output_bytes: int
    outputs: int
    peak_bytes: int | None


Failed = str
"""Why a unit could not be timed."""


def time_units(
    units: Sequence[BuiltUnit], settings: TimingSettings, scratch: Path, clock: Callable[[], int] = time.perf_counter_ns
) -> list[TimedUnit | Failed]:
    """Times for all `units`, in order. `scratch` is a folder for files that are gone afterwards.

    A session is opened anew in each pass, so that its place in memory differs from pass to pass.
    """
    passes: list[list[float]] = [[] for _ in units]
    first: list[tuple[tuple[ExecutedKernel, ...], list[Any]] | Failed] = []
    with undisturbed():
        for number in range(settings.passes + settings.more):
            begin = time.monotonic()
            for index, unit in enumerate(units):
                if number and isinstance(first[index], Failed):
                    continue
                if number >= settings.passes and is_settled(passes[index], settings.settled):
                    continue
                file = scratch / "executed.onnx" if number == 0 else None
                try:
                    run = open_unit(unit, file)
                    passes[index].append(_time(run, settings, clock))
                    if file is not None:
                        first.append((executed_kernels(file), run()))
                except Exception as error:  # noqa: BLE001 (onnxruntime raises many kinds; the unit is left out)
                    if number:
                        first[index] = _failure(error)
                    else:
                        first.append(_failure(error))
            there = [each for each, found in zip(passes, first) if not isinstance(found, Failed)]
            if number + 1 >= settings.passes:
                if all(is_settled(each, settings.settled) for each in there):
                    break
                if number + 1 < settings.passes + settings.more:
                    time.sleep(max(0.0, settings.apart - (time.monotonic() - begin)))
    timed: list[TimedUnit | Failed] = []
    for unit, found, microseconds in zip(units, first, passes):
        if isinstance(found, Failed):
            timed.append(found)
            continue
        kernels, outputs = found
        size = sum(array.nbytes for array in outputs)
        timed.append(TimedUnit(tuple(microseconds), kernels, size, len(outputs), peak_bytes(unit)))
    return timed


def is_settled(passes: Sequence[float], within: float) -> bool:
    """Whether the two best passes differ by no more than `within` (relative), so that another tells nothing new."""
    best = sorted(passes)[:2]
    return len(best) > 1 and best[1] <= best[0] * (1 + within)


def open_unit(unit: BuiltUnit, optimised: Path | None = None) -> Callable[[], list[Any]]:
    """A call of `unit` on its arrays, in a new session; the graph that is run is written to `optimised`."""
    import onnxruntime  # type: ignore[import-untyped]

    options = OnnxRuntimeEngine(EngineOptions()).session_options()
    if optimised is not None:
        options.optimized_model_filepath = str(optimised)
    session = onnxruntime.InferenceSession(str(unit.model), options, providers=["CPUExecutionProvider"])
    run = getattr(session, "_sess", session).run
    names, feed = list(unit.outputs), dict(unit.inputs)

    def call() -> list[Any]:
        outputs: list[Any] = run(names, feed, None)
        return outputs

    return call


def _time(run: Callable[[], object], settings: TimingSettings, clock: Callable[[], int]) -> float:
    """µs a call: the mean over the fastest tenth of the calls."""
    run()
    begin = clock()
    run()
    took = (clock() - begin) / 1e9
    if took < _LONG:
        run()
    calls = min(max(settings.calls, int(settings.seconds / max(took, 1e-6))), _MOST_CALLS)
    times = []
    for _ in range(calls):
        begin = clock()
        run()
        times.append(clock() - begin)
    times.sort()
    fastest = times[: max(len(times) // 10, 1)]
    return sum(fastest) / len(fastest) / 1000


def input_bytes(inputs: Mapping[str, Any]) -> int:
    """The bytes of all arrays."""
    return sum(int(array.nbytes) for array in inputs.values())


def _failure(error: Exception) -> Failed:
    return f"not run: {type(error).__name__}: {str(error).partition(chr(10))[0][:120]}"


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """No garbage collection during the body: a compile has so many objects that one takes longer than most calls."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
