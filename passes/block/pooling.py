"""Means over whole images."""

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
class FlattenPooled(Rule):
    """Take the mean over an image as a vector, where it was an image of one pixel first.

    before:  view(adaptive_avg_pool2d(x, [1, 1]), [batch, channels])
    after:   mean(x, [2, 3])
    """

    name = "flatten-pooled"

    def pattern(self, x: Tensor, sizes: list) -> Any:  # type: ignore[type-arg]
        """One pixel for each channel, without its two dimensions."""
        return aten.view(aten.adaptive_avg_pool2d(x, [1, 1]), sizes)

    def check(self, x: Captured, sizes: list[Any]) -> None:
        """Both dimensions go, and no other."""
        if len(x.shape) != 4 or len(sizes) != 2 or sizes[1] not in (x.shape[1], -1):
            raise Miss("something else than the two dimensions of the image goes", x)

    def replace(self, x: Any, sizes: list[Any]) -> Any:
        """The mean over the image."""
        return aten.mean.dim(x, [2, 3])
