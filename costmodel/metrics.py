"""How well predicted times fit measured ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptc.costmodel.models.kernel_sum import Array


@dataclass(frozen=True)
class Metrics:
    """Relative errors of predictions: their mean (MAPE), median and 95th percentile, the share within 10 %, the
    median with its sign (bias), and Kendall's tau, which is 1 where all pairs are in order; NaN for one row."""

    rows: int
    mape: float
    median: float
    within: float
    p95: float
    bias: float
    tau: float


def metrics(predicted: Array, measured: Array) -> Metrics:
    """The metrics of `predicted` µs beside `measured` ones."""
    from scipy.stats import kendalltau  # type: ignore[import-untyped]

    errors = predicted / measured - 1
    sizes = np.abs(errors)
    tau = float(kendalltau(predicted, measured).statistic) if len(errors) > 1 else float("nan")
    return Metrics(
        rows=len(errors),
        mape=float(sizes.mean()),
        median=float(np.median(sizes)),
        within=float((sizes <= 0.1).mean()),
        p95=float(np.quantile(sizes, 0.95)),
        bias=float(np.median(errors)),
        tau=tau,
    )


def noise_floor(passes: Sequence[Sequence[float]]) -> Metrics:
    """How well half of the passes of each row foretell the other half: what no model can be better than."""
    even = np.array([min(row[0::2]) for row in passes])
    odd = np.array([min(row[1::2]) for row in passes])
    return metrics(even, odd)
