"""Families of samples: seeded generators of networks that are one unit each."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from adaptc.costmodel.data.errors import SpaceError
from adaptc.costmodel.data.space.drawing import Draw

T = TypeVar("T")


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
        module, inputs = drawn(self.name, self.make, seed, index)
        return Sample(module.eval(), inputs)


def drawn(name: str, make: Callable[[Draw], T], seed: int, index: int) -> T:
    """What `make` draws for number `index` of `seed` under this name, PyTorch's generator seeded for it."""
    draw = Draw(np.random.default_rng((seed, zlib.crc32(name.encode()), index)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(draw.generator.integers(2**62)))
        return make(draw)


FAMILIES: dict[str, Family] = {}
"""All families by name; the modules of this package fill it when `families` imports them."""


def family(name: str, about: str) -> Callable[[Callable[[Draw], Drawn]], Callable[[Draw], Drawn]]:
    """Register a function that draws a network as a family."""

    def register(make: Callable[[Draw], Drawn]) -> Callable[[Draw], Drawn]:
        FAMILIES[name] = Family(name, about, make)
        return make

    return register


def chosen(
    names: Sequence[str], known: Mapping[str, T], what: tuple[str, str] = ("family", "families")
) -> tuple[T, ...]:
    """Those of the `known` with these names, all of them for no name. Raises `SpaceError` for a name that is unknown;
    `what` they are is told there, one and several."""
    for name in names:
        if name not in known:
            raise SpaceError(f"there is no {what[0]} {name!r}; the {what[1]} are {', '.join(known)}")
    return tuple(known[name] for name in names or known)
