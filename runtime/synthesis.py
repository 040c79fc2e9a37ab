"""The synthesis of the host: a host program becomes the source of one Python function, and that function.

The source has no dispatch loop and holds no text of the artifact but through `ascii` or as a checked identifier.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from adaptc.runtime.engines.base import UnitCall
from adaptc.runtime.errors import LoopError, NetworkError
from adaptc.runtime.hostprogram import HostProgram
from adaptc.runtime.identifiers import identifier
from adaptc.runtime.manifest import TensorSpec, Unit
from adaptc.runtime.placement import Limits
from adaptc.runtime.printing import HostPrinter
from adaptc.runtime.probing import ProbedPrinter


class HostFunction(Protocol):
    """The flat inputs in; the block whose return was taken and the flat outputs out."""

    def __call__(self, *inputs: Any) -> tuple[int, tuple[Any, ...]]: ...


def host_source(
    program: HostProgram,
    units: Sequence[Unit],
    inputs: Iterable[TensorSpec],
    *,
    probed: bool = False,
    limits: Limits | None = None,
) -> str:
    """The source of the function ``host``.

    It takes the flat inputs and returns the index of the block whose return was taken with the flat outputs; it
    raises `NetworkError` where the network raises. With `probed` it takes a probe first
    (`adaptc.runtime.probing.Probe`) and reports to it; a program that draws random numbers takes their stream before
    the inputs. `program` must have passed `adaptc.runtime.hostcheck.check`.
    Raises `ArtifactError` if the program's loops cannot be structured.
    """
    kind = ProbedPrinter if probed else HostPrinter
    return kind(program, units, tuple(inputs), unit_identifiers(units), limits or Limits()).source()


def host_function(source: str, units: Sequence[Unit], calls: Mapping[str, UnitCall]) -> HostFunction:
    """The function that `source`, made by `host_source` for `units`, defines; `calls` run the units by name."""
    namespace: dict[str, Any] = {"__builtins__": {}, "np": np, "math": math, "NetworkError": NetworkError}
    namespace["LoopError"] = LoopError
    for builtin in (abs, bool, float, int, max, min, range, round):
        namespace[builtin.__name__] = builtin
    for unit, name in unit_identifiers(units).items():
        namespace[name] = calls[unit]
    exec(compile(source, "<host program>", "exec"), namespace)
    function: HostFunction = namespace["host"]
    return function


def unit_identifiers(units: Iterable[Unit]) -> dict[str, str]:
    """The name of the callable of each unit in the source."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for unit in units:
        names[unit.name] = identifier(f"run {unit.name}", taken)
        taken.add(names[unit.name])
    return names
