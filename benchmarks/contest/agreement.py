"""How far a contestant's outputs are from eager PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from adaptc.compiler.structure import flatten
from adaptc.compiler.verify.compare import scale_of, to_numpy
from contest.cases import Case

TOLERANCE = 1e-4
"""A relative difference above this is a wrong answer."""


def nested_error(case: Case) -> Callable[[int, Any], float]:
    """The difference of a nested result of a way from eager's."""
    return lambda way, found: leaf_error(case.ways[way].expected, found)


def leaf_error(eager: object, found: object) -> float:
    """The worst relative difference over the leaves; infinite where one has another shape, or other integers.

    Leaves are compared by value: a Python number and a tensor of one element are the same.
    """
    expected, given = _leaves(eager), _leaves(found)
    if len(expected) != len(given):
        return math.inf
    return max((_difference(one, other) for one, other in zip(expected, given)), default=0.0)


def _leaves(value: object) -> list[Any]:
    leaves = flatten(value, "leaf", arrays=True)[1]
    return [to_numpy(leaf) if isinstance(leaf, torch.Tensor) else np.asarray(leaf) for leaf in leaves]


def _difference(expected: Any, found: Any) -> float:
    if expected.shape != found.shape:
        return math.inf
    if expected.dtype.kind not in "fc":
        return 0.0 if np.array_equal(expected, found) else math.inf
    if expected.size == 0:
        return 0.0
    if not np.array_equal(np.isfinite(expected), np.isfinite(found)):
        return math.inf
    finite = np.isfinite(expected)
    gaps = np.abs(expected[finite].astype(np.float64) - found[finite].astype(np.float64))
    return float(gaps.max(initial=0.0)) / scale_of(expected)
