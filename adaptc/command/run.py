"""``adaptc run``."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from adaptc.command.arrays import parse_sizes, random_array, read_arrays
from adaptc.command.output import OK, Output
from adaptc.command.paths import telling
from adaptc.command.results import argmax_text, as_arrays, as_json, leaves, shape_text, values_text
from adaptc.command.text import decisions, facts, main_file, place, seconds, table
from adaptc.compiler.input_specs import Array, load_npz
from adaptc.runtime.artifact import Artifact, open_artifact
from adaptc.runtime.errors import AdaptcError, InputError
from adaptc.runtime.executable import Executable
from adaptc.runtime.inputs import describe
from adaptc.runtime.longpaths import listed
from adaptc.runtime.manifest import Signature, TensorSpec
from adaptc.runtime.structure import Builders
from adaptc.runtime.trace import Trace

SHOWN_BLOCKS = 60
"""Blocks of a run that are printed; --json lists all."""


@dataclass(frozen=True)
class RunRequest:
    """The command line of ``adaptc run``."""

    artifact: Path
    inputs: tuple[str, ...]
    random: bool
    sizes: tuple[str, ...]
    seed: int
    save: Path | None
    trace: bool
    repeat: int
    engine: str | None
    threads: int


def run_artifact(output: Output, request: RunRequest) -> int:
    """Run the artifact on the inputs of the command line, and show what comes out."""
    artifact = open_artifact(request.artifact)
    with Executable(artifact, request.engine, request.threads) as executable:
        arrays = _inputs(artifact, request)
        args, kwargs = call_arguments(artifact.manifest.signature, arrays)
        traced = executable.trace(*args, **kwargs)
        run = executable.trace if request.trace else executable
        run(*args, **kwargs)  # the first call warms up: it is not timed
        calls = [_timed(lambda: run(*args, **kwargs)) for _ in range(request.repeat)]
        if request.trace:
            # One call that was made, so that its units and its latency belong together.
            latency, traced = sorted(calls, key=itemgetter(0))[(len(calls) - 1) // 2]
        else:
            latency = statistics.median(duration for duration, _ in calls)
        named = leaves(traced.outputs)
        if request.save is not None:
            save_npz(request.save, as_arrays(named))
        name, taken = _path(executable, traced)
        _show(output, request, named, traced, path_text(name, taken), latency)
        output.answer(_answer(request, named, traced, name, latency))
    return OK


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """The seconds that a call takes, and what it gives."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def _inputs(artifact: Artifact, request: RunRequest) -> list[Array]:
    """An array for each input of the signature, in order."""
    wanted = artifact.manifest.signature.inputs
    generator = np.random.default_rng(request.seed)
    given = read_arrays(request.inputs, wanted, generator)
    missing = [spec for spec in wanted if spec.name not in given]
    sizes = parse_sizes(request.sizes, wanted)
    if missing and not request.random:
        names = ", ".join(spec.name for spec in missing)
        raise InputError(
            f"nothing is given for {names}: pass --input {missing[0].name}=FILE.npy, or --random; "
            f"{missing[0].name} is {describe(missing[0])}"
        )
    if missing and artifact.manifest.samples:
        sample = load_npz("sample", artifact.folder / artifact.manifest.samples[0].inputs)
        like = {spec.name: sample.get(str(index)) for index, spec in enumerate(wanted)}
    else:
        like = {}
    for spec in missing:
        given[spec.name] = random_array(spec, sizes, like.get(spec.name), generator)
    return [given[spec.name] for spec in wanted]


def arrays_for(artifact: Artifact, file: Path) -> list[Array]:
    """The inputs in a .npz file, in the order of the signature. Raises `InputError` where one is missing."""
    wanted = artifact.manifest.signature.inputs
    given = read_arrays([str(file)], wanted, np.random.default_rng(0))
    missing = [spec.name for spec in wanted if spec.name not in given]
    if missing:
        raise InputError(
            f"{file} has no array for {', '.join(missing)}; the inputs are {', '.join(map(_named, wanted))}"
        )
    return [given[spec.name] for spec in wanted]


def _named(spec: TensorSpec) -> str:
    return f"{spec.name} ({describe(spec)})"


