"""Measured units as models are fitted to them and tested on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adaptc.costmodel.features import NO_FEATURES, Features, features_of_text
from adaptc.costmodel.models.kernel_sum import Array

REAL = "real:"
"""What the families of existing networks begin with."""


@dataclass(frozen=True)
class Rows:
    """Units in order: their families, MLIR texts, features, and measured µs; `passes` are the µs of each pass."""

    families: tuple[str, ...]
    texts: tuple[str, ...]
    features: tuple[Features, ...]
    times: Array
    passes: tuple[tuple[float, ...], ...]

    def __len__(self) -> int:
        return len(self.families)

    def take(self, places: Sequence[int]) -> Rows:
        """The rows at these places."""
        return Rows(
            tuple(self.families[place] for place in places),
            tuple(self.texts[place] for place in places),
            tuple(self.features[place] for place in places),
            self.times[np.array(places, dtype=np.int64)],
            tuple(self.passes[place] for place in places),
        )

    def where(self, *, real: bool) -> Rows:
        """The rows of existing networks, or those that were drawn."""
        return self.take([place for place, name in enumerate(self.families) if name.startswith(REAL) == real])


def rows_of(
    families: Sequence[str],
    texts: Sequence[str],
    times: Sequence[float],
    passes: Sequence[Sequence[float]],
    channels: int,
    sizes: Sequence[Mapping[str, int]] | None = None,
) -> Rows:
    """The rows for a machine that keeps images in blocks of `channels` channels; each text is the code of one unit.

    `sizes` has for each row the extents that its text leaves open, by their names. Raises `MlirError`.
    """
    features = []
    for place, text in enumerate(texts):
        found = features_of_text(text, channels, sizes=sizes[place] if sizes is not None else None)
        features.append(next(iter(found.values()), NO_FEATURES))
    return Rows(tuple(families), tuple(texts), tuple(features), np.array(times), tuple(tuple(each) for each in passes))
