"""What becomes of calls that mean something of their own, and those for which a function of the prelude stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from adaptc.compiler.frontend.iterators import POISON
from adaptc.compiler.frontend.state import Generator

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine

NATIVE = object()
"""Returned by a special that leaves the call to the ordinary rules."""
ENTERED = object()
"""Returned by a special that has entered a frame, or has set the result itself."""

Special = Callable[["Machine", tuple[Any, ...], dict[str, Any], "str | None"], Any]


def interpreted(function: Any, keep: Callable[[tuple[Any, ...]], bool] | None = None) -> Special:
    """Interpret `function` of the prelude, or leave the call native where `keep` says that nothing is symbolic."""

    def special(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
        if any(arg is POISON for arg in args):
            return POISON
        if keep is not None and keep(args) and not kwargs.get("key"):
            return NATIVE
        frame = machine.make_frame(function, args, kwargs)
        if frame.code.is_generator:
            return Generator(frame)
        frame.dst = dst
        machine.enter(frame)
        return ENTERED

    return special
