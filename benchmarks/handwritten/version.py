"""What a hand-written version is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True)
class Version:
    """`module` returns a tuple of tensors; `of_eager` takes the same values, in the same order, from eager's result."""

    module: nn.Module
    of_eager: Callable[[Any], list[Any]]
