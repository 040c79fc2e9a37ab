"""Changes of a tensor's rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._ops import OpOverload

from adaptc.compiler.backends.onnx.translations.tools import ints, op


def table() -> dict[OpOverload, Callable[..., Any]]:
    """Translations by overload."""
    return {torch.ops.aten.squeeze.dim: squeeze, torch.ops.aten.squeeze.dims: squeeze}


def squeeze(self: Any, dim: int | Sequence[int]) -> Any:
    """`self` without those of the dimensions `dim` that have size 1; PyTorch keeps others, ONNX's Squeeze fails."""
    dims = [dim] if isinstance(dim, int) else dim
    left_out = [number for number in dims if len(self.shape) and self.shape[number] == 1]
    return op.Squeeze(self, ints(*left_out)) if left_out else op.Identity(self)
