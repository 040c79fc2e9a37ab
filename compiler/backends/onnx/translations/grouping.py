"""Products of groups of rows with a matrix per group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import torch
from torch._ops import OpOverload

from adaptc.compiler.backends.onnx.translations.tools import ints, like, op
from adaptc.compiler.ir import operators  # noqa: F401  (registers the operator)


def table() -> dict[OpOverload, Callable[..., Any]]:
    """Translations by overload."""
    return {torch.ops.adaptc.grouped_mm.default: grouped_mm}


def grouped_mm(rows: Any, matrices: Any, ends: Any) -> Any:
    """One product per group, empty groups included. Raises NotImplementedError where their number is not static."""
    groups, width = matrices.shape[0], matrices.shape[2]
    if not isinstance(groups, int) or not isinstance(width, int):
        raise NotImplementedError("the number or the size of the matrices varies")
    first = ints(0)
    bounds = op.Concat(ints(0), op.Cast(ends, to=ir.DataType.INT64), axis=0)
    start, parts = first, []
    for group in range(groups):
        end = op.Slice(bounds, ints(group + 1), ints(group + 2), first)
        parts.append(op.MatMul(op.Slice(rows, start, end, first), op.Gather(matrices, op.Constant(value_int=group))))
        start = end
    behind = op.Concat(op.Sub(op.Shape(rows, start=0, end=1), start), ints(width), axis=0)
    return op.Concat(*parts, op.Expand(like(0.0, rows), behind), axis=0)
