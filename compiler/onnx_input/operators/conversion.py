"""Operators that make tensors of numbers, or change their type."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from adaptc.compiler.onnx_input.dtypes import DTYPES, type_name
from adaptc.compiler.onnx_input.registry import Unsupported, operator


def dtype_of(number: int) -> torch.dtype:
    """torch's type for ONNX's number of one. Raises `Unsupported`."""
    if number not in DTYPES:
        raise Unsupported(f"the element type {type_name(number)}")
    return DTYPES[number]


@operator("Cast", 6)
def cast(x: Tensor, *, to: int, saturate: int = 1, round_mode: str = "up") -> Tensor:
    """`x` as another type; floats lose their fractions."""
    return x.to(dtype_of(to))


@operator("CastLike", 15)
def cast_like(x: Tensor, like: Tensor, *, saturate: int = 1, round_mode: str = "up") -> Tensor:
    """`x` as the type of `like`."""
    return x.to(like.dtype)


@operator("BitCast", 26)
def bit_cast(x: Tensor, *, to: int) -> Tensor:
    """The bits of `x` as another type of as many bits."""
    return x.view(dtype_of(to))


@operator("ConstantOfShape", 9, host={0: "ints"})
def constant_of_shape(shape: list[Any], *, value: Tensor | None = None) -> Tensor:
    """A tensor of one number."""
    if value is None:
        return torch.zeros(shape)
    return torch.full(shape, value.item(), dtype=value.dtype)


@operator("EyeLike", 9)
def eye_like(x: Tensor, *, dtype: int | None = None, k: int = 0) -> Tensor:
    """Ones on a diagonal, in the shape of `x`."""
    rows, columns = torch.arange(x.shape[0]).unsqueeze(1), torch.arange(x.shape[1])
    return (columns - rows == k).to(x.dtype if dtype is None else dtype_of(dtype))


@operator("Range", 11)
def range_(start: Tensor, limit: Tensor, delta: Tensor) -> Tensor:
    """Numbers in even steps, of a length that does not depend on data (the writer sees to other ranges)."""
    return torch.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype)


@operator("OneHot", 9, host={1: "int"})
def one_hot(indices: Tensor, depth: Any, values: Tensor, *, axis: int = -1) -> Tensor:
    """Rows of ``values[0]`` with ``values[1]`` at the index, which counts from the end where it is negative; an index
    outside makes a row without."""
    axis = axis % (indices.dim() + 1)
    indices = indices.to(torch.int64)
    indices = torch.where(indices < 0, indices + depth, indices)
    classes = torch.arange(depth).reshape([-1, *[1] * (indices.dim() - axis)])
    return torch.where(indices.unsqueeze(axis) == classes, values[1], values[0])


@operator("Trilu", 14, host={1: "int"})
def trilu(x: Tensor, k: Any = 0, *, upper: int = 1) -> Tensor:
    """The part above (below) the diagonal number `k`."""
    rows, columns = torch.arange(x.shape[-2]).unsqueeze(1), torch.arange(x.shape[-1])
    kept = columns - rows >= k if upper else columns - rows <= k
    return torch.where(kept, x, torch.zeros((), dtype=x.dtype))


@operator("Dropout", 12, host={1: "float", 2: "bool"}, many=True)
def dropout(x: Tensor, ratio: float = 0.5, training: bool = False, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """`x` itself, and a mask that keeps all of it."""
    if training and ratio > 0:
        raise Unsupported("Dropout in training mode: it makes every result random")
    return x, torch.ones_like(x, dtype=torch.bool)


@operator("Dropout", 7, many=True)
def dropout_7(x: Tensor, *, ratio: float = 0.5) -> tuple[Tensor, Tensor]:
    """`x` itself, and a mask that keeps all of it."""
    return x, torch.ones_like(x, dtype=torch.bool)


def window(kind: str, size: int, periodic: int, dtype: int) -> Tensor:
    """A Hann, Hamming or Blackman window."""
    steps = torch.arange(size, dtype=torch.float32) * (2 * torch.pi / (size if periodic else size - 1))
    a, b, c = {"Hann": (0.5, 0.5, 0.0), "Hamming": (25 / 46, 21 / 46, 0.0), "Blackman": (0.42, 0.5, 0.08)}[kind]
    return (a - b * torch.cos(steps) + c * torch.cos(2 * steps)).to(dtype_of(dtype))


@operator("HannWindow", 17, host={0: "int"})
def hann_window(size: Any, *, output_datatype: int = 1, periodic: int = 1) -> Tensor:
    """A Hann window."""
    return window("Hann", size, periodic, output_datatype)


@operator("HammingWindow", 17, host={0: "int"})
def hamming_window(size: Any, *, output_datatype: int = 1, periodic: int = 1) -> Tensor:
    """A Hamming window."""
    return window("Hamming", size, periodic, output_datatype)


@operator("BlackmanWindow", 17, host={0: "int"})
def blackman_window(size: Any, *, output_datatype: int = 1, periodic: int = 1) -> Tensor:
    """A Blackman window."""
    return window("Blackman", size, periodic, output_datatype)
