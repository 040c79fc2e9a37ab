"""Changes of a tensor's rank, and tensors put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._ops import OpOverload

from adaptc.compiler.backends.onnx.translations.tools import ints, op


def table() -> dict[OpOverload, Callable[..., Any]]:
    """Translations by overload."""
    aten = torch.ops.aten
    return {
        aten.squeeze.dim: squeeze,
        aten.squeeze.dims: squeeze,
        aten.cat.default: cat,
        aten.nonzero_numpy.default: places,
    }


def squeeze(self: Any, dim: int | Sequence[int]) -> Any:
    """`self` without those of the dimensions `dim` that have size 1; PyTorch keeps others, ONNX's Squeeze fails."""
    dims = [dim] if isinstance(dim, int) else dim
    left_out = [number for number in dims if len(self.shape) and self.shape[number] == 1]
    return op.Squeeze(self, ints(*left_out)) if left_out else op.Identity(self)


def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """`tensors` one after the other; PyTorch leaves out vectors without elements, whatever the rank of the others."""
    held = [tensor for tensor in tensors if list(tensor.shape) != [0]] or tensors[:1]
    return op.Concat(*held, axis=dim) if len(held) > 1 else op.Identity(held[0])


def places(self: Any) -> tuple[Any, ...]:
    """The places of elements that are not zero, along each dimension."""
    found = op.NonZero(self)
    if len(self.shape) == 1:
        return (op.Squeeze(found, ints(0)),)
    return tuple(op.Gather(found, op.Constant(value_int=axis), axis=0) for axis in range(len(self.shape)))
