"""Scatter operators. PyTorch lets the index be smaller than the source, ONNX's ScatterElements does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from torch._ops import OpOverload

from adaptc.compiler.backends.onnx.translations.tools import ints, like, op

_REDUCTIONS = {"sum": "add", "prod": "mul", "amax": "max", "amin": "min"}


def table() -> dict[OpOverload, Callable[..., Any]]:
    """Translations by ATen overload."""
    aten = torch.ops.aten
    return {
        aten.scatter.src: scatter,
        aten.scatter_add.default: scatter_add,
        aten.scatter_reduce.two: scatter_reduce,
    }


def scatter(self: Any, dim: int, index: Any, src: Any) -> Any:
    """`self` with ``self[index[i]] = src[i]`` along `dim`."""
    return _scatter(self, dim, index, src, "none")


def scatter_add(self: Any, dim: int, index: Any, src: Any) -> Any:
    """`self` with ``self[index[i]] += src[i]`` along `dim`."""
    return _scatter(self, dim, index, src, "add")


def scatter_reduce(self: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Any:
    """`self`, its elements that `index` names reduced with those of `src`: sum, prod, amax, amin or mean."""
    if reduce == "mean":
        return _scatter_mean(self, dim, index, src, include_self)
    start = self
    if not include_self:
        # Each element that takes part starts from the value that leaves the others as they are.
        neutral = op.Expand(like(_neutral(reduce, self.dtype), self), op.Shape(index))
        start = _scatter(self, dim, index, neutral, "none")
    return _scatter(start, dim, index, src, _REDUCTIONS[reduce])


def _scatter_mean(self: Any, dim: int, index: Any, src: Any, include_self: bool) -> Any:
    if not self.dtype.is_floating_point():
        raise NotImplementedError("the mean of integers is rounded towards minus infinity, which ONNX cannot")
    zero, one = like(0.0, self), like(1.0, self)
    ones = op.Expand(one, op.Shape(index))
    counts = op.Expand(one if include_self else zero, op.Shape(self))
    counts = _scatter(counts, dim, index, ones, "add")
    start = self if include_self else _scatter(self, dim, index, op.Expand(zero, op.Shape(index)), "none")
    total = _scatter(start, dim, index, src, "add")
    return op.Div(total, op.Max(counts, one))


def _neutral(reduce: str, dtype: ir.DataType) -> Any:
    if reduce in ("sum", "prod"):
        return 0 if reduce == "sum" else 1
    if dtype.is_floating_point():
        return -np.inf if reduce == "amax" else np.inf
    limits = np.iinfo(dtype.numpy())
    return limits.min if reduce == "amax" else limits.max


def _scatter(self: Any, dim: int, index: Any, src: Any, reduction: str) -> Any:
    """ScatterElements. A `src` without a known shape was made in the shape of the index."""
    if len(index.shape) == 0:
        one = ints(1)
        flat = (op.Reshape(part, one) for part in (self, index, src))
        return op.Squeeze(op.ScatterElements(*flat, axis=0, reduction=reduction))
    if src.shape is not None and tuple(src.shape) != tuple(index.shape):
        src = op.Slice(src, ints(*[0] * len(index.shape)), op.Shape(index))
    return op.ScatterElements(self, index, src, axis=dim, reduction=reduction)
