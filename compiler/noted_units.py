"""Units that note what they are called with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptc.runtime.engines import UnitCall

Shapes = tuple[tuple[int, ...], ...]


@dataclass
class Taken:
    """What a unit was called with in `calls` calls with the same shapes: the arrays of the first of them, and the
    shapes of what the very first gave."""

    samples: list[list[np.ndarray[Any, Any]]]
    made: list[tuple[int, ...]]
    calls: int = 0

    @property
    def arrays(self) -> list[np.ndarray[Any, Any]]:
        """Those of the very first."""
        return self.samples[0]


class NotedUnits(Mapping[str, UnitCall]):
    """`units`, whose calls are noted in `taken`, by unit and the shapes of the arrays; of so many the arrays are
    kept."""

    def __init__(self, units: Mapping[str, UnitCall], keep: int = 1) -> None:
        self._units = units
        self._keep = keep
        self.taken: dict[str, dict[Shapes, Taken]] = {}

    def __getitem__(self, name: str) -> UnitCall:
        call = self._units[name]
        taken = self.taken.setdefault(name, {})

        def noting(*arrays: Any) -> Sequence[Any]:
            shapes = tuple(tuple(array.shape) for array in arrays)
            found = taken.get(shapes)
            given = [np.array(array, order="C") for array in arrays] if found is None or self._is_short(found) else None
            outputs = call(*arrays)
            if found is None:
                found = taken[shapes] = Taken([], [tuple(output.shape) for output in outputs])
            if given is not None:
                found.samples.append(given)
            found.calls += 1
            return outputs

        return noting

    def _is_short(self, found: Taken) -> bool:
        return len(found.samples) < self._keep

    def __iter__(self) -> Iterator[str]:
        return iter(self._units)

    def __len__(self) -> int:
        return len(self._units)
