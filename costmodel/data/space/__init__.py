"""The operator space of dynamic networks: families of small networks that resemble their blocks."""

from __future__ import annotations

from collections.abc import Sequence

from adaptc.costmodel.data.space import (  # noqa: F401 - each registers its families
    convolutions,
    heads,
    images,
    kernels,
    linear,
    movement,
    pointwise,
    recurrent,
    routing,
    transformers,
    vision,
)
from adaptc.costmodel.data.space.registry import FAMILIES, Family, Sample, chosen

__all__ = ["FAMILIES", "Family", "Sample", "families"]


def families(names: Sequence[str] = ()) -> tuple[Family, ...]:
    """The families with these names, all of them for none. Raises `SpaceError` for a name that is unknown."""
    return chosen(names, FAMILIES)
