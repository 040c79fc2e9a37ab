"""Kinds of decisions: seeded generators of networks that compute the same in several ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from adaptc.costmodel.data.space.drawing import Draw
from adaptc.costmodel.data.space.registry import chosen, drawn

PlanOf = Literal["graphs", "blocks"]
"""How a network runs: each region as one graph, or block by block."""


@dataclass(frozen=True)
class Network:
    """A network in evaluation mode, and the plan that it runs by. Passes with names in `without` are left out."""

    module: nn.Module
    plan: PlanOf = "graphs"
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Alternatives:
    """Networks by the name of the way in which they compute what all of them compute, the one first that is taken where
    nobody asks; and inputs, each as likely as the others."""

    ways: Mapping[str, Network]
    inputs: Sequence[tuple[Tensor, ...]]


@dataclass(frozen=True)
class Kind:
    """Decisions of one kind. `make` draws one."""

    name: str
    about: str
    make: Callable[[Draw], Alternatives]

    def draw(self, seed: int, index: int) -> Alternatives:
        """Decision number `index` of `seed`: the same networks and inputs on every machine."""
        with torch.no_grad():
            found = drawn(self.name, self.make, seed, index)
        for network in found.ways.values():
            network.module.eval()
        return found


KINDS: dict[str, Kind] = {}
"""All kinds by name; `kinds` imports the modules that fill it."""


def kind(name: str, about: str) -> Callable[[Callable[[Draw], Alternatives]], Callable[[Draw], Alternatives]]:
    """Register a function that draws a decision as a kind."""

    def register(make: Callable[[Draw], Alternatives]) -> Callable[[Draw], Alternatives]:
        KINDS[name] = Kind(name, about, make)
        return make

    return register


def kinds(names: Sequence[str] = ()) -> tuple[Kind, ...]:
    """The kinds with these names, all of them for no name. Raises `SpaceError` for a name that is unknown."""
    from adaptc.costmodel.decisions import branches, experts, fusions  # noqa: F401 - each registers its kinds

    return chosen(names, KINDS, ("kind of decisions", "kinds"))
