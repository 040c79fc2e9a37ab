"""Reductions over dimensions that may have no elements, where ONNX Runtime 1.32 is wrong: its ReduceMean gives 0 and
its ReduceMax of booleans True. PyTorch gives NaN, and False for any()."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnx_ir as ir
import torch
from torch._ops import OpOverload

from adaptc.compiler.backends.onnx.translations.tools import ints, like, op

Dims = int | Sequence[int] | None


def table() -> dict[OpOverload, Callable[..., Any]]:
    """Translations by ATen overload."""
    aten = torch.ops.aten
    return {
        aten.mean.default: mean,
        aten.mean.dim: mean,
        aten.any.default: any_true,
        aten.any.dim: any_true,
        aten.any.dims: any_true,
        aten.var.default: variance_unbiased,
        aten.var.dim: variance_of_dim,
        aten.var.correction: variance,
        aten.std.default: lambda self, unbiased=True: op.Sqrt(variance_unbiased(self, unbiased)),
        aten.std.dim: lambda *args, **kwargs: op.Sqrt(variance_of_dim(*args, **kwargs)),
        aten.std.correction: lambda *args, **kwargs: op.Sqrt(variance(*args, **kwargs)),
        aten.mse_loss.default: squared_error,
    }


def mean(self: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The mean over `dim`, NaN over no elements."""
    if dtype is None:
        return _mean(self, self, _dims(self, dim), keepdim)
    return _mean(op.Cast(self, to=dtype), self, _dims(self, dim), keepdim, ir.DataType(dtype))


def any_true(self: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Whether any element along `dim` is not 0, False where there are none."""
    dims = _dims(self, dim)
    holds = op.Cast(self, to=ir.DataType.BOOL)
    if not dims:
        return holds
    number = op.ReduceSum(op.Cast(holds, to=ir.DataType.INT32), ints(*dims), keepdims=int(keepdim))
    return op.Cast(number, to=ir.DataType.BOOL)


def variance_unbiased(self: Any, unbiased: bool = True) -> Any:
    """The variance of all elements."""
    return variance(self, correction=int(unbiased))


def variance_of_dim(self: Any, dim: Dims = None, unbiased: bool = True, keepdim: bool = False) -> Any:
    """The variance over `dim`."""
    return variance(self, dim, correction=int(unbiased), keepdim=keepdim)


def variance(self: Any, dim: Dims = None, *, correction: float | None = None, keepdim: bool = False) -> Any:
    """The sum of the squared distances from the mean by the number of elements less `correction`, at least 0."""
    dims = _dims(self, dim)
    subtracted = 1 if correction is None else correction
    distance = op.Sub(self, _mean(self, self, dims, True))
    squares = op.Mul(distance, distance)
    if subtracted == 0:
        return _mean(squares, self, dims, keepdim)
    total = op.ReduceSum(squares, ints(*dims), keepdims=int(keepdim)) if dims else squares
    freedom = op.Sub(_count(self, dims, self.dtype), like(subtracted, self))
    return op.Div(total, op.Max(freedom, like(0, self)))


def squared_error(self: Any, target: Any, reduction: int = 1) -> Any:
    """The squared differences (`reduction` 0), their mean (1) or their sum (2)."""
    difference = op.Sub(self, target)
    squares = op.Mul(difference, difference)
    if reduction == 0:
        return squares
    if reduction == 1:
        return _mean(squares, self, _dims(self, None), False)
    return op.ReduceSum(squares, keepdims=0)


def _mean(values: Any, shaped: Any, dims: Sequence[int], keepdim: bool, dtype: ir.DataType | None = None) -> Any:
    """The mean of `values`, of the shape of `shaped` and of its type or `dtype`, over `dims`."""
    if not dims:
        return op.Identity(values)
    if all(isinstance(shaped.shape[dim], int) and shaped.shape[dim] > 0 for dim in dims):
        return op.ReduceMean(values, ints(*dims), keepdims=int(keepdim))
    return op.Div(op.ReduceSum(values, ints(*dims), keepdims=int(keepdim)), _count(shaped, dims, dtype or shaped.dtype))


def _dims(tensor: Any, dim: Dims) -> list[int]:
    """`dim` as numbers from 0 on; all dimensions for None and for an empty list."""
    rank = len(tensor.shape)
    named = [dim] if isinstance(dim, int) else list(dim or [])
    return [number % rank for number in named] if named and rank else list(range(rank))


def _count(tensor: Any, dims: Sequence[int], dtype: ir.DataType) -> Any:
    """The number of elements of `tensor` along `dims`, as a `dtype`."""
    if all(isinstance(tensor.shape[dim], int) for dim in dims):
        number = 1
        for dim in dims:
            number *= tensor.shape[dim]
        return op.Constant(value=ir.tensor(number, dtype=dtype))
    extents = op.Gather(op.Shape(tensor), ints(*dims))
    return op.Cast(op.ReduceProd(extents, keepdims=0), to=dtype)
