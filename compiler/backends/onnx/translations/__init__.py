"""Translations of ATen operators to ONNX that torch's exporter lacks, or has in a wrong or slow form.

Each file holds one family and a `table`: ATen overload -> function. A function takes what the call takes
(tensors as ONNX values, numbers and lists as themselves) and gives the ONNX value of the result, or a tuple.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch._ops import OpOverload

from adaptc.compiler.backends.onnx.translations import (
    attention,
    elementwise,
    grouping,
    normalization,
    ordering,
    pooling,
    recurrent,
    reductions,
    scattering,
    shaping,
)


def table() -> dict[OpOverload, Callable[..., Any]]:
    """All translations."""
    families = (
        attention,
        elementwise,
        grouping,
        normalization,
        ordering,
        pooling,
        recurrent,
        reductions,
        scattering,
        shaping,
    )
    return {target: function for family in families for target, function in family.table().items()}
