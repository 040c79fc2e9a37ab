"""The joins at which states stay apart: those found to be needed, and from some on all of their place in the code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeAlias

from adaptc.compiler.frontend.signals import JoinSite

FEW = 2
"""As many joins at one place of the code, in different iterations of the loops around it, say nothing of others."""

_Frames: TypeAlias = tuple[tuple[Any, ...], ...]


class SplitSites:
    """A set of joins. What one iteration needs, most need: a capture that learnt it one by one would start again for
    each. What one call of the network needs, all need."""

    def __init__(self, joins: Iterable[_Frames] = ()) -> None:
        self._joins: set[_Frames] = set()
        self._of_place: Counter[_Frames] = Counter()
        self._whole: set[_Frames] = set()
        for join in joins:
            self._add(join)

    def __contains__(self, site: JoinSite) -> bool:
        join = _within_call(site)
        return join in self._joins or (bool(self._whole) and not _is_header(join) and _place(join) in self._whole)

    def update(self, sites: Iterable[JoinSite]) -> None:
        """Add joins."""
        for site in sites:
            self._add(_within_call(site))

    def copy(self) -> SplitSites:
        """An independent copy."""
        return SplitSites(self._joins)

    def _add(self, join: _Frames) -> None:
        if join in self._joins:
            return
        self._joins.add(join)
        place = _place(join)
        self._of_place[place] += 1
        if self._of_place[place] > FEW:
            self._whole.add(place)


def _within_call(site: JoinSite) -> _Frames:
    """A join by the frames of one call of the network; by that which calls it where there are no others."""
    return site.frames[1:] or site.frames


def _place(join: _Frames) -> _Frames:
    """A join without the numbers of iterations: a frame is its code's file, name and line, a header and a number for
    each loop, and an instruction."""
    return tuple([(*frame[:3], *frame[3::2]) for frame in join])


def _is_header(join: _Frames) -> bool:
    """Whether a join is the header of a loop: whether it is unrolled is told for each way of coming to it."""
    position = join[-1][3:]
    return len(position) > 2 and position[-1] == position[-3]
