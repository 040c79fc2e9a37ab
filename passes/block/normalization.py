"""Batch normalisation with known statistics becomes part of the layer before it."""

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
class LinearBatchNorm(Rule):
    """Let a linear layer do the batch normalisation behind it; fold-weights computes its new weights.

    before:  batch_norm(linear(x, w, b), gamma, beta, mean, var)
    after:   linear(x, w * s, (b - mean) * s + beta)    with s = gamma / sqrt(var + eps)
    """

    name = "linear-batch-norm"

    def pattern(
        self,
        x: Tensor,
        w: Tensor,
        b: Tensor | None,
        gamma: Tensor | None,
        beta: Tensor | None,
        mean: Tensor,
        var: Tensor,
        momentum: float,
        eps: float,
    ) -> Any:
        """A linear layer that only the normalisation reads."""
        y = aten.linear(x, w, b)
        return aten._native_batch_norm_legit_no_training(y, gamma, beta, mean, var, momentum, eps)[0]

    def check(
        self, x: Captured, w: Captured, b: Any, gamma: Any, beta: Any, mean: Captured, var: Captured, momentum: Any,
        eps: Any,
    ) -> None:  # fmt: skip
        """Rows of features, and weights that nothing else reads."""
        if len(x.shape) != 2:
            raise Miss("the normalised dimension is not that of the features", x)
        for each in (w, b, gamma, beta, mean, var):
            if each is not None:
                known_alone(each)

    def replace(
        self, x: Any, w: Any, b: Any, gamma: Any, beta: Any, mean: Any, var: Any, momentum: Any, eps: Any
    ) -> Any:
        """The layer with scaled weights."""
        scale, shift = scale_and_shift(b, gamma, beta, mean, var, eps)
        return aten.linear(x, w * aten.view(scale, [-1, 1]), shift)


def known_alone(weight: Captured) -> None:
    """Refuse what does not depend on weights alone, and weights that are read elsewhere too."""
    if not weight.tensors:
        raise Miss("it depends on more than weights", weight)
    if not weight.exclusive:
        raise Miss("something else reads this weight too, so that both would be stored", weight)


def scale_and_shift(b: Any, gamma: Any, beta: Any, mean: Any, var: Any, eps: float) -> tuple[Any, Any]:
    """What the normalisation multiplies by and adds, the bias `b` of the layer before it included."""
    scale = aten.rsqrt(var + eps)
    if gamma is not None:
        scale = scale * gamma
    shift = aten.neg(mean) if b is None else b - mean
    shift = shift * scale
    return scale, shift if beta is None else shift + beta
