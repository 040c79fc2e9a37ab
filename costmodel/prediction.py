"""What a cost model says of code."""

from __future__ import annotations

from dataclasses import dataclass

KNOWN_TO = 0.08
"""To within how much of it a time is told on average: what is expected to differ by less is alike."""


@dataclass(frozen=True)
class Prediction:
    """`time_us` is what a call of a unit of this code takes, `kernels_us` what its kernels take of that. The time is
    expected to lie between `low_us` and `high_us` in nine of ten cases; `warnings` say why that range is wide."""

    time_us: float
    kernels_us: float
    low_us: float
    high_us: float
    warnings: tuple[str, ...] = ()
