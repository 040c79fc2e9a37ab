"""The models that are compared: each is fitted to some rows and tells the times of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from adaptc.costmodel.features import CALL, Features
from adaptc.costmodel.models.boosted import Settings, fit_corrections
from adaptc.costmodel.models.kernel_sum import Array, fit
from adaptc.costmodel.rows import Rows

Predict = Callable[[Rows], Array]
"""From rows to their µs."""

Fit = Callable[[Rows, int], Predict]
"""From rows and a seed to a fitted model."""


def constant(rows: Rows, seed: int) -> Predict:
    """The one time with the least relative errors."""
    best = float(np.exp(np.median(np.log(rows.times))))
    return lambda others: np.full(len(others), best)


def flops_only(rows: Rows, seed: int) -> Predict:
    """A time for each call and one for each multiplication."""
    model = fit([{"call.fixed": 1.0, "all.flops": arithmetic(each)} for each in rows.features], rows.times)
    return lambda others: np.array(
        [model.time({"call.fixed": 1.0, "all.flops": arithmetic(each)}) for each in others.features]
    )


def roofline(rows: Rows, seed: int) -> Predict:
    """A time for each kernel, and what its arithmetic or its memory traffic takes, whichever is more."""
    rates = [(flops, moved) for flops in np.geomspace(5e3, 2e5, 12) for moved in np.geomspace(5e2, 1e5, 12)]

    def terms(features: Features, rate: tuple[float, float]) -> dict[str, float]:
        work = sum(max(_work(k.terms) / rate[0], _moved(k.terms) / rate[1]) for k in features.kernels)
        return {"call.fixed": 1.0, "all.kernels": float(len(features.kernels)), "all.roof": work}

    def error(rate: tuple[float, float]) -> float:
        amounts = [terms(each, rate) for each in rows.features]
        model = fit(amounts, rows.times)
        found = np.array([model.time(each) for each in amounts])
        return float(np.median(np.abs(found / rows.times - 1)))

    best = min(rates[:: max(1, len(rates) // 48)], key=error)
    model = fit([terms(each, best) for each in rows.features], rows.times)
    return lambda others: np.array([model.time(terms(each, best)) for each in others.features])


def direct_boosting(rows: Rows, seed: int) -> Predict:
    """Boosted trees that tell the logarithm of the time from the logarithms of all amounts of work."""
    import lightgbm

    names = sorted({name for each in rows.features for name in each.with_call})

    def matrix(others: Rows) -> Array:
        found = [[each.with_call.get(name, 0.0) for name in names] for each in others.features]
        logs: Array = np.log1p(np.array(found))
        return logs

    options = {"objective": "l1", "learning_rate": 0.06, "num_leaves": 31, "min_data_in_leaf": 5, "verbosity": -1}
    options |= {"num_threads": 1, "seed": seed, "bagging_fraction": 0.8, "bagging_freq": 1, "feature_fraction": 0.6}
    data = lightgbm.Dataset(matrix(rows), np.log(rows.times))
    booster = lightgbm.train(options, data, num_boost_round=400)
    return lambda others: np.exp(np.asarray(booster.predict(matrix(others), num_threads=1), dtype=np.float64))


def kernel_sum(rows: Rows, seed: int) -> Predict:
    """The kernel sum (`models.kernel_sum`)."""
    model = fit([each.with_call for each in rows.features], rows.times)
    return lambda others: np.array([model.time(each.with_call) for each in others.features])


def corrected_kernel_sum(rows: Rows, seed: int) -> Predict:
    """The kernel sum with boosted corrections of each kernel (`models.boosted`)."""
    base = fit([each.with_call for each in rows.features], rows.times)
    model = fit_corrections(rows.features, rows.times, base, Settings(), seed)
    return lambda others: np.array([model.time_with_call(each) for each in others.features])


def corrected_units(rows: Rows, seed: int) -> Predict:
    """The kernel sum, the whole of it multiplied by what trees say of the shares of its kinds."""
    import lightgbm

    base = fit([each.with_call for each in rows.features], rows.times)
    kinds = sorted({kernel.kind for each in rows.features for kernel in each.kernels} | {CALL})

    def shares(features: Features) -> list[float]:
        spent = dict.fromkeys(kinds, 0.0)
        for name, amount in features.with_call.items():
            kind = name.rsplit(".", 1)[0]
            if kind in spent:
                spent[kind] += base.time({name: amount})
        total = max(1e-3, sum(spent.values()))
        return [np.log(total), np.log1p(len(features.kernels)), *(value / total for value in spent.values())]

    given = np.array([shares(each) for each in rows.features])
    prices = np.array([base.time(each.with_call) for each in rows.features])
    options = {"objective": "l1", "learning_rate": 0.05, "num_leaves": 12, "min_data_in_leaf": 8, "verbosity": -1}
    options |= {"num_threads": 1, "seed": seed, "bagging_fraction": 0.8, "bagging_freq": 1, "feature_fraction": 0.6}
    booster = lightgbm.train(options, lightgbm.Dataset(given, np.log(rows.times / prices)), num_boost_round=200)
    lowest, highest = given.min(axis=0) - 0.1, given.max(axis=0) + 0.1

    def predict(others: Rows) -> Array:
        seen = np.array([shares(each) for each in others.features])
        inside = ((seen >= lowest) & (seen <= highest)).all(axis=1)
        sums = np.array([base.time(each.with_call) for each in others.features])
        found: Array = sums * np.exp(np.where(inside, booster.predict(seen, num_threads=1), 0.0))
        return found

    return predict


def over_tokens(network: str, detail: str) -> Fit:
    """A network over the tokens of the MLIR text (`costmodel.text`)."""

    def fit_text(rows: Rows, seed: int) -> Predict:
        from adaptc.costmodel.text.training import TextSettings, train

        settings = TextSettings(network=network, detail="ops" if detail == "ops" else "operands")
        model = train(rows.texts, rows.times, rows.families, settings, seed)
        return lambda others: model.times(others.texts)

    return fit_text


CONTESTANTS: Mapping[str, Fit] = {
    "constant": constant,
    "flops": flops_only,
    "roofline": roofline,
    "boosting": direct_boosting,
    "conv1d-ops": over_tokens("conv1d", "ops"),
    "conv1d": over_tokens("conv1d", "operands"),
    "transformer": over_tokens("transformer", "operands"),
    "kernel-sum": kernel_sum,
    "unit-residual": corrected_units,
    "kernel-residual": corrected_kernel_sum,
}
"""All models by name."""

SLOW = frozenset({"conv1d-ops", "conv1d", "transformer"})
"""Those that take minutes to fit."""


def arithmetic(features: Features) -> float:
    """The multiplications and elements that code computes."""
    return sum(amount for name, amount in features.terms.items() if name.rsplit(".", 1)[1] in ("macs", "elements"))


def _work(terms: Mapping[str, float]) -> float:
    return terms.get("macs", 0.0) + terms.get("elements", 0.0)


def _moved(terms: Mapping[str, float]) -> float:
    elements = sum(terms.get(name, 0.0) for name in ("taken", "results", "weights", "left", "right", "far", "moved"))
    return 4 * elements + terms.get("bytes", 0.0) + 8 * terms.get("elements", 0.0) * ("bytes" not in terms)
