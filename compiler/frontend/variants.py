"""Loops that are captured once for each value, or kind, of what only some of their iterations change.

A beam search that drops hypotheses shapes its tensors by the number of those left: code of the loop may need it as it
is. One loop of the network with a symbol in its place is then impossible, but there are few values, and with each of
them an iteration leads back to the same loop or on to that of another value (so it is with what is None until some
iteration sets it): as in polyvariant specialization (Jones, Gomard and Sestoft, Partial Evaluation and Automatic
Program Generation, 1993, section 4.4.2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend import rolling, treatment, turns
from adaptc.compiler.frontend.draft import Arm, Draft, JumpEnd
from adaptc.compiler.frontend.merge import Merge
from adaptc.compiler.frontend.merge_values import Conflict
from adaptc.compiler.frontend.state import State

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine

MAX_VARIANTS = 16


@dataclass
class Variants:
    """The loops at one header: `why` they are kept apart, by `numbers` too or by kinds alone, and those that are
    `closed`: their bodies are captured."""

    why: str
    numbers: bool
    closed: list[rolling.Roll] = field(default_factory=list)


def unroll(machine: Machine, roll: rolling.Roll, why: str) -> None:
    """Capture a loop again that one body cannot stand for: once for each value of its numbers, or with all its
    iterations one after the other."""
    known = machine.variants.get(roll.place)
    if (known is not None and known.numbers) or turns.is_session(roll.entry.frames[-1]):
        rolling.unroll(machine, roll, why)
        return
    machine.variants[roll.place] = Variants(why, True)
    rolling.restart(machine, roll)


def part(machine: Machine, roll: rolling.Roll, states: list[State], why: str) -> bool:
    """Whether a loop is captured again, once for each kind of what its header holds: some states that came back to it
    allow the same loop again, others do not."""
    if roll.place in machine.variants or turns.is_session(roll.entry.frames[-1]):
        return False
    alike = [_changed(machine, roll, state) is not None for state in states]
    if all(alike) or not any(alike):
        return False
    machine.variants[roll.place] = Variants(why, False)
    rolling.restart(machine, roll)
    return True


def parted(machine: Machine, roll: rolling.Roll, states: list[State]) -> tuple[list[State], list[State]]:
    """The states that came back to the header whose numbers allow the same loop again, and those that are at another.

    A number that is another one after every iteration, as a counter is, makes no other loop.
    """
    differing = [_changed(machine, roll, state) for state in states]
    known = [changed for changed in differing if changed is not None]
    always = frozenset.intersection(*known) if known else None
    stay = [state for state, changed in zip(states, differing, strict=True) if changed == always]
    if not machine.variants[roll.place].numbers:
        stay = [state for state, changed in zip(states, differing, strict=True) if changed is not None]
    if always is None or not stay or len(machine.variants[roll.place].closed) >= MAX_VARIANTS:
        return states, []
    return stay, [state for state in states if state not in stay]


def _changed(machine: Machine, roll: rolling.Roll, state: State) -> frozenset[tuple[Any, ...]] | None:
    """The pairs of plain integers that differ between the header and a state that has come back to it; None where
    they differ in more than numbers."""
    base = roll.head or roll.entry
    attempt = Merge(machine.recorder, machine.heap, [base, state], roll.site, Draft(-1, ""), rolling=True)
    before = base.draft.copy(), state.draft.copy()
    with torch._C.DisableTorchFunction():
        try:
            attempt.run()
        except Conflict:
            return None
        finally:
            base.draft.restore(before[0])
            state.draft.restore(before[1])
    numbers = [argument.operands for argument in attempt.arguments if argument.param.kind == "int"]
    return frozenset([pair for pair in numbers if all(type(number) is int for number in pair)])


def close(machine: Machine, roll: rolling.Roll, leaving: list[State]) -> None:
    """Note that the body of a loop has been captured, and let states go on that are at another loop of its header."""
    if roll.place not in machine.variants:
        return
    variants = machine.variants[roll.place]
    variants.closed.append(roll)
    for state in leaving:
        state.rolls = tuple([other for other in state.rolls if other is not roll])
        state.apart = False
    machine.ready = [*leaving, *machine.ready]
    count = len(variants.closed)
    if count > 1:
        text = (
            f"{count} loops of the compiled network, for as many values of what some iterations change ({variants.why})"
        )
        treatment.tell(machine, roll.entry.frames[-1], roll.header, text)


def linked(machine: Machine, state: State) -> bool:
    """Whether a state at the header of a loop has been led to one that has been captured."""
    here = place(state) if machine.variants else None
    if here is None or here not in machine.variants:
        return False
    machine.heap.freeze(state)
    for roll in machine.variants[here].closed:
        if roll.draft is None or roll.head is None or roll.entry.rolls != state.rolls:
            continue
        given = rolling.link(machine, roll, state) if _implied(roll.head, state) else None
        if given is not None:
            state.draft.end = JumpEnd(Arm(roll.draft, given))
            return True
    return False


def _implied(head: State, state: State) -> bool:
    """Whether what is known of sizes where a loop was captured is known in another state."""
    return all(
        symbol in state.known
        and bounds.lower <= state.known[symbol].lower
        and state.known[symbol].upper <= bounds.upper
        for symbol, bounds in head.known.items()
    )


def blocked(machine: Machine, state: State) -> bool:
    """Whether a state at the header of a loop must wait for the capture of another loop there, to which it may lead."""
    if not machine.variants or state.begins or (here := place(state)) not in machine.variants:
        return False
    return any(roll.place == here and roll not in state.rolls for other in machine.ready for roll in other.rolls)


def by_numbers(machine: Machine, state: State) -> bool:
    """Whether a state is at a header whose loops are kept apart by numbers."""
    here = place(state) if machine.variants else None
    return here is not None and here in machine.variants and machine.variants[here].numbers


def place(state: State) -> rolling.Place | None:
    """The header of a loop that `state` is at, whatever the number of iterations before."""
    frame = state.frames[-1] if state.frames else None
    if frame is None or frame.pc not in frame.code.loops[frame.pc]:
        return None
    return rolling.outside(state, len(state.frames), frame.pc), frame.pc


def forget(machine: Machine, roll: rolling.Roll) -> None:
    """Forget the loops in the body of `roll`, which is captured anew."""
    for variants in machine.variants.values():
        variants.closed = [other for other in variants.closed if roll not in other.entry.rolls]
