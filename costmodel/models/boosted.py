"""The kernel sum with boosted corrections: each kernel's time is multiplied by what trees of its kind say of its shape.

The trees of all kinds are fitted together to whole units: the gradient of a unit's error goes to each of its kernels in
proportion to its share of the time. Outside of the range of the data a correction fades away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptc.costmodel.features import CALL, MEMORY, Features, terms_of
from adaptc.costmodel.kernels.kernel import Kernel
from adaptc.costmodel.models.kernel_sum import Array, KernelSum
from adaptc.costmodel.models.trees import Trees, trees_of

_FADING = math.log(2.0)
"""How far outside the range of the data, as a logarithm, a correction is gone."""

_MOST = math.log(8.0)
"""The largest correction, as a logarithm."""


@dataclass(frozen=True)
class Settings:
    """How trees are grown: `rounds` trees of at most `leaves` leaves, each of which changes `rate` of what it would; a
    leaf has at least `least` kernels and as many in weight as its `ridge` allows. Kinds of fewer kernels have none."""

    rounds: int = 30
    leaves: int = 6
    rate: float = 0.1
    least: int = 20
    ridge: float = 5.0
    fewest: int = 60


@dataclass(frozen=True)
class Correction:
    """What is to be known of one kind: the `columns` that its trees see, as logarithms, their range in the data, and
    the trees."""

    columns: tuple[str, ...]
    lowest: Array
    highest: Array
    trees: Trees

    def logarithms(self, rows: Array) -> Array:
        """For each row of columns the logarithm of what its time is multiplied by."""
        beyond = np.maximum(rows - self.highest, self.lowest - rows).max(axis=1, initial=0.0)
        fading = np.clip(1.0 - beyond / _FADING, 0.0, 1.0)
        corrections: Array = np.clip(self.trees.sum(rows), -_MOST, _MOST) * fading
        return corrections


@dataclass(frozen=True)
class BoostedKernelSum:
    """`base` prices the kernels, `corrections` by kind say how far each is off."""

    base: KernelSum
    corrections: Mapping[str, Correction]

    def time(self, features: Features) -> float:
        """The µs of a run of the kernels, without a call."""
        if not self.corrections:
            return self.base.time(features.terms)
        total = 0.0
        by_kind: dict[str, list[Kernel]] = {}
        for kernel in features.kernels:
            by_kind.setdefault(kernel.kind, []).append(kernel)
        for kind, kernels in by_kind.items():
            prices = np.array([self.base.time(terms_of(kernel)) for kernel in kernels])
            correction = self.corrections.get(kind)
            if correction is not None:
                rows = np.array([columns_of(kernel, correction.columns) for kernel in kernels])
                prices = prices * np.exp(correction.logarithms(rows))
            total += float(prices.sum())
        memory = {name: amount for name, amount in features.terms.items() if name.startswith(f"{MEMORY}.")}
        return total + self.base.time(memory)

    def time_with_call(self, features: Features) -> float:
        """The µs of a call of a unit that is made of this code alone."""
        calls = {name: amount for name, amount in features.with_call.items() if name.startswith(f"{CALL}.")}
        return self.time(features) + self.base.time(calls)


def columns_of(kernel: Kernel, columns: Sequence[str]) -> list[float]:
    """What trees see of a kernel: logarithms of its amounts of work and of its extents."""
    found = {**kernel.terms, **{f"shape.{name}": value for name, value in kernel.shape.items()}}
    return [math.log1p(found.get(column, 0.0)) for column in columns]


class _Kind:
    """The kernels of one kind in the rows, while its trees grow."""

    def __init__(self, kernels: Sequence[Kernel], units: Sequence[int]) -> None:
        names = {name for kernel in kernels for name in kernel.terms}
        extents = {f"shape.{name}" for kernel in kernels for name in kernel.shape}
        self.columns = (*sorted(names), *sorted(extents))
        self.rows = np.array([columns_of(kernel, self.columns) for kernel in kernels])
        self.units = np.array(units)
        self.logarithms = np.zeros(len(kernels))
        self.base = np.zeros(len(kernels))


def fit_corrections(
    rows: Sequence[Features],
    times: Array,
    base: KernelSum,
    settings: Settings,
    seed: int = 0,
) -> BoostedKernelSum:
    """Corrections of `base` that make the units of `rows` take `times` µs."""
    kinds = _kinds(rows, base, settings)
    fixed = np.array([_uncorrected(features, base, kinds) for features in rows])
    boosters = {kind: _Booster(each, settings, seed) for kind, each in kinds.items()}
    logs = np.log(times)
    for _ in range(settings.rounds):
        total = fixed.copy()
        for each in kinds.values():
            np.add.at(total, each.units, each.base * np.exp(each.logarithms))
        errors = np.clip(np.log(np.maximum(total, 1e-3)) - logs, -0.5, 0.5)
        for kind, each in kinds.items():
            shares = each.base * np.exp(each.logarithms) / total[each.units]
            boosters[kind].grow(errors[each.units] * shares, shares**2)
    corrections = {kind: boosters[kind].correction() for kind in kinds}
    return BoostedKernelSum(base, corrections)


def _kinds(rows: Sequence[Features], base: KernelSum, settings: Settings) -> dict[str, _Kind]:
    kernels: dict[str, list[Kernel]] = {}
    units: dict[str, list[int]] = {}
    for number, features in enumerate(rows):
        for kernel in features.kernels:
            kernels.setdefault(kernel.kind, []).append(kernel)
            units.setdefault(kernel.kind, []).append(number)
    found = {}
    for kind, members in sorted(kernels.items()):
        if len(members) >= settings.fewest and kind != "unknown":
            found[kind] = _Kind(members, units[kind])
            found[kind].base = np.array([base.time(terms_of(kernel)) for kernel in members])
    return found


def _uncorrected(features: Features, base: KernelSum, kinds: Mapping[str, _Kind]) -> float:
    """The µs of what no trees correct: the call, and kernels of rare kinds."""
    terms = features.with_call
    return base.time({name: amount for name, amount in terms.items() if name.rsplit(".", 1)[0] not in kinds})


class _Booster:
    """LightGBM's trees for one kind."""

    def __init__(self, kind: _Kind, settings: Settings, seed: int) -> None:
        import lightgbm

        self._kind = kind
        options = {
            "objective": "none",
            "learning_rate": settings.rate,
            "num_leaves": settings.leaves,
            "min_data_in_leaf": settings.least,
            "min_sum_hessian_in_leaf": 1e-3,
            "lambda_l2": settings.ridge,
            "feature_fraction": 0.8,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "max_bin": 127,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            "seed": seed,
        }
        data = lightgbm.Dataset(kind.rows, np.zeros(len(kind.rows)), params={"verbosity": -1, "max_bin": 127})
        self._booster = lightgbm.Booster(options, data)

    def grow(self, gradient: NDArray[np.float64], hessian: NDArray[np.float64]) -> None:
        """One more tree."""
        before = self._booster.current_iteration()
        self._booster.update(fobj=lambda *_: (gradient, hessian + 1e-6))
        if self._booster.current_iteration() > before:
            added = self._booster.predict(self._kind.rows, start_iteration=before, num_iteration=1, num_threads=1)
            self._kind.logarithms = np.clip(self._kind.logarithms + added, -_MOST, _MOST)

    def correction(self) -> Correction:
        """What has grown."""
        dumped: Mapping[str, Any] = self._booster.dump_model()
        trees = trees_of([tree["tree_structure"] for tree in dumped["tree_info"]])
        rows = self._kind.rows
        return Correction(self._kind.columns, rows.min(axis=0), rows.max(axis=0), trees)
