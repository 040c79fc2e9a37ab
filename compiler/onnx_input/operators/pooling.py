"""Pools."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from adaptc.compiler.onnx_input.operators.windows import padded, paddings, per_axis, places, symmetric
from adaptc.compiler.onnx_input.registry import Unsupported, operator

_MAX: list[Any] = [functional.max_pool1d, functional.max_pool2d, functional.max_pool3d]
_MEAN: list[Any] = [functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d]


def _of_rank(functions: list[Any], kernel: list[int], name: str) -> Any:
    if not 1 <= len(kernel) <= 3:
        raise Unsupported(f"{name} over {len(kernel)} dimensions")
    return functions[len(kernel) - 1]


@operator("MaxPool", many=True)
def max_pool(
    x: Tensor,
    *,
    kernel_shape: list[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: list[int] | None = None,
    pads: list[int] | None = None,
    storage_order: int = 0,
    strides: list[int] | None = None,
    outputs: int,
) -> tuple[Tensor, ...]:
    """The greatest element of each window, and its place among all elements of `x`."""
    function = _of_rank(_MAX, kernel_shape, "MaxPool")
    strides, dilations = per_axis(strides, len(kernel_shape)), per_axis(dilations, len(kernel_shape))
    around = paddings(x, kernel_shape, strides, dilations, pads, auto_pad)
    kind = x.dtype
    wide = x if kind.is_floating_point else x.to(torch.float32)
    own = [(0, 0)] * len(around)
    if not symmetric(around) or any(2 * before > width for (before, _), width in zip(around, kernel_shape)):
        wide = padded(wide, around, -float("inf"))
        around, own = own, around
    made = function(
        wide, kernel_shape, strides, [before for before, _ in around], dilations, bool(ceil_mode), outputs > 1
    )
    if outputs == 1:
        return (made.to(kind),)
    values, found = made
    return values.to(kind), _place(x, wide, found, own, storage_order)


def _place(x: Tensor, wide: Tensor, found: Tensor, own: list[tuple[int, int]], storage_order: int) -> Tensor:
    """The places in `x` of the places `found` in the planes of `wide`, which has `own` around `x`."""
    coordinates = []
    for axis in reversed(range(2, x.dim())):
        coordinates.append(torch.remainder(found, wide.shape[axis]) - own[axis - 2][0])
        found = torch.div(found, wide.shape[axis], rounding_mode="floor")
    coordinates.reverse()
    axes = list(range(2, x.dim()))
    place = places(found, 0) * x.shape[1] + places(found, 1)
    for axis in axes:
        place = place * x.shape[axis]
    factor: Any = 1
    for axis in axes if storage_order else reversed(axes):
        place = place + coordinates[axis - 2] * factor
        factor = factor * x.shape[axis]
    return place


@operator("MaxUnpool", 9)
def max_unpool(
    x: Tensor,
    indices: Tensor,
    *,
    kernel_shape: list[int],
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """Zeros, and each element of `x` at its place."""
    count = len(kernel_shape)
    strides = per_axis(strides, count)
    pads = [0] * (2 * count) if pads is None else pads
    sizes = [
        (size - 1) * strides[i] + kernel_shape[i] - pads[i] - pads[i + count] for i, size in enumerate(x.shape[2:])
    ]
    made = torch.zeros([*x.shape[:2], *sizes], dtype=x.dtype)
    return made.reshape(-1).scatter(0, indices.reshape(-1), x.reshape(-1)).reshape(made.shape)


def _sums(
    x: Tensor,
    kernel: list[int],
    strides: list[int],
    dilations: list[int],
    around: list[tuple[int, int]],
    ceil_mode: int,
) -> Tensor:
    """The sum of each window of `x` with zeros around it."""
    ends = []
    for size, width, stride, dilation, (before, behind) in zip(x.shape[2:], kernel, strides, dilations, around):
        more = behind
        if ceil_mode:
            if not isinstance(size, int):
                raise Unsupported("a pool with ceil_mode, of a dimension whose size varies")
            room = size + before + behind - ((width - 1) * dilation + 1)
            steps = -(-room // stride)
            if steps * stride >= size + before:  # a window may not begin behind the elements
                steps -= 1
            more = behind + max(steps * stride - room, 0)
        ends.append((before, more))
    full = padded(x, ends)
    for axis, (width, stride, dilation) in enumerate(zip(kernel, strides, dilations), start=2):
        extent = full.shape[axis] - (width - 1) * dilation
        lead = (slice(None),) * axis
        parts = [full[(*lead, slice(k * dilation, k * dilation + extent, stride))] for k in range(width)]
        full = torch.stack(parts).sum(0)
    return full


@operator("AveragePool", 7)
def average_pool(
    x: Tensor,
    *,
    kernel_shape: list[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """The mean of each window, with or without what is added around `x`."""
    function = _of_rank(_MEAN, kernel_shape, "AveragePool")
    strides, dilations = per_axis(strides, len(kernel_shape)), per_axis(dilations, len(kernel_shape))
    around = paddings(x, kernel_shape, strides, dilations, pads, auto_pad)
    fits = all(2 * before <= width for (before, _), width in zip(around, kernel_shape))
    if symmetric(around) and fits and max(dilations) == 1:
        made: Tensor = function(
            x, kernel_shape, strides, [before for before, _ in around], bool(ceil_mode), bool(count_include_pad)
        )
        return made
    ones = torch.ones([1, 1, *x.shape[2:]], dtype=x.dtype)
    inner = around
    if count_include_pad:
        ones = padded(ones, around, 1.0)
        x = padded(x, around)
        inner = [(0, 0)] * len(around)
    total = _sums(x, kernel_shape, strides, dilations, inner, ceil_mode)
    return total / _sums(ones, kernel_shape, strides, dilations, inner, ceil_mode)


@operator("LpPool", 2)
def lp_pool(
    x: Tensor,
    *,
    kernel_shape: list[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: list[int] | None = None,
    p: int = 2,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """The p-norm of each window."""
    strides, dilations = per_axis(strides, len(kernel_shape)), per_axis(dilations, len(kernel_shape))
    around = paddings(x, kernel_shape, strides, dilations, pads, auto_pad)
    return _sums(x.abs() ** p, kernel_shape, strides, dilations, around, ceil_mode) ** (1.0 / p)


@operator("GlobalAveragePool")
def global_average_pool(x: Tensor) -> Tensor:
    """The mean of each channel."""
    return x.mean(list(range(2, x.dim())), keepdim=True)


@operator("GlobalMaxPool")
def global_max_pool(x: Tensor) -> Tensor:
    """The greatest element of each channel."""
    return torch.amax(x, list(range(2, x.dim())), keepdim=True)


@operator("GlobalLpPool", 2)
def global_lp_pool(x: Tensor, *, p: int = 2) -> Tensor:
    """The p-norm of each channel."""
    return (x.abs() ** p).sum(list(range(2, x.dim())), keepdim=True) ** (1.0 / p)
