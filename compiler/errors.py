"""Problems of a user's network, and the error that lists all of them at once."""

from __future__ import annotations

import linecache
from dataclasses import dataclass, field

from adaptc.runtime.errors import AdaptcError


@dataclass(frozen=True)
class Problem:
    """One thing that cannot be compiled: where, what was found, why, and what to write instead.

    `line` is 1-based, `column` and `end_column` are 0-based character columns in that line (None: the whole line).
    """

    file: str
    line: int
    found: str
    why: str
    instead: str
    column: int | None = None
    end_column: int | None = None

    def __str__(self) -> str:
        lines = [f"{self.file}:{self.line}: {self.found}"]
        source = linecache.getline(self.file, self.line).rstrip()
        if source:
            text = source.lstrip()
            shift = len(source) - len(text)
            start = max((self.column or 0) - shift, 0)
            stop = max((self.end_column if self.end_column is not None else len(source)) - shift, start + 1)
            lines += [f"    {text}", "    " + " " * start + "^" * min(stop - start, max(len(text) - start, 1))]
        lines += [f"  why: {self.why}", f"  instead: {self.instead}"]
        return "\n".join(lines)


@dataclass
class CompileError(AdaptcError):
    """The network cannot be compiled; `problems` lists every reason found."""

    problems: list[Problem] = field(default_factory=list)

    def __str__(self) -> str:
        count = f"{len(self.problems)} problem{'s' * (len(self.problems) != 1)}"
        return "\n\n".join([f"the network cannot be compiled: {count}", *map(str, self.problems)])


class ModelFileError(AdaptcError):
    """A model file cannot be used: it does not import, or lacks a model or example inputs."""


class VerificationError(AdaptcError):
    """The compiled network's outputs differ from eager PyTorch's, or its decisions do."""
