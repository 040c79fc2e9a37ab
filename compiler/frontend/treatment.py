"""How loops that data concerns are treated: the bound of those that are unrolled, and what the user is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adaptc.compiler.frontend import headers
from adaptc.compiler.frontend.preludes import is_prelude_file
from adaptc.compiler.frontend.signals import JoinSite, NeedsRoll, Refused
from adaptc.compiler.frontend.sources import is_library_file
from adaptc.compiler.frontend.state import Frame

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine

MAX_DATA_ITERATIONS = 64
TOO_LONG = f"a loop whose number of iterations depends on data ran more than {MAX_DATA_ITERATIONS} times"
"""What is found where a loop that must be unrolled does not end."""


def limit(machine: Machine, frame: Frame, header: int) -> None:
    """Raise NeedsRoll or Refused where nothing but data ends an unrolled loop, and it has become too long."""
    if frame.forks.get(header, 0) <= MAX_DATA_ITERATIONS or not headers.unbounded(frame, header):
        return
    peeled = frame.peeled.get(header)
    if peeled is not None and peeled.site is not None:
        raise NeedsRoll(peeled.site)
    site = _entry(machine, frame, header)
    if peeled is None and site not in machine.rolled_sites:  # no iteration seemed to end it by data
        raise NeedsRoll(site)
    raise Refused(
        machine.problem(
            TOO_LONG,
            "its iterations cannot be one loop of the compiled network"
            + (f" ({peeled.why})" if peeled is not None else ""),
            "let its variables keep their kinds, dtypes and ranks from one iteration to the next",
        ),
        fatal=True,
    )


def _entry(machine: Machine, frame: Frame, header: int) -> JoinSite:
    """The place at which a loop is begun."""
    frames = machine.site(machine.state).frames
    depth = next(place for place, other in enumerate(machine.state.frames) if other is frame)
    file, name, line, *position = frames[depth]
    outer = position[: position[::2].index(header) * 2]
    return JoinSite((*frames[:depth], (file, name, line, *outer, header, 0, header)))  # type: ignore[arg-type]


def tell(machine: Machine, frame: Frame, header: int, treated: str, *, first: bool = False) -> None:
    """Remember how a loop of the user's is treated; what is told last counts, or what was told `first`."""
    file, line = frame.code.code.co_filename, frame.code.instructions[header].span.line
    if not is_prelude_file(file) and not is_library_file(file):
        if first:
            machine.loops.setdefault(f"{file}:{line}", treated)
        else:
            machine.loops[f"{file}:{line}"] = treated
