"""The kernel sum: each amount of work costs a fixed time, and a unit the sum of what its kernels do.

Every coefficient is a time of at least 0 µs, so that more work never costs less, and what is outside the range of the
data is continued as physics has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adaptc.costmodel.errors import CostModelError

Array = NDArray[np.float64]

ROUNDS = 12
"""How often outliers are weighed anew (iteratively reweighted least squares)."""

_HUBER = 0.08
"""The relative error from which on a row counts in proportion to its error, not to its square."""

_FARTHEST = 20.0
"""How many times too long or too short a time is told at most, for all that it counts."""

_NOISE = 0.05
"""The relative error of a row that counts as much as a price that is `SPREAD` times its own size off where it is drawn
to."""

SPREAD = 2.0
"""How far from the usual price of such work, in multiples of it, the price of a kind of kernel may well be."""


@dataclass(frozen=True)
class KernelSum:
    """`coefficients` are µs per amount of work, by "kind.term"; `defaults`, by "term", are for kinds without one."""

    coefficients: Mapping[str, float]
    defaults: Mapping[str, float]

    def time(self, terms: Mapping[str, float]) -> float:
        """The µs of so much work."""
        coefficients = self.coefficients
        total = 0.0
        for name, amount in terms.items():
            price = coefficients.get(name)
            if price is None:
                price = self.defaults.get(name.rsplit(".", 1)[1], 0.0)
            total += price * amount
        return total


def default_prices(coefficients: Mapping[str, float]) -> dict[str, float]:
    """What an amount of work costs in the middle of the kinds that have it, but for what costs nothing."""
    by_term: dict[str, list[float]] = {}
    for name, price in coefficients.items():
        if price > 0:
            by_term.setdefault(name.rsplit(".", 1)[1], []).append(price)
    return {term: float(np.median(prices)) for term, prices in by_term.items()}


def design(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> Array:
    """The amounts as a matrix, a column for each of `names`."""
    places = {name: place for place, name in enumerate(names)}
    matrix = np.zeros((len(rows), len(names)))
    for number, row in enumerate(rows):
        for name, amount in row.items():
            if name in places:
                matrix[number, places[name]] = amount
    return matrix


def fit(
    rows: Sequence[Mapping[str, float]],
    times: Array,
    toward: Mapping[str, float] | None = None,
    spread: float = SPREAD,
) -> KernelSum:
    """The kernel sum with the least relative errors on `rows`, whose runs took `times` µs.

    Prices are drawn to those of `toward`, those that it lacks to what such work costs in the middle of the kinds: what
    hardly any row has keeps that price. Terms of `toward` that no row has stay as they are. Raises `CostModelError`
    where there are no rows.
    """
    if not rows:
        raise CostModelError("there is no row to fit a cost model to")
    names = sorted({name for row in rows for name in row})
    matrix = design(rows, names) / times[:, None]
    toward = toward or {}
    centers = np.array([toward.get(name, 0.0) for name in names])
    if not toward:
        usual = default_prices(dict(zip(names, _solve(matrix, centers, np.zeros(len(names))).tolist())))
        centers = np.array([usual.get(name.rsplit(".", 1)[1], 0.0) for name in names])
    # Where nothing is known of a price, nothing draws it.
    pulls = np.where(centers > 0, _NOISE / (spread * np.maximum(centers, 1e-30)), 0.0)
    solution = _solve(matrix, centers, pulls)
    found = dict(zip(names, solution.tolist()))
    coefficients = {**{name: value for name, value in toward.items() if name not in found}, **found}
    return KernelSum(coefficients, default_prices(coefficients))


def _solve(matrix: Array, centers: Array, pulls: Array) -> Array:
    """The prices with the least relative errors; each is drawn to its center as strongly as its pull says."""
    from scipy.optimize import nnls  # type: ignore[import-untyped]

    count = matrix.shape[1]
    scale = np.maximum(np.sqrt((matrix**2).mean(axis=0)), 1e-300)
    scaled = matrix / scale
    drawn = np.diag(pulls / scale)
    trust = np.ones(len(matrix))
    solution = np.zeros(count)
    for _ in range(ROUNDS):
        root = np.sqrt(trust)[:, None]
        left = np.vstack([scaled * root, drawn])
        right = np.concatenate([root[:, 0], pulls * centers])
        gram, moment = left.T @ left, left.T @ right
        # The normal equations, by their factor, are as small as the number of terms, however many rows there are.
        factor = np.linalg.cholesky(gram + 1e-9 * len(matrix) * np.eye(count))
        solution = nnls(factor.T, np.linalg.solve(factor, moment), maxiter=50 * count)[0]
        # A time that is told as half and one that is told as double are as wrong: the errors are those of logarithms,
        # of which a relative error is the slope where it is divided by both times' geometric mean.
        ratios = np.clip(scaled @ solution, 1 / _FARTHEST, _FARTHEST)
        errors = np.abs(np.log(ratios))
        trust = np.minimum(1.0, _HUBER / np.maximum(errors, 1e-9)) / ratios
    prices: Array = solution / scale
    return prices
