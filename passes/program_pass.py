"""The base of passes over a program's control flow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from adaptc.compiler.ir.program import Program
from adaptc.passes.rewriter import Rewriter


@dataclass(frozen=True)
class ProgramPass(ABC):
    """A pass over a whole program: a frozen dataclass whose fields are its options.

    `name` is how pipelines call it. The docstring says what it does and shows ``before:`` and ``after:``.
    The program is valid when `run` gets it and must be when `run` returns; the manager checks both. A pass
    that tidies up after capture sets `accepts_unreachable` and may get blocks that no path reaches.
    """

    name: ClassVar[str]
    accepts_unreachable: ClassVar[bool] = False

    @abstractmethod
    def run(self, program: Program, rw: Rewriter) -> None:
        """Change `program` through `rw` alone; whether anything changed is found out, not reported."""
