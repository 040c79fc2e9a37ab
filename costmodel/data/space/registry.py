"""Families of samples: seeded generators of networks that are one unit each."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from adaptc.costmodel.data.errors import SpaceError
from adaptc.costmodel.data.space.drawing import Draw


@dataclass(frozen=True)
class Sample:
    """A network in evaluation mode and what it is called with."""

    module: nn.Module
    inputs: tuple[Tensor, ...]


Drawn = tuple[nn.Module, tuple[Tensor, ...]]
"""A network, and its inputs."""


@dataclass(frozen=True)
class Family:
    """Networks of one kind. `make` draws one."""

    name: str
    about: str
    make: Callable[[Draw], Drawn]

    def draw(self, seed: int, index: int) -> Sample:
        """Sample number `index` of `seed`: the same network, weights and inputs on every machine."""
        entropy = (seed, zlib.crc32(self.name.encode()), index)
        draw = Draw(np.random.default_rng(entropy))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(draw.generator.integers(2**62)))
            module, inputs = self.make(draw)
        return Sample(module.eval(), inputs)


FAMILIES: dict[str, Family] = {}
"""All families by name; the modules of this package fill it when `families` imports them."""


def family(name: str, about: str) -> Callable[[Callable[[Draw], Drawn]], Callable[[Draw], Drawn]]:
    """Register a function that draws a network as a family."""

    def register(make: Callable[[Draw], Drawn]) -> Callable[[Draw], Drawn]:
        FAMILIES[name] = Family(name, about, make)
        return make

    return register


def chosen(names: Sequence[str], known: dict[str, Family]) -> tuple[Family, ...]:
    """The families with these names, all of them for no name. Raises `SpaceError` for a name that is unknown."""
    for name in names:
        if name not in known:
            raise SpaceError(f"there is no family {name!r}; the families are {', '.join(known)}")
    return tuple(known[name] for name in names or known)
