"""What an engine has to offer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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

    def file_of(self, unit: Unit) -> str:
        """The file of `unit`, relative to the artifact, that suits this machine."""
        ...

    def open(self, unit: Unit, file: Path) -> UnitCall:
        """A callable that runs `unit`, whose code is in `file`. Raises `EngineError` if it cannot be opened."""
        ...


class Units(Mapping[str, UnitCall]):
    """The units of an artifact's folder by name, each opened when it is first asked for.

    Two threads may open one twice.
    """

    def __init__(self, engine: Engine, units: Iterable[Unit], folder: Path) -> None:
        self._engine = engine
        self._units = {unit.name: unit for unit in units}
        self._folder = folder
        self._opened: dict[str, UnitCall] = {}

    def __getitem__(self, name: str) -> UnitCall:
        if name not in self._opened:
            unit = self._units[name]
            self._opened[name] = self._engine.open(unit, self._folder / self._engine.file_of(unit))
        return self._opened[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._units)

    def __len__(self) -> int:
        return len(self._units)

    def clear(self) -> None:
        """Let go of what is opened."""
        self._opened.clear()
