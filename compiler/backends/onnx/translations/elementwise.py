"""Elementwise operators, selections and distances."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from onnxscript.function_libs.torch_lib.ops import core
from torch._ops import OpOverload

from adaptc.compiler.backends.onnx.translations.tools import ints, like, op


def table() -> dict[OpOverload, Callable[..., Any]]:
    """Translations by ATen overload."""
    aten, prims = torch.ops.aten, torch.ops.prims
    return {
        aten.add.Tensor: add,
        aten._cdist_forward.default: cdist,
        aten.copysign.Tensor: copysign,
        aten.hypot.default: hypot,
        aten.masked_select.default: masked_select,
        aten.rrelu.default: rrelu,
        aten.squeeze.dim: squeeze,
        aten.squeeze.dims: squeeze,
        prims.nextafter.default: nextafter,
        prims.prod.default: prims_prod,
        prims.signbit.default: signbit,
    }


def add(self: Any, other: Any, *, alpha: float = 1) -> Any:
    """self + alpha * other; of booleans, their disjunction."""
    if self.dtype is ir.DataType.BOOL and getattr(other, "dtype", None) is ir.DataType.BOOL and alpha == 1:
        return op.Or(self, other)
    return core.aten_add(self, other, alpha)


def hypot(self: Any, other: Any) -> Any:
    """sqrt(self**2 + other**2)"""
    return op.Sqrt(op.Add(op.Mul(self, self), op.Mul(other, other)))


def signbit(self: Any) -> Any:
    """Whether the sign is negative, that of a negative zero included."""
    return op.Less(op.Where(op.Equal(self, like(0, self)), op.Reciprocal(self), self), like(0, self))


def copysign(self: Any, other: Any) -> Any:
    """The magnitude of `self` with the sign of `other`."""
    magnitude = op.Abs(self)
    return op.Where(signbit(other), op.Neg(magnitude), magnitude)


def nextafter(self: Any, other: Any) -> Any:
    """The number next to `self` in the direction of `other`.

    Five eighths of an epsilon of a number are more than half the distance to the next one, and at most 1.25 of it, so
    that the sum is rounded to the neighbour; next to zero that distance is the smallest subnormal number.
    """
    limits = np.finfo(self.dtype.numpy())
    size = op.Abs(self)
    far = op.Max(op.Mul(size, like(0.625 * float(limits.eps), self)), like(float(limits.smallest_subnormal), self))
    step = op.Mul(op.Sign(op.Sub(other, self)), far)
    infinite = op.Mul(op.Sign(self), like(float(limits.max), self))
    moved = op.Where(op.IsInf(self), infinite, op.Add(self, step))
    return op.Where(op.Equal(self, other), other, moved)


def masked_select(self: Any, mask: Any) -> Any:
    """The elements where the mask, broadcast with `self`, is true, as a vector."""
    flat = ints(-1)
    elements = op.Expand(self, op.Shape(mask))
    chosen = op.Expand(mask, op.Shape(self))
    return op.Compress(op.Reshape(elements, flat), op.Reshape(chosen, flat), axis=0)


def rrelu(self: Any, lower: float = 0.125, upper: float = 1 / 3, training: bool = False, generator: Any = None) -> Any:
    """The leaky ReLU that the randomised one is outside training."""
    del training, generator
    return op.LeakyRelu(self, alpha=(lower + upper) / 2)


def prims_prod(self: Any, dims: list[int] | None, *, output_dtype: Any = None) -> Any:
    """The product over `dims`."""
    if output_dtype is not None:
        self = op.Cast(self, to=output_dtype)
    return op.ReduceProd(self, ints(*(dims or range(len(self.shape)))), keepdims=0)


def squeeze(self: Any, dim: int | Sequence[int]) -> Any:
    """`self` without those dimensions `dim` that have one element; ONNX's operator refuses others."""
    dims = [dim] if isinstance(dim, int) else list(dim)
    size = len(self.shape)
    left_out = sorted({d % size for d in dims if size and (self.shape[d] == 1 or not isinstance(self.shape[d], int))})
    return op.Squeeze(self, ints(*left_out)) if left_out else op.Identity(self)


def cdist(x1: Any, x2: Any, p: float, compute_mode: int | None = None) -> Any:
    """The distance of each row of `x1` from each of `x2` in the p-norm."""
    del compute_mode
    last, before = ints(-1), ints(-3)
    second = ints(-2)
    difference = op.Sub(op.Unsqueeze(x1, second), op.Unsqueeze(x2, before))
    if p == 2:
        return op.ReduceL2(difference, last, keepdims=0)
    magnitude = op.Abs(difference)
    if p == 1:
        return op.ReduceSum(magnitude, last, keepdims=0)
    if math.isinf(p):
        return op.ReduceMax(magnitude, last, keepdims=0)
    if p == 0:
        return op.ReduceSum(op.Cast(op.Cast(magnitude, to=ir.DataType.BOOL), to=x1.dtype), last, keepdims=0)
    powers = op.ReduceSum(op.Pow(magnitude, like(p, x1)), last, keepdims=0)
    return op.Pow(powers, like(1 / p, x1))
