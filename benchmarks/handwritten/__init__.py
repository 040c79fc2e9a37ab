"""Examples written again with `torch.cond`, for peers that cannot take the networks as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True)
class Version:
    """`module` returns a tuple of tensors; `of_eager` takes the same values, in the same order, from eager's result."""

    module: nn.Module
    of_eager: Callable[[Any], list[Any]]


VERSIONS: Mapping[str, Callable[[nn.Module], Version]] = {}
