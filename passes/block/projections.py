"""The packed projection of PyTorch's attention, taken apart without moving it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from adaptc.passes.registry import register
from adaptc.passes.rule import Captured, Miss, Rule

aten = torch.ops.aten


@register
@dataclass(frozen=True)
class PackedProjection(Rule):
    """Cut queries, keys and values out of the projection that nn.MultiheadAttention packs them in, where it would turn
    the whole tensor round before.

    before:  select(clone(squeeze(transpose(unsqueeze(view(y, [..., 3, n]), 0), 0, -2), -2)), 0, i)
    after:   clone(y[..., i * n : (i + 1) * n])
    """

    name = "packed-projection"
    shared_inner = True  # each of the three is cut out on its own

    def pattern(self, y: Tensor, sizes: list, memory_format: object, i: int) -> Any:  # type: ignore[type-arg]
        """What torch.nn.functional does to the packed projection."""
        parts = aten.transpose.int(aten.unsqueeze(aten.view(y, sizes), 0), 0, -2)
        return aten.select.int(aten.clone(aten.squeeze.dim(parts, -2), memory_format=memory_format), 0, i)

    def check(self, y: Captured, sizes: list[Any], memory_format: Any, i: int) -> None:
        """The last dimension alone is taken apart, into numbers of known size."""
        count, width = sizes[-2:]
        if not (isinstance(count, int) and isinstance(width, int) and y.shape[-1] == count * width):
            raise Miss("it is not the last dimension alone that is taken apart", y)

    def replace(self, y: Any, sizes: list[Any], memory_format: Any, i: int) -> Any:
        """A part of the last dimension."""
        count, width = sizes[-2:]
        first = i % count * width
        part = aten.slice.Tensor(y, -1, first, first + width)
        return aten.clone(part, memory_format=torch.contiguous_format)
