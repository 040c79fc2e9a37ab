"""Runs a sample of an artifact again and compares with the outputs that lie beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adaptc.runtime.errors import ArtifactError
from adaptc.runtime.longpaths import listed
from adaptc.runtime.manifest import Sample
from adaptc.runtime.probing import Value
from adaptc.runtime.trace import SampleResult

SMALLEST_SCALE = 1e-6
"""Outputs smaller than this are compared absolutely, in units of it."""


@dataclass(frozen=True)
class Rerun:
    """What a run gave: flat outputs, the name of the exception that the network raised or "", and the path."""

    outputs: tuple[Any, ...]
    raises: str
    path: tuple[str, ...]


Run = Callable[[Sequence[Any], Mapping[str, Sequence[Value | None]]], Rerun]
"""Runs flat inputs with forced reads."""


def rerun(folder: Path, sample: Sample, run: Run, tolerance: float) -> SampleResult:
    """The sample's result by `run`, compared. Raises `ArtifactError` if its files are not what they should be."""
    forced: dict[str, list[Value | None]] = {}
    for read in sample.forced:
        forced.setdefault(read.read, []).append(read.value)
    found = run(_arrays(folder / sample.inputs), forced)
    expected = _arrays(folder / sample.expected)
    worst, place, problem = 0.0, "", ""
    if found.raises != sample.raises:
        problem = f"raises {found.raises or 'nothing'}, expected {sample.raises or 'nothing'}"
    elif len(found.outputs) != len(expected):
        problem = f"gives {len(found.outputs)} outputs, expected {len(expected)}"
    else:
        for number, (ours, theirs) in enumerate(zip(found.outputs, expected)):
            error, what = difference(np.asarray(ours), theirs)
            if error > worst:
                worst, place = error, f"output {number}"
            if what and not problem:
                problem = f"output {number} {what}"
    taken = listed(found.path)
    if not problem and taken != sample.path:
        problem = f"takes the path {' -> '.join(taken)}, expected {' -> '.join(sample.path)}"
    if not problem and worst > tolerance:
        problem = f"{place} differs by {worst:.2g} relative, more than {tolerance:.2g}"
    return SampleResult(sample.name, not problem, worst, place, taken, sample.path, found.raises, problem)


def difference(ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any]) -> tuple[float, str]:
    """The relative error max|a - b| / max(max|b|, 1e-6), and what is wrong besides ("" if nothing is).

    Infinities and NaNs must stand in the same places. Integers and bools have no error or an infinite one.
    """
    if ours.shape != theirs.shape:
        return float("inf"), f"has shape {ours.shape}, expected {theirs.shape}"
    inexact = ours.dtype.kind in "fc" and theirs.dtype.kind in "fc"
    if not inexact:
        if ours.dtype.kind != theirs.dtype.kind:
            return float("inf"), f"has dtype {ours.dtype.name}, expected {theirs.dtype.name}"
        return (0.0, "") if np.array_equal(ours, theirs) else (float("inf"), "is not equal")
    wide = np.complex128 if "c" in (ours.dtype.kind, theirs.dtype.kind) else np.float64
    a, b = ours.astype(wide), theirs.astype(wide)
    finite = np.isfinite(a) & np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return float("inf"), "has infinities or NaNs in other places"
    if not finite.any():
        return 0.0, ""
    scale = max(float(np.abs(b[finite]).max()), SMALLEST_SCALE)
    return float(np.abs(a[finite] - b[finite]).max()) / scale, ""


def _arrays(path: Path) -> list[np.ndarray[Any, Any]]:
    """The arrays "0", "1", ... of an .npz file."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return [arrays[str(number)] for number in range(len(arrays.files))]
    except (ValueError, KeyError, EOFError) as error:
        raise ArtifactError(f"{path} is not a list of arrays: {error}; compile the network again") from error
