"""How the machine and the recorder interrupt a capture. None derives from Exception: user code cannot catch them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any

from adaptc.compiler.errors import Problem


@dataclass(frozen=True)
class JoinSite:
    """A place where states merge: the position of every frame (code's file, name and line; instruction)."""

    frames: tuple[tuple[str, str, int, int], ...]


class NeedsInterpretation(BaseException):
    """Native code needs the truth of a tensor: the functions on the way must be interpreted from their source."""

    def __init__(self, codes: Sequence[CodeType], problem: Problem) -> None:
        super().__init__(", ".join(code.co_qualname for code in codes))
        self.codes = tuple(codes)
        self.problem = problem


class NeedsSplit(BaseException):
    """A join merged what must stay apart: capture again without merging there.

    `problems` are those of the capture that merged it, to be told if no other succeeds; `also` are joins that would
    be found next.
    """

    def __init__(self, site: JoinSite, problems: Sequence[Problem] = (), also: Sequence[JoinSite] = ()) -> None:
        super().__init__(str(site))
        self.site = site
        self.also = tuple(also)
        self.problems = tuple(problems)


class NeedsRoll(BaseException):
    """A loop has too many iterations to be unrolled: capture again with a loop of the network there."""

    def __init__(self, site: JoinSite) -> None:
        super().__init__(str(site))
        self.site = site


class NeedsFixed(BaseException):
    """Calls of a session work together only where a dimension has the same size in all of them: capture again so."""

    def __init__(self, dimension: str) -> None:
        super().__init__(dimension)
        self.dimension = dimension


class Undecided(BaseException):
    """An instruction needs the symbolic bool `number` as one of Python: it is executed again, once for each."""

    def __init__(self, number: Any) -> None:
        super().__init__(str(number))
        self.number = number


class NoSession(BaseException):
    """Calls cannot follow each other, for the reason that `problem` tells, `whatever_is_fixed` of the dimensions."""

    def __init__(self, problem: Problem, *, whatever_is_fixed: bool = False) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.whatever_is_fixed = whatever_is_fixed


class Refused(BaseException):
    """The network does something that cannot be compiled; `fatal` where the way it was found on cannot go on."""

    def __init__(self, problem: Problem, *, fatal: bool = False) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.fatal = fatal
