"""Where the windows of convolutions and pools lie: paddings, strides and dilations of ONNX."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from adaptc.compiler.onnx_input.registry import Unsupported


def paddings(
    x: Tensor, kernel: list[int], strides: list[int], dilations: list[int], pads: list[int] | None, auto_pad: str
) -> list[tuple[int, int]]:
    """What is added before and behind each spatial dimension of `x`."""
    count = len(kernel)
    if auto_pad == "NOTSET":
        pads = [0] * (2 * count) if pads is None else pads
        return list(zip(pads[:count], pads[count:]))
    if auto_pad == "VALID":
        return [(0, 0)] * count
    found = []
    for size, width, stride, dilation in zip(x.shape[2:], kernel, strides, dilations):
        reach = (width - 1) * dilation + 1
        if stride == 1:
            total = reach - 1
        elif isinstance(size, int):
            total = max((-(-size // stride) - 1) * stride + reach - size, 0)
        else:
            raise Unsupported(f"auto_pad={auto_pad} with a stride, of a dimension whose size varies")
        less = total // 2
        found.append((less, total - less) if auto_pad == "SAME_UPPER" else (total - less, less))
    return found


def padded(x: Tensor, pads: list[tuple[int, int]], value: float = 0.0) -> Tensor:
    """`x` with `value` around its spatial dimensions."""
    if all(before == behind == 0 for before, behind in pads):
        return x
    return functional.pad(x, [number for pair in reversed(pads) for number in pair], value=value)


def symmetric(pads: list[tuple[int, int]]) -> bool:
    """Whether as much is added before as behind."""
    return all(before == behind for before, behind in pads)


def per_axis(values: list[int] | None, count: int) -> list[int]:
    """An attribute with a number for each dimension, 1 where it is left out."""
    return [1] * count if values is None else values


def places(x: Tensor, axis: int) -> Tensor:
    """0, 1, 2, ... along `axis`, in a shape that broadcasts with `x`."""
    shape: list[Any] = [1] * x.dim()
    shape[axis] = -1
    return torch.arange(x.shape[axis]).reshape(shape)
