"""What an engine has to offer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from adaptc.runtime.manifest import Unit


@dataclass(frozen=True)
class EngineOptions:
    """`threads` that the engine may use in one call; `units`: how many units will be opened side by side."""

    threads: int = 1
    units: int = 1


class UnitCall(Protocol):
    """Runs a unit: C-contiguous arrays in the order of the unit's inputs, arrays back in the order of its outputs.

    Safe to call from several threads. Raises `EngineError` naming the unit and the user's line if it fails.
    """

    def __call__(self, *arrays: Any) -> Sequence[Any]: ...


class Engine(Protocol):
    """Opens units."""

    def open(self, unit: Unit, file: Path) -> UnitCall:
        """A callable that runs `unit`, whose code is in `file`. Raises `EngineError` if it cannot be opened."""
        ...
