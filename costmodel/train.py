"""Makes a cost model from measured units, and fits one to another machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from adaptc.costmodel.contestants import corrected_kernel_sum, kernel_sum
from adaptc.costmodel.errors import CostModelError
from adaptc.costmodel.evaluate import FOLDS, by_family, predictions
from adaptc.costmodel.features import CALL, MEMORY, Features, terms_of
from adaptc.costmodel.metrics import Metrics, metrics
from adaptc.costmodel.model import ControlCosts, CostModel
from adaptc.costmodel.models.boosted import BoostedKernelSum, Settings, columns_of, fit_corrections
from adaptc.costmodel.models.kernel_sum import Array, fit
from adaptc.costmodel.rows import Rows

Note = Callable[[str, int, int], None]
"""Told a stage, the steps done and the steps in all."""

FEWEST = 20
"""Rows that a model is made of at least."""

_CLOSE = 0.3
"""How far from those of the model that it begins with, in multiples of them, the prices of a refit may well be."""


def train(
    rows: Rows,
    channels: int,
    control: ControlCosts,
    about: Mapping[str, Any],
    note: Note,
    corrections: Settings | None = None,
    seed: int = 0,
) -> CostModel:
    """The cost model of `rows`, measured on a machine that keeps images in blocks of `channels` channels.

    It is a kernel sum, with boosted corrections of each kernel where there are settings for them. Its band comes from
    models that had not seen the families that they are tested on. Raises `CostModelError` where there are too few rows.
    """
    if len(rows) < FEWEST or len(set(rows.families)) < 2:
        raise CostModelError(f"{len(rows)} units are too few to make a model of: collect {FEWEST} of two families")
    fit_one = kernel_sum if corrections is None else corrected_kernel_sum
    splits = by_family(rows, FOLDS, seed)
    places: list[int] = []
    found: list[Array] = []
    for number, split in enumerate(splits):
        note("testing on families held out", number, len(splits) + 1)
        held, told = predictions(fit_one, rows, [split], seed)
        places += held
        found.append(told)
    note("fitting to all families", len(splits), len(splits) + 1)
    base = fit([each.with_call for each in rows.features], rows.times)
    boosted = BoostedKernelSum(base, {})
    if corrections is not None:
        boosted = fit_corrections(rows.features, rows.times, base, corrections, seed)
    note("fitting to all families", len(splits) + 1, len(splits) + 1)
    band = _band(np.concatenate(found), rows.times[places])
    return CostModel(boosted, channels, band, _largest(rows.features), control, dict(about))


def refit(
    model: CostModel, rows: Rows, channels: int, control: ControlCosts, about: Mapping[str, Any]
) -> tuple[CostModel, Metrics]:
    """`model` for the machine that `rows` were measured on, and how well it now tells them.

    That machine keeps images in blocks of `channels` channels.

    Its coefficients are first multiplied by one factor, how much slower the machine is, and then drawn to what the rows
    say; corrections of kernels stay as they are. Raises `CostModelError` where there are too few rows.
    """
    if len(rows) < FEWEST:
        raise CostModelError(f"{len(rows)} units are too few to calibrate on: {FEWEST} are needed")
    amounts = [_corrected_amounts(features, model.predictor) for features in rows.features]
    base = model.predictor.base
    before = np.array([base.time(each) for each in amounts])
    slower = float(np.exp(np.median(np.log(rows.times / before))))
    toward = {name: price * slower for name, price in base.coefficients.items()}
    fitted = fit(amounts, rows.times, toward=toward, spread=_CLOSE)
    told = np.array([fitted.time(each) for each in amounts])
    predictor = BoostedKernelSum(fitted, model.predictor.corrections)
    found = metrics(told, rows.times)
    low, high = _band(told, rows.times)
    band = (min(low, model.band[0]), max(high, model.band[1]))
    return CostModel(predictor, channels, band, model.largest, control, dict(about)), found


def _corrected_amounts(features: Features, predictor: BoostedKernelSum) -> dict[str, float]:
    """The amounts of work of a unit with its call, those of each kernel multiplied by its correction."""
    whole = (f"{CALL}.", f"{MEMORY}.")
    total = {name: amount for name, amount in features.with_call.items() if name.startswith(whole)}
    for kernel in features.kernels:
        correction = predictor.corrections.get(kernel.kind)
        factor = 1.0
        if correction is not None:
            row = np.array([columns_of(kernel, correction.columns)])
            factor = float(np.exp(correction.logarithms(row)[0]))
        for name, amount in terms_of(kernel).items():
            total[name] = total.get(name, 0.0) + amount * factor
    return total


def _band(predicted: Array, measured: Array) -> tuple[float, float]:
    logs = np.log(measured / predicted)
    return float(np.quantile(logs, 0.05)), float(np.quantile(logs, 0.95))


def _largest(rows: Sequence[Features]) -> dict[str, float]:
    found: dict[str, float] = {}
    for features in rows:
        for kernel in features.kernels:
            for name, amount in kernel.terms.items():
                key = f"{kernel.kind}.{name}"
                found[key] = max(found.get(key, 0.0), amount)
    return found
