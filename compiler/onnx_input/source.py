"""Lines of Python that are being written, with the problems found at them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import onnx

USED = frozenset({"self", "torch", "op", "float", "len", "list", "max", "min", "range", "zip", "Outputs", "Network"})
"""Names that the written Python uses itself."""


@dataclass(frozen=True)
class Trouble:
    """What cannot be compiled at a line: what was found, why, and what to do instead."""

    found: str
    why: str
    instead: str


@dataclass
class Line:
    """One line, indented by `depth` levels."""

    depth: int
    text: str
    trouble: Trouble | None = None


@dataclass
class Source:
    """Lines in order; `depth` is the level at which the next one stands."""

    lines: list[Line] = field(default_factory=list)
    depth: int = 0

    def add(self, text: str, note: str = "", trouble: Trouble | None = None) -> None:
        """Write a line, with a comment."""
        self.lines.append(Line(self.depth, f"{text}  # {note}" if note else text, trouble))

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Lines written meanwhile stand one level deeper."""
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    def text(self) -> str:
        """The Python source."""
        return "".join(f"{'    ' * line.depth}{line.text}".rstrip() + "\n" for line in self.lines)


class Names:
    """Python names for the values of a graph, each used once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def mark(self) -> frozenset[str]:
        """What has been given out so far, for `reset`."""
        return frozenset(self._taken)

    def reset(self, mark: frozenset[str]) -> None:
        """Take back the names given out since `mark`."""
        self._taken = set(mark)

    def fresh(self, wanted: str) -> str:
        """A name that looks like `wanted`."""
        stem = re.sub(r"\W+", "_", wanted, flags=re.ASCII).strip("_") or "value"
        if not stem[0].isalpha():
            stem = f"v_{stem}"
        if keyword.iskeyword(stem) or stem in USED:
            stem = f"{stem}_"
        name, number = stem, 2
        while name in self._taken:
            name, number = f"{stem}_{number}", number + 1
        self._taken.add(name)
        return name


def node_note(node: onnx.NodeProto) -> str:
    """What is said about a node behind its line: its operator and its name."""
    named = f" {node.name}" if node.name and node.name != node.op_type else ""
    return " ".join(f"{node.op_type}{named}".split())
