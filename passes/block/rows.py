"""Of rows that are computed one by one, only those that are read: a classifier reads the first token alone."""

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
class WholeSlice(Rule):
    """Leave out a slice of everything, as x[:, 0] of a batch of any size has one: it hides from other rules what is
    before it.

    before:  slice(x, dim, 0, 9223372036854775807)
    after:   x
    """

    name = "whole-slice"

    def pattern(self, x: Tensor, dim: int) -> Any:
        """From the first to beyond what any tensor holds."""
        return aten.slice.Tensor(x, dim, 0, 2**63 - 1)

    def replace(self, x: Any, dim: int) -> Any:
        """The tensor itself."""
        return x


@register
@dataclass(frozen=True)
class SelectBeforeLinear(Rule):
    """Apply a linear layer to the one row that is read.

    before:  select(linear(x, w, b), dim, index)
    after:   linear(select(x, dim, index), w, b)
    """

    name = "select-before-linear"

    def pattern(self, x: Tensor, w: Tensor, b: Tensor | None, dim: int, index: int) -> Any:
        """A row of the layer's result."""
        return aten.select.int(aten.linear(x, w, b), dim, index)

    def check(self, x: Captured, w: Any, b: Any, dim: int, index: Any) -> None:
        """A row, not a feature."""
        if dim == len(x.shape) - 1:
            raise Miss("a feature is selected, not a row", x)

    def replace(self, x: Any, w: Any, b: Any, dim: int, index: int) -> Any:
        """The layer on that row."""
        return aten.linear(aten.select.int(x, dim, index), w, b)


@register
@dataclass(frozen=True)
class SelectBeforeLayerNorm(Rule):
    """Normalise the one row that is read.

    before:  select(layer_norm(x, shape, w, b), dim, index)
    after:   layer_norm(select(x, dim, index), shape, w, b)
    """

    name = "select-before-layer-norm"

    def pattern(
        self, x: Tensor, shape: list[int], w: Tensor | None, b: Tensor | None, eps: float, cudnn: bool, dim: int,
        index: int,
    ) -> Any:  # fmt: skip
        """A row of the normalised rows."""
        return aten.select.int(aten.layer_norm(x, shape, w, b, eps, cudnn), dim, index)

    def check(self, x: Captured, shape: list[int], w: Any, b: Any, eps: Any, cudnn: Any, dim: int, index: Any) -> None:
        """A row, not a part of one."""
        if dim >= len(x.shape) - len(shape):
            raise Miss("a part of what is normalised together is selected", x)

    def replace(self, x: Any, shape: list[int], w: Any, b: Any, eps: float, cudnn: bool, dim: int, index: int) -> Any:
        """That row, normalised."""
        return aten.layer_norm(aten.select.int(x, dim, index), shape, w, b, eps, cudnn)


@register
@dataclass(frozen=True)
class SelectBeforeAdd(Rule):
    """Add only the row that is read of two tensors of the same shape.

    before:  select(x + y, dim, index)
    after:   select(x, dim, index) + select(y, dim, index)
    """

    name = "select-before-add"

    def pattern(self, x: Tensor, y: Tensor, dim: int, index: int) -> Any:
        """A row of a sum."""
        return aten.select.int(aten.add.Tensor(x, y), dim, index)

    def check(self, x: Captured, y: Captured, dim: int, index: Any) -> None:
        """Nothing is broadcast, and something is computed that can be spared."""
        if x.shape != y.shape:
            raise Miss("one of the tensors is broadcast", y)
        if x.node.op == y.node.op == "placeholder":
            raise Miss("both tensors are at hand: two selections cost more than an addition", x)

    def replace(self, x: Any, y: Any, dim: int, index: int) -> Any:
        """The sum of two rows."""
        return aten.add.Tensor(aten.select.int(x, dim, index), aten.select.int(y, dim, index))


@register
@dataclass(frozen=True)
class SelectBeforeUnary(Rule):
    """Apply a function of single elements, named by the option, to the part that is read.

    before:  select(gelu(x), dim, index)
    after:   gelu(select(x, dim, index))
    """

    name = "select-before-unary"
    operator: str = "gelu"

    def pattern(self, x: Tensor, dim: int, index: int) -> Any:
        """A part of the function's result."""
        return aten.select.int(getattr(aten, self.operator)(x), dim, index)

    def replace(self, x: Any, dim: int, index: int) -> Any:
        """The function of that part."""
        return getattr(aten, self.operator)(aten.select.int(x, dim, index))
