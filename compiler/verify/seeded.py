"""Gives eager PyTorch the random numbers that the compiled network draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from adaptc.compiler.randomness import RANDOM, draws_nothing
from adaptc.runtime.hostprogram import Distribution
from adaptc.runtime.stream import Stream


class Seeded(TorchFunctionMode):
    """While it lasts, torch's random functions draw from the stream of `seed`."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._stream = Stream(seed)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in RANDOM and not draws_nothing(func, args, kwargs or {}):
            return RANDOM[func](self.draw, *args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def draw(
        self, kind: Distribution, shape: Sequence[Any], dtype: torch.dtype, least: Any = 0, end: Any = 0
    ) -> torch.Tensor:
        """The next numbers of the stream."""
        # a network that is run in float64 to judge rounding must draw the numbers that it draws in float32
        doubled = dtype == torch.float64 and torch.get_default_dtype() == torch.float64
        name = "float32" if doubled else str(dtype).removeprefix("torch.")
        drawn = torch.from_numpy(self._stream.draw(kind, [int(extent) for extent in shape], name, int(least), int(end)))
        return drawn.double() if doubled else drawn
