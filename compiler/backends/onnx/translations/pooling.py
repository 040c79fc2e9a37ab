"""Adaptive pooling: a global reduction, an ordinary pooling where the windows are equal, windows otherwise.

PyTorch's own decomposition gathers every element of every window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from torch._ops import OpOverload

from adaptc.compiler.backends.onnx.translations.tools import constant, ints, op


def table() -> dict[OpOverload, Callable[..., Any]]:
    """Translations by ATen overload."""
    aten = torch.ops.aten
    average = (
        aten.adaptive_avg_pool1d.default,
        aten.adaptive_avg_pool2d.default,
        aten._adaptive_avg_pool2d.default,
        aten.adaptive_avg_pool3d.default,
        aten._adaptive_avg_pool3d.default,
    )
    largest = (
        aten.adaptive_max_pool1d.default,
        aten.adaptive_max_pool2d.default,
        aten.adaptive_max_pool3d.default,
    )
    return {**dict.fromkeys(average, adaptive_average), **dict.fromkeys(largest, adaptive_max)}


def adaptive_average(self: Any, output_size: Sequence[int]) -> Any:
    """The mean of each of the windows that divide the last dimensions into `output_size` parts."""
    axes = [axis - len(output_size) for axis in range(len(output_size))]
    if all(size == 1 for size in output_size):
        return op.ReduceMean(self, ints(*axes), keepdims=1)
    extents = _extents(self, axes)
    if kernel := _equal_windows(extents, output_size):
        return _pool(op.AveragePool, self, kernel)
    # The mean over a box is the mean of means along each axis: a product with one matrix per axis.
    result = self
    for axis, extent, size in zip(axes, extents, output_size, strict=True):
        if extent != size:
            result = _multiply(result, _window_means(extent, size, self.dtype), axis)
    return result


def adaptive_max(self: Any, output_size: Sequence[int]) -> Any:
    """The largest element of each window, twice: its index has no translation (`problems.refusal`)."""
    axes = [axis - len(output_size) for axis in range(len(output_size))]
    if all(size == 1 for size in output_size):
        result = op.ReduceMax(self, ints(*axes), keepdims=1)
        return result, result
    extents = _extents(self, axes)
    kernel = _equal_windows(extents, output_size)
    if kernel is None:
        result = self
        for axis, extent, size in zip(axes, extents, output_size, strict=True):
            result = _window_maxima(result, extent, size, axis)
        return result, result
    result = _pool(lambda x, **windows: op.MaxPool(x, **windows)[0], self, kernel)
    return result, result


def _extents(self: Any, axes: Sequence[int]) -> list[int]:
    extents = [self.shape[axis] for axis in axes]
    if not all(isinstance(extent, int) for extent in extents):
        raise NotImplementedError(f"adaptive pooling to more than one element needs static sizes, not {extents}")
    return extents


def _equal_windows(extents: Sequence[int], sizes: Sequence[int]) -> list[int] | None:
    if any(extent % size for extent, size in zip(extents, sizes, strict=True)):
        return None
    return [extent // size for extent, size in zip(extents, sizes, strict=True)]


def _pool(kernel: Callable[..., Any], self: Any, windows: list[int]) -> Any:
    """Apply a pooling operator, which wants a batch and channels before the pooled dimensions."""
    missing = len(windows) + 2 - len(self.shape)
    if not missing:
        return kernel(self, kernel_shape=windows, strides=windows)
    axes = ints(*range(missing))
    return op.Squeeze(kernel(op.Unsqueeze(self, axes), kernel_shape=windows, strides=windows), axes)


def _windows(extent: int, size: int) -> list[tuple[int, int]]:
    """Start and end of each window: PyTorch's, of which neighbours may overlap."""
    return [(part * extent // size, -(-(part + 1) * extent // size)) for part in range(size)]


def _window_means(extent: int, size: int, dtype: ir.DataType) -> Any:
    matrix = np.zeros((extent, size), dtype.numpy())
    for part, (start, end) in enumerate(_windows(extent, size)):
        matrix[start:end, part] = 1 / (end - start)
    return constant(matrix)


def _multiply(self: Any, matrix: Any, axis: int) -> Any:
    """Multiply `axis` of `self` by a matrix."""
    if axis == -1:
        return op.MatMul(self, matrix)
    order = list(range(len(self.shape)))
    order[axis], order[-1] = order[-1], order[axis]
    return op.Transpose(op.MatMul(op.Transpose(self, perm=order), matrix), perm=order)


def _window_maxima(self: Any, extent: int, size: int, axis: int) -> Any:
    at, step = ints(axis), ints(1)
    parts = [
        op.ReduceMax(
            op.Slice(self, ints(start), ints(end), at, step),
            at,
            keepdims=1,
        )
        for start, end in _windows(extent, size)
    ]
    return op.Concat(*parts, axis=axis)
