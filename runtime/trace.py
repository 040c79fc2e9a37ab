"""What one call did: the path that it took, what it read from the data, and where its time went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adaptc.runtime.probing import Value


@dataclass(frozen=True)
class Trace:
    """One call. `path`: block names in order; `decisions`: (line of the network, side taken or switch index);
    `reads`: (name, value); `units`: (name, microseconds). `raises` is the name of the exception that the network
    raises on a forced path, where `outputs` is None. `changed` has the new values of the inputs that the network
    changes in place."""

    outputs: Any
    path: tuple[str, ...]
    decisions: tuple[tuple[str, bool | int], ...]
    reads: tuple[tuple[str, Value], ...]
    units: tuple[tuple[str, float], ...]
    raises: str = ""
    changed: tuple[Any, ...] = ()

    def __str__(self) -> str:
        total = sum(microseconds for _, microseconds in self.units)
        rows = [("unit", "µs", "share")]
        rows += [
            (name, f"{microseconds:.1f}", f"{microseconds / total:.0%}" if total else "")
            for name, microseconds in self.units
        ]
        rows.append(("all units", f"{total:.1f}", ""))
        sections = ["path: " + " -> ".join(self.path) + (f" -> raises {self.raises}" if self.raises else "")]
        if self.decisions:
            decisions = [(loc or "?", str(taken)) for loc, taken in self.decisions]
            sections.append(_columns([("decision", "taken"), *decisions]))
        if self.reads:
            sections.append(_columns([("read", "value"), *((name, repr(value)) for name, value in self.reads)]))
        return "\n\n".join([*sections, _columns(rows)])


@dataclass(frozen=True)
class SampleResult:
    """One sample of an artifact, run again. `max_relative_error` is the worst over the outputs, at `worst`;
    `problem` says what else is wrong and is empty if `ok`."""

    name: str
    ok: bool
    max_relative_error: float
    worst: str
    path: tuple[str, ...]
    expected_path: tuple[str, ...]
    raises: str
    problem: str


def _columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of equal length as aligned columns, the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]).rstrip()
        for row in rows
    )
