"""The loop over the calls of a session: one header for each structure of what a call leaves behind.

A cache is None before the first call and a tensor after it, and an early exit may fill some layers' caches and not
others. So where another loop would have one header, whose state every iteration widens (rolling.py), this one has as
many as there are structures: a call begins at the header that what the call before left behind can be linked to, else
at one that can be widened to it, else at one of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adaptc.compiler.errors import Problem
from adaptc.compiler.frontend import joins, prelude, rolling
from adaptc.compiler.frontend.draft import Arm, JumpEnd
from adaptc.compiler.frontend.merge_values import Conflict
from adaptc.compiler.frontend.signals import NoSession
from adaptc.compiler.frontend.state import Frame, State

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine
    from adaptc.compiler.frontend.rolling import Roll

MAX_HEADERS = 16


def is_session(frame: Frame) -> bool:
    """Whether a frame runs the loop over calls."""
    return frame.code.code is prelude.session.__code__


def begin(machine: Machine, state: State) -> None:
    """Note that a call begins: at a header of its own, if it does not at one that has been widened."""
    state.begins = False
    if any(header.draft is state.draft for header in machine.headers):
        return
    site = machine.site(state)
    if site in machine.split_sites:
        raise NoSession(no_session(machine, "a number that differs between calls is needed as it is"))
    machine.rolled_sites.add(site)
    roll = rolling.begin(machine, state, state.frames[-1], site, 0)
    machine.headers.append(roll)


def follow(machine: Machine, states: list[State]) -> None:
    """Calls have ended in `states`: link them to headers, or capture again what follows a header that is widened."""
    if machine.most_recorded is not None and machine.recorder.recorded > machine.most_recorded:
        raise NoSession(
            no_session(machine, f"after {len(machine.headers)} different structures there were still others"),
            whatever_is_fixed=True,
        )
    if len(states) > 1 and machine.site(states[0]) not in machine.split_sites:
        states = joins.merge(machine, states)
    waiting = [state for state in states if not _linked(machine, state)]
    if waiting:
        first, *others = waiting
        machine.ready += others  # what becomes of the first may be where they can be linked to
        for state in others:
            state.apart = False
        _widen(machine, first)


def forget(machine: Machine, roll: Roll) -> None:
    """Forget the headers behind `roll`, which is captured anew; states from elsewhere that led there wait again."""
    lost = [header for header in machine.headers if roll in header.entry.rolls]
    machine.headers = [header for header in machine.headers if header not in lost]
    for header in (*lost, roll):
        again = [state for state in header.linked if not any(other in state.rolls for other in (*lost, roll))]
        header.linked = []
        for state in again:
            state.draft.end = None
            machine.ready.append(state)


def no_session(machine: Machine, why: str) -> Problem:
    """Why calls cannot follow each other."""
    return Problem(
        *machine.return_location,
        "calls cannot follow each other in a session",
        f"what a call leaves behind for the next one changes in a way that no program can follow: {why}",
        "keep what outlives a call in tensors and numbers of the same kinds, dtypes and ranks",
    )


def _linked(machine: Machine, state: State) -> bool:
    for header in machine.headers:
        link = rolling.link(machine, header, state) if header.draft is not None else None
        if link is not None and header.draft is not None:
            state.draft.end = JumpEnd(Arm(header.draft, link))
            header.linked.append(state)
            return True
    return False


def _widen(machine: Machine, state: State) -> None:
    why = ""
    for header in list(machine.headers):
        try:
            rolling.widen(machine, header, [state])
        except Conflict as conflict:
            why = str(conflict)
        else:
            if header not in state.rolls:  # what led to it stands, and now it can be linked
                machine.ready.append(state)
            return
    if len(machine.headers) == MAX_HEADERS:
        problem = no_session(machine, f"it took {MAX_HEADERS} different structures ({why})")
        raise NoSession(problem, whatever_is_fixed=True)
    state.apart, state.begins = False, True
    machine.ready.append(state)
