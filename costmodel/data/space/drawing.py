"""Random sizes: drawn log-uniformly, and bounded by the arithmetic that a sample may take."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

T = TypeVar("T")

_ACTIVATIONS: tuple[Callable[[], nn.Module], ...] = (
    nn.ReLU,
    nn.ReLU,
    nn.ReLU,
    nn.GELU,
    nn.SiLU,
    nn.Hardswish,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.Tanh,
    nn.Sigmoid,
    nn.ELU,
    nn.Identity,
)


class Draw:
    """What one sample is drawn from. `work` is about the multiply-adds that it may take, log-uniform from 100
    thousand to 250 million: some µs to some ms of one core."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator
        self.work = 10 ** float(generator.uniform(5.0, 8.4))

    def log(self, low: int, high: int) -> int:
        """An int from `low` (at least 1) to `high`, log-uniform; `low` where `high` is less."""
        if high <= low:
            return low
        return min(int(math.exp(self.generator.uniform(math.log(low), math.log(high + 1)))), high)

    def width(self, low: int, high: int) -> int:
        """A number of channels: mostly a multiple of 8 or 16, else any; multiples where the range has one."""
        drawn = self.log(low, high)
        multiple = self.pick(1, 1, 2, 4, 8, 8, 8, 16, 16, 16, 32)
        return max(drawn // multiple * multiple, min(multiple, high), low)

    def within(self, cost: float, low: int, high: int) -> int:
        """An extent of which each step takes `cost` multiply-adds: near what `work` allows, from `low` to `high`."""
        most = max(int(self.work / max(cost, 1.0)), low)
        return self.log(max(low, min(most, high) // 4), min(most, high))

    def side(self, cost: float, low: int = 1, high: int = 112) -> int:
        """A side of a square image of which each pixel takes `cost` multiply-adds."""
        most = min(max(int(math.sqrt(self.work / max(cost, 1.0))), low), high)
        drawn = self.log(max(low, most // 2), most)
        return max(drawn // 2 * 2, low) if self.chance(0.6) else drawn

    def pick(self, *options: T) -> T:
        """One of `options`, all alike."""
        return options[int(self.generator.integers(len(options)))]

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self.generator.random() < probability)

    def batch(self) -> int:
        """A number of samples: mostly 1, as dynamic networks are served."""
        return 1 if self.chance(0.85) else self.log(2, 8)

    def activation(self) -> nn.Module:
        """A new activation module."""
        return self.pick(*_ACTIVATIONS)()

    def divisor(self, number: int, *options: int) -> int:
        """One of those `options` that divide `number`, or 1."""
        return self.pick(*([option for option in options if number % option == 0] or [1]))


def images(batch: int, channels: int, height: int, width: int | None = None) -> Tensor:
    """Normal random values of the shape [batch, channels, height, width]."""
    return torch.randn(batch, channels, height, height if width is None else width)
