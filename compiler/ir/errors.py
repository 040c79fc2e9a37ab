"""The error for a program that breaks the IR's rules: it lists every broken rule at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adaptc.runtime.errors import AdaptcError


@dataclass(frozen=True)
class Fault:
    """One broken rule: its block ("" for the whole program), the user's "file:line", and what is wrong."""

    block: str
    loc: str
    message: str

    def __str__(self) -> str:
        where = f"block '{self.block}'" if self.block else "the program"
        return f"{where}{f' ({self.loc})' if self.loc else ''}: {self.message}"


class IRError(AdaptcError):
    """A program breaks the rules of the IR; `faults` lists every broken rule."""

    def __init__(self, program: str, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        count = f"{len(self.faults)} rule{'s' * (len(self.faults) != 1)}"
        lines = [f"program '{program}' breaks {count} of the IR:", *(f"  {fault}" for fault in self.faults)]
        super().__init__("\n".join(lines))


class ExpressionError(AdaptcError):
    """A host expression has no type: an operand is undefined or of the wrong kind, a function unknown."""
