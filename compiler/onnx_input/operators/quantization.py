"""Integers that stand for real numbers by a scale and a zero point."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from adaptc.compiler.onnx_input.operators.conversion import dtype_of
from adaptc.compiler.onnx_input.operators.convolution import conv
from adaptc.compiler.onnx_input.registry import Unsupported, operator


def _along(x: Tensor, numbers: Tensor, axis: int, block_size: int) -> Tensor:
    """Scales or zero points in a shape that broadcasts with `x`."""
    if block_size:
        return numbers.repeat_interleave(block_size, axis % x.dim()).narrow(axis, 0, x.shape[axis])
    if numbers.dim() == 0:
        return numbers
    if numbers.dim() > 1:
        raise Unsupported("scales of more than one dimension without a block size")
    if all(size == 1 for size in numbers.shape):
        return numbers.reshape(())
    return numbers.reshape([-1, *[1] * (x.dim() - 1 - axis % x.dim())])


def _saturated(rounded: Tensor, dtype: torch.dtype) -> Tensor:
    bounds = torch.iinfo(dtype)
    return rounded.clamp(bounds.min, bounds.max).to(dtype)


@operator("QuantizeLinear", 10)
def quantize_linear(
    x: Tensor,
    scale: Tensor,
    zero_point: Tensor | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    precision: int = 0,
    saturate: int = 1,
) -> Tensor:
    """``round(x / scale) + zero_point``, halves to even, within the type."""
    if zero_point is not None:
        dtype = zero_point.dtype
    else:
        dtype = dtype_of(output_dtype) if output_dtype else torch.uint8
    if dtype.is_floating_point:
        raise Unsupported("QuantizeLinear to floating-point numbers")
    kind = torch.promote_types(scale.dtype, torch.float32) if not precision else dtype_of(precision)
    divided = x.to(kind) / _along(x, scale.to(kind), axis, block_size)
    rounded = torch.round(divided)
    if zero_point is not None:
        rounded = rounded + _along(x, zero_point.to(rounded.dtype), axis, block_size)
    return _saturated(rounded, dtype)


@operator("DequantizeLinear", 10)
def dequantize_linear(
    x: Tensor,
    scale: Tensor,
    zero_point: Tensor | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
) -> Tensor:
    """``(x - zero_point) * scale``."""
    made = x.to(torch.int32)
    if zero_point is not None:
        made = made - _along(x, zero_point.to(torch.int32), axis, block_size)
    result = made.to(scale.dtype) * _along(x, scale, axis, block_size)
    return result.to(dtype_of(output_dtype)) if output_dtype else result


@operator("DynamicQuantizeLinear", 11, many=True)
def dynamic_quantize_linear(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """To uint8, with the scale and zero point that fit the values."""
    low, high = torch.amin(x).clamp(max=0), torch.amax(x).clamp(min=0)
    scale = (high - low) / 255
    zero = _saturated(torch.round(-low / torch.where(scale == 0, torch.ones(()), scale)), torch.uint8)
    made = torch.round(x / torch.where(scale == 0, torch.ones(()), scale)) + zero.to(torch.float32)
    return _saturated(made, torch.uint8), scale, zero


def _shifted(x: Tensor, zero_point: Tensor | None, row: bool) -> Tensor:
    wide = x.to(torch.int32)
    if zero_point is None:
        return wide
    zero = zero_point.to(torch.int32)
    return wide - (zero.unsqueeze(-1) if row and zero.dim() else zero)


@operator("MatMulInteger", 10)
def matmul_integer(a: Tensor, b: Tensor, a_zero: Tensor | None = None, b_zero: Tensor | None = None) -> Tensor:
    """The product of integers as int32."""
    return torch.matmul(_shifted(a, a_zero, True), _shifted(b, b_zero, False))


@operator("QLinearMatMul", 10)
def qlinear_matmul(
    a: Tensor,
    a_scale: Tensor,
    a_zero: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero: Tensor,
    y_scale: Tensor,
    y_zero: Tensor,
) -> Tensor:
    """The product of quantized matrices, quantized."""
    total = torch.matmul(_shifted(a, a_zero, True), _shifted(b, b_zero, False)).to(torch.float32)
    a_factor = a_scale.to(torch.float32)
    factor = (a_factor.unsqueeze(-1) if a_factor.dim() else a_factor) * b_scale.to(torch.float32)
    made = torch.round(total * factor / y_scale.to(torch.float32)) + y_zero.to(torch.float32)
    return _saturated(made, y_zero.dtype)


def _integer_conv(x: Tensor, w: Tensor, x_zero: Tensor | None, w_zero: Tensor | None, keywords: Any) -> Tensor:
    """A convolution of integers; float64 holds its sums exactly."""
    wide, kernel = x.to(torch.int32), w.to(torch.int32)
    if x_zero is not None:
        wide = wide - x_zero.to(torch.int32).reshape(())
    if w_zero is not None:
        kernel = kernel - w_zero.to(torch.int32).reshape([-1, *[1] * (w.dim() - 1)])
    return conv(wide.to(torch.float64), kernel.to(torch.float64), None, **keywords)


@operator("ConvInteger", 10)
def conv_integer(
    x: Tensor,
    w: Tensor,
    x_zero: Tensor | None = None,
    w_zero: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """A convolution of integers as int32."""
    keywords = {"auto_pad": auto_pad, "dilations": dilations, "group": group, "pads": pads, "strides": strides}
    return _integer_conv(x, w, x_zero, w_zero, keywords).to(torch.int32)


@operator("QLinearConv", 10)
def qlinear_conv(
    x: Tensor,
    x_scale: Tensor,
    x_zero: Tensor,
    w: Tensor,
    w_scale: Tensor,
    w_zero: Tensor,
    y_scale: Tensor,
    y_zero: Tensor,
    b: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """A convolution of quantized numbers, quantized."""
    keywords = {"auto_pad": auto_pad, "dilations": dilations, "group": group, "pads": pads, "strides": strides}
    total = _integer_conv(x, w, x_zero, w_zero, keywords)
    channels = [-1, *[1] * (x.dim() - 2)]
    if b is not None:
        total = total + b.to(torch.float64).reshape(channels)
    factor = (x_scale * w_scale / y_scale).reshape(channels)
    made = torch.round(total.to(torch.float32) * factor) + y_zero.to(torch.float32)
    return _saturated(made, y_zero.dtype)
