"""Which numbers a dtype has: a value forced on a read must be one that the tensor could have held."""

from __future__ import annotations

import math

import torch

from adaptc.compiler.ir.evaluate import Number


def around(value: float, dtype: torch.dtype | None) -> list[float]:
    """The number of `dtype` (None: float64) nearest to `value`, the next greater and the next smaller one; none where
    they are not finite."""
    nearest = torch.tensor(value, dtype=dtype if dtype is not None and dtype.is_floating_point else torch.float64)
    infinity = torch.tensor(math.inf, dtype=nearest.dtype)
    found = [nearest, torch.nextafter(nearest, infinity), torch.nextafter(nearest, -infinity)]
    return [number.item() for number in found if number.isfinite()]


def held(value: Number, dtype: torch.dtype | None) -> Number | None:
    """`value` as a tensor of `dtype` holds it, for a read that gives a number; None where it cannot hold it."""
    if dtype is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        limits = None if dtype.is_floating_point or dtype == torch.bool else torch.iinfo(dtype)
        return value if limits is None or limits.min <= value <= limits.max else None
    if not dtype.is_floating_point or not math.isfinite(value):
        return value
    rounded: float = torch.tensor(value, dtype=dtype).item()
    return rounded if math.isfinite(rounded) else None
