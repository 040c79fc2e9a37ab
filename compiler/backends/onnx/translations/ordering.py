"""Sorting, order statistics and searching in sorted rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import torch
from torch._ops import OpOverload

from adaptc.compiler.backends.onnx.translations.tools import ints, like, op


def table() -> dict[OpOverload, Callable[..., Any]]:
    """Translations by ATen overload."""
    aten = torch.ops.aten
    return {
        aten.sort.stable: sort,
        aten.kthvalue.default: kthvalue,
        aten.median.default: median,
        aten.median.dim: median_dim,
        aten.searchsorted.Tensor: searchsorted,
        aten.searchsorted.Scalar: searchsorted,
    }


def sort(self: Any, *, stable: bool | None, dim: int = -1, descending: bool = False) -> Any:
    """Sorted values and their indices; TopK keeps equal elements in order, as a stable sort does."""
    del stable
    if len(self.shape) == 0:
        return op.Identity(self), op.Constant(value_int=0)
    return tuple(op.TopK(self, _extent(self, dim), axis=dim, largest=int(descending), sorted=1))


def kthvalue(self: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The `k`-th smallest value along `dim`, and its index."""
    return _kth(self, ints(k), dim, keepdim)


def median(self: Any) -> Any:
    """The lower median of all elements."""
    flat = op.Reshape(self, ints(-1))
    return op.Squeeze(_kth(flat, _middle(op.Shape(flat)), 0, True)[0])


def median_dim(self: Any, dim: int, keepdim: bool = False) -> Any:
    """The lower median along `dim`, and its index."""
    return _kth(self, _middle(_extent(self, dim)), dim, keepdim)


def searchsorted(
    sorted_sequence: Any,
    self: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
) -> Any:
    """Where `self` would be inserted in the sorted rows: the number of elements before each, counted."""
    if sorter is not None:
        sorted_sequence = op.GatherElements(sorted_sequence, sorter, axis=-1)
    if not hasattr(self, "shape"):
        self = like(self, sorted_sequence)
    last, before_last = ints(-1), ints(-2)
    values = op.Unsqueeze(self, last)
    rows = sorted_sequence if len(sorted_sequence.shape) == 1 else op.Unsqueeze(sorted_sequence, before_last)
    before = op.LessOrEqual(rows, values) if right or side == "right" else op.Less(rows, values)
    counts = op.ReduceSum(op.Cast(before, to=ir.DataType.INT64), last, keepdims=0)
    return op.Cast(counts, to=ir.DataType.INT32) if out_int32 else counts


def _extent(self: Any, dim: int) -> Any:
    """The extent of a dimension, as a tensor of one int64."""
    start = dim % len(self.shape)
    return op.Shape(self, start=start, end=start + 1)


def _middle(extent: Any) -> Any:
    two, one = ints(2), ints(1)
    return op.Div(op.Add(extent, one), two)


def _kth(self: Any, k: Any, dim: int, keepdim: bool) -> Any:
    values, indices = op.TopK(self, k, axis=dim, largest=0, sorted=1)
    last = ints(-1)
    results = (op.Gather(part, last, axis=dim) for part in (values, indices))
    axis = ints(dim)
    return tuple(result if keepdim else op.Squeeze(result, axis) for result in results)
