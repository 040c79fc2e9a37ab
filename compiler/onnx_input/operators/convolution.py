"""Convolutions."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor
from torch.nn import functional

from adaptc.compiler.onnx_input.operators.windows import padded, paddings, per_axis, symmetric
from adaptc.compiler.onnx_input.registry import Unsupported, operator

_FORWARD: list[Any] = [functional.conv1d, functional.conv2d, functional.conv3d]
_TRANSPOSED: list[Any] = [functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d]


def _of_rank(functions: list[Any], x: Tensor, name: str) -> Any:
    if not 3 <= x.dim() <= 5:
        raise Unsupported(f"{name} of a tensor of {x.dim()} dimensions")
    return functions[x.dim() - 3]


@operator("Conv")
def conv(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """A convolution over one to three dimensions."""
    function = _of_rank(_FORWARD, x, "Conv")
    kernel = list(w.shape[2:])
    strides, dilations = per_axis(strides, len(kernel)), per_axis(dilations, len(kernel))
    around = paddings(x, kernel, strides, dilations, pads, auto_pad)
    if symmetric(around) and all(before >= 0 for before, _ in around):
        return function(x, w, b, strides, [before for before, _ in around], dilations, group)  # type: ignore[no-any-return]
    return function(padded(x, around), w, b, strides, 0, dilations, group)  # type: ignore[no-any-return]


@operator("ConvTranspose")
def conv_transpose(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    output_padding: list[int] | None = None,
    output_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """A transposed convolution over one to three dimensions."""
    function = _of_rank(_TRANSPOSED, x, "ConvTranspose")
    kernel = list(w.shape[2:])
    count = len(kernel)
    strides, dilations = per_axis(strides, count), per_axis(dilations, count)
    extra = [0] * count if output_padding is None else output_padding
    around = _removed(x, kernel, strides, dilations, extra, output_shape, pads, auto_pad)
    fits = all(more < max(stride, dilation) for more, stride, dilation in zip(extra, strides, dilations))
    if symmetric(around) and fits and all(before >= 0 for before, _ in around):
        return function(x, w, b, strides, [before for before, _ in around], extra, group, dilations)  # type: ignore[no-any-return]
    whole = function(x, w, None, strides, 0, 0, group, dilations)
    trimmed = padded(whole, [(-before, more - behind) for (before, behind), more in zip(around, extra)])
    return trimmed if b is None else trimmed + b.reshape([-1, *[1] * count])


def _removed(
    x: Tensor,
    kernel: list[int],
    strides: list[int],
    dilations: list[int],
    extra: list[int],
    output_shape: list[int] | None,
    pads: list[int] | None,
    auto_pad: str,
) -> list[tuple[int, int]]:
    """What is taken away before and behind each spatial dimension of the result."""
    count = len(kernel)
    if output_shape is None:
        if auto_pad == "NOTSET":
            pads = [0] * (2 * count) if pads is None else pads
            return list(zip(pads[:count], pads[count:]))
        if auto_pad == "VALID":
            return [(0, 0)] * count
    found = []
    for axis, size in enumerate(x.shape[2:]):
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        if output_shape is None:
            total = reach + extra[axis] - strides[axis]
        elif isinstance(size, int):
            total = strides[axis] * (size - 1) + extra[axis] + reach - output_shape[-count:][axis]
        else:
            raise Unsupported("ConvTranspose to a fixed shape, of a dimension whose size varies")
        less = math.floor(total / 2)
        found.append((less, total - less) if auto_pad == "SAME_UPPER" else (total - less, less))
    return found


@operator("Col2Im", 18, host={1: "ints", 2: "ints"})
def col2im(
    x: Tensor,
    image_shape: list[int],
    block_shape: list[int],
    *,
    dilations: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """`functional.fold`: columns added up to an image."""
    pads = [0, 0, 0, 0] if pads is None else pads
    if len(image_shape) != 2:
        raise Unsupported(f"Col2Im to {len(image_shape)} dimensions")
    top, left, bottom, right = pads
    whole = [image_shape[0] + top + bottom, image_shape[1] + left + right]
    fold: Any = functional.fold  # its types ask for tuples
    image = fold(x, whole, block_shape, dilation=per_axis(dilations, 2), padding=0, stride=per_axis(strides, 2))
    return padded(image, [(-top, -bottom), (-left, -right)])
