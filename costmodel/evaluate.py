"""Compares models on rows that they have not seen: whole families, the longest runs, existing networks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from adaptc.costmodel.contestants import SLOW, Fit
from adaptc.costmodel.metrics import Metrics, metrics
from adaptc.costmodel.models.kernel_sum import Array
from adaptc.costmodel.rows import REAL, Rows

LARGEST = 0.2
"""The share of rows, the ones of longest time, that are held out by size."""

KERNELS = "kernel"
"""The family of single operators, from which prices are learned that blocks of networks share."""

FOLDS = 5
"""Groups of families that slow models are tested on, each fitted to the others; fast ones leave out one at a time."""

Note = Callable[[str], None]
"""Told what is done next."""


@dataclass(frozen=True)
class Held:
    """A split: the places of the rows that a model is fitted to, and of those that it is tested on."""

    inside: tuple[int, ...]
    outside: tuple[int, ...]


@dataclass(frozen=True)
class Score:
    """How a model does on a split: over all rows that it was tested on, by family, and the spread of the median error
    over seeds. `tau_in_families` is the mean of Kendall's tau within each family. `seconds` is what fitting took."""

    overall: Metrics
    by_family: Mapping[str, Metrics]
    tau_in_families: float
    spread: float
    seconds: float


def by_family(rows: Rows, folds: int | None = None, seed: int = 0) -> list[Held]:
    """Each family held out, or `folds` groups of families; single kernels are never held out."""
    names = sorted(set(rows.families) - {KERNELS})
    groups: list[list[str]] = [[name] for name in names]
    if folds is not None:
        shuffled = np.random.default_rng(seed).permutation(names).tolist()
        groups = [shuffled[fold::folds] for fold in range(min(folds, len(names)))]
    return [_held(rows, partial(_is_of, rows, group)) for group in groups]


def _is_of(rows: Rows, group: Sequence[str], place: int) -> bool:
    return rows.families[place] in group


def by_size(rows: Rows) -> list[Held]:
    """The rows of longest time held out."""
    border = float(np.quantile(rows.times, 1 - LARGEST))
    return [_held(rows, lambda place: bool(rows.times[place] > border))]


def by_origin(rows: Rows) -> list[Held]:
    """The units of existing networks held out; none where there are none."""
    real = {name for name in rows.families if name.startswith(REAL)}
    return [_held(rows, lambda place: rows.families[place] in real)] if real else []


def seen(rows: Rows) -> list[Held]:
    """All rows, which the model is fitted to too: how well its form can tell them at best."""
    everything = tuple(range(len(rows)))
    return [Held(everything, everything)]


def _held(rows: Rows, is_outside: Callable[[int], bool]) -> Held:
    places = range(len(rows))
    outside = tuple(place for place in places if is_outside(place))
    return Held(tuple(place for place in places if place not in set(outside)), outside)


def predictions(fit: Fit, rows: Rows, splits: Sequence[Held], seed: int) -> tuple[tuple[int, ...], Array]:
    """The places of all rows that are held out, and what is predicted of each by a model that has not seen it."""
    places: list[int] = []
    found: list[Array] = []
    for split in splits:
        predict = fit(rows.take(split.inside), seed)
        places += split.outside
        found.append(predict(rows.take(split.outside)))
    return tuple(places), np.concatenate(found) if found else np.zeros(0)


def score(name: str, fit: Fit, rows: Rows, splits: Sequence[Held], seeds: Sequence[int], note: Note) -> Score:
    """How the model `name` does on `splits`; its predictions are those of the first seed."""
    begin = time.perf_counter()
    medians = []
    places: tuple[int, ...] = ()
    first = np.zeros(0)
    for number, seed in enumerate(seeds):
        note(f"{name}, seed {number + 1} of {len(seeds)}")
        places, found = predictions(fit, rows, splits, seed)
        medians.append(metrics(found, rows.times[list(places)]).median)
        first = found if number == 0 else first
    seconds = (time.perf_counter() - begin) / max(1, len(seeds) * len(splits))
    measured = rows.times[list(places)]
    families = np.array([rows.families[place] for place in places])
    each = {
        str(family): metrics(first[families == family], measured[families == family])
        for family in dict.fromkeys(families.tolist())
    }
    inner = [value.tau for value in each.values() if not np.isnan(value.tau)]
    spread = float(np.std(medians)) if len(medians) > 1 else 0.0
    return Score(metrics(first, measured), each, float(np.mean(inner)) if inner else float("nan"), spread, seconds)


def splits_for(name: str, rows: Rows, kind: str) -> list[Held]:
    """The splits of a kind ("family", "size", "real", "seen") that a model of this name is tested on."""
    match kind:
        case "family":
            return by_family(rows, FOLDS if name in SLOW else None)
        case "size":
            return by_size(rows)
        case "seen":
            return seen(rows)
        case _:
            return by_origin(rows)