def call_arguments(signature: Signature, arrays: list[Array]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The positional and keyword arguments that carry the flat inputs `arrays`."""
    builders = Builders()
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for argument in signature.arguments:
        value = builders.builder(argument.tree)(arrays)
        if argument.kind == "keyword":
            kwargs[argument.name] = value
        else:
            args.append(value)
    return tuple(args), kwargs


def save_npz(file: Path, arrays: Mapping[str, Array]) -> None:
    """Write `arrays` to `file`, whole or not at all. Raises `AdaptcError` where it cannot be written."""
    if file.suffix != ".npz":
        raise InputError(f"--save {file}: the outputs are written as a .npz file, so the name must end in .npz")
    try:
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}-", delete=False) as stream:
            temporary = Path(stream.name)
        try:
            with temporary.open("wb") as stream:
                np.savez(stream, **arrays)  # type: ignore[arg-type]
            os.chmod(temporary, 0o644)
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise AdaptcError(f"cannot write {file}: {error.strerror or error}") from error


def _path(executable: Executable, traced: Trace) -> tuple[str, Sequence[Mapping[str, Any]]]:
    """The path's name in the compiler's report and its decisions there; "" and all for one that was not verified."""
    blocks = list(listed(traced.path))
    for path, taken in zip(executable.paths, telling(executable.paths)):
        if path["blocks"] == blocks:
            return str(path["name"]), taken
    return "", [{"loc": loc, "taken": way} for loc, way in traced.decisions]


def path_text(name: str, taken: Sequence[Mapping[str, Any]]) -> str:
    """A path in one line: "path 2 in net.py, line 12: F T"."""
    file = main_file(str(decision["loc"]) for decision in taken)
    name = name or "not among the verified paths"
    return f"{name} in {place(file)}, {decisions(taken, file)}" if taken else f"{name}: no decisions"


def _show(
    output: Output, request: RunRequest, named: list[tuple[str, object]], traced: Trace, path: str, latency: float
) -> None:
    rows = table("output", "type", "|values", "largest at")
    for name, value in named:
        rows.add_row(name, shape_text(value), values_text(value), argmax_text(value))
    output.print(rows, "")
    calls = f"median of {request.repeat} calls" if request.repeat > 1 else "one call; --repeat N for a median"
    if request.trace:
        calls += "; tracing adds to it"
    about = [
        ("path", path),
        ("latency", f"{seconds(latency)} ({calls})"),
    ]
    if request.save is not None:
        about.append(("saved", str(request.save)))
    output.print(*facts(about, output.console.width))
    if request.trace:
        times: dict[str, list[float]] = {}
        for name, duration in _unit_times(traced):
            times.setdefault(name, []).append(duration)
        units = table("unit", ">runs", ">time", ">share")
        for name, durations in times.items():
            units.add_row(name, str(len(durations)), seconds(sum(durations)), f"{sum(durations) / latency:.0%}")
        host = _host_time(traced, latency)
        units.add_row("host", "", seconds(host), f"{host / latency:.0%}")
        output.print("", "blocks: " + _blocks_text(traced.path), "", units)


def _blocks_text(path: Sequence[str]) -> str:
    """The blocks of a run in order, of many the first."""
    more = [f"and {len(path) - SHOWN_BLOCKS} more"] if len(path) > SHOWN_BLOCKS else []
    return " → ".join([*path[:SHOWN_BLOCKS], *more])


def _unit_times(traced: Trace) -> list[tuple[str, float]]:
    """Each unit that ran and its seconds."""
    return [(name, microseconds / 1e6) for name, microseconds in traced.units]


def _host_time(traced: Trace, latency: float) -> float:
    """The seconds of a call of `latency` seconds that no unit took."""
    return latency - sum(duration for _, duration in _unit_times(traced))


def _answer(
    request: RunRequest, named: list[tuple[str, object]], traced: Trace, path: str, latency: float
) -> dict[str, Any]:
    """With --trace the units and the latency are those of one call; without, units are not timed."""
    answer = {
        "ok": True,
        "outputs": {name: as_json(value) for name, value in named},
        "path": {"name": path, "blocks": list(traced.path)},
        "decisions": [{"loc": loc, "taken": taken} for loc, taken in traced.decisions],
        "reads": [{"name": name, "value": value} for name, value in traced.reads],
        "latency_seconds": latency,
    }
    if request.trace:
        answer["units"] = [{"name": name, "seconds": duration} for name, duration in _unit_times(traced)]
        answer["host_seconds"] = _host_time(traced, latency)
    return answer
