"""Loops whose number of iterations depends on data: one copy of the body with an edge back to its header.

The body is captured from the loop's entry. What its end holds is compared with what its header held: what differs
becomes a block argument of the header, and the body is captured again, until the end can be linked to the header
(widening, as in abstract interpretation: Cousot and Cousot 1977, section 9). A loop of which that cannot be made is
unrolled: its first iterations stand before it, or all of them, up to a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import sympy
import torch

from adaptc.compiler.frontend import headers, joins, treatment, turns, variants
from adaptc.compiler.frontend.draft import Arm, Draft, JumpEnd, Operand, Value
from adaptc.compiler.frontend.instructions import FunctionCode, Pc
from adaptc.compiler.frontend.merge import Merge
from adaptc.compiler.frontend.merge_values import Conflict
from adaptc.compiler.frontend.signals import JoinSite
from adaptc.compiler.frontend.state import MAX_TRIES, Frame, Peeled, State
from adaptc.compiler.frontend.symbols import Symbolic

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine

MAX_ROUNDS = 12
Place: TypeAlias = tuple[tuple[Any, ...], Pc]


@dataclass(eq=False)
class Roll:
    """A loop that may become one of the network: one way of coming to its header.

    `entry` is the state that came there, frozen, `saved` what its draft held then, and `remaining` the number of items
    that the loop's iterator had, 0 where it has none and None where it depends on data.
    The first round captures the body as it follows on the entry. Later rounds have a `head`, the state at the header,
    and its `draft`. `backs` are the states that came back in earlier rounds, `linked` those whose drafts now
    lead to the header (of the loop over a session's calls); `columns` tells for each number of the
    head what it stands for in `entry` and in `backs`.
    """

    entry: State
    saved: Draft
    site: JoinSite
    outer: tuple[Any, ...]
    code: FunctionCode
    header: Pc
    count: int
    tries: int
    remaining: int | None
    head: State | None = None
    draft: Draft | None = None
    left: bool = False
    peel: str = ""
    backs: list[State] = field(default_factory=list)
    linked: list[State] = field(default_factory=list)
    columns: dict[sympy.Basic, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """The loop's header, whatever the number of iterations before."""
        return self.outer, self.header

    @property
    def depth(self) -> int:
        """The number of frames in the loop."""
        return len(self.entry.frames)

    def holds(self, state: State) -> bool:
        """Whether `state` is in this loop."""
        if len(state.frames) < self.depth:
            return False
        frame = state.frames[self.depth - 1]
        return self.header in frame.code.loops[frame.pc] and outside(state, self.depth, self.header) == self.outer

    def at_end(self, state: State) -> bool:
        """Whether `state` has come back to the header."""
        if state.granted or state.begins or self not in state.rolls or len(state.frames) != self.depth:
            return False
        frame = state.frames[-1]
        return frame.pc == self.header and frame.counts.get(self.header, 0) > self.count and self.holds(state)


def outside(state: State, depth: int, header: Pc) -> tuple[Any, ...]:
    """Where the loop of `header` in frame `depth` stands, whatever the iteration."""
    frame = state.frames[depth - 1]
    nest = frame.code.loops[frame.pc]
    around = nest[: nest.index(header)]
    return (
        tuple([(id(outer.code), outer.position()) for outer in state.frames[: depth - 1]]),
        id(frame.code),
        tuple([(outer, frame.counts.get(outer, 0)) for outer in around]),
    )


def enter(machine: Machine, state: State, frame: Frame) -> bool:
    """Note that `state` has come to the header of a loop; True where it has been led to one that is captured."""
    if turns.is_session(frame):
        turns.begin(machine, state)
        return False
    header = frame.pc
    peeled = frame.peeled.get(header)
    if peeled.whole if peeled is not None else not headers.eligible(frame):
        return False
    if any(roll.header == header and roll.depth == len(state.frames) and roll.holds(state) for roll in state.rolls):
        return False
    site = machine.site(state)
    if site in machine.split_sites:
        frame.peeled[header] = Peeled(MAX_TRIES, "what differs between its iterations is needed as it is")
        treatment.tell(machine, frame, header, "unrolled: what differs between its iterations is needed as it is")
        return False
    if variants.linked(machine, state):
        return True
    begin(machine, state, frame, site, 0 if peeled is None else peeled.tries)
    return False


def begin(machine: Machine, state: State, frame: Frame, site: JoinSite, tries: int) -> Roll:
    """A loop that may become one of the network, at whose header `state` is."""
    header = frame.pc
    machine.heap.freeze(state)
    roll = Roll(
        state.copy(state.draft),
        state.draft.copy(),
        site,
        outside(state, len(state.frames), header),
        frame.code,
        header,
        frame.counts.get(header, 0),
        tries,
        headers.remaining(frame),
    )
    state.rolls = (*state.rolls, roll)
    return roll


def _worthwhile(machine: Machine, roll: Roll) -> bool:
    """Whether the loop can end by data, or is too long to be unrolled."""
    if roll.left or any(roll in other.rolls and not roll.at_end(other) for other in machine.ready):
        return True
    return roll.remaining is None or roll.remaining > headers.VERY_LONG or roll.site in machine.rolled_sites


def waits(state: State, ready: Sequence[State]) -> bool:
    """Whether a running state must let others go first: at the end of a loop's body, and behind a loop."""
    for roll in state.rolls:
        if roll.at_end(state):
            return True
        inside = (
            len(state.frames) >= roll.depth
            and roll.header in (state.frames[roll.depth - 1].code.loops[state.frames[roll.depth - 1].pc])
        )
        if not inside and any(roll in other.rolls for other in ready):
            return True
    return False


def leave(state: State) -> None:
    """Note that `state` has left the network."""
    for roll in state.rolls:
        roll.left = True


def close_left(machine: Machine) -> None:
    """Forget the loops that no state is in any more."""
    open_rolls = {roll for state in machine.ready for roll in state.rolls}
    for roll in open_rolls:
        if not any(roll in state.rolls and roll.holds(state) for state in machine.ready):
            _close(machine, roll)


def _close(machine: Machine, roll: Roll) -> None:
    for state in machine.ready:
        state.rolls = tuple([other for other in state.rolls if other is not roll])


def coming_back(ready: Sequence[State], position: tuple[Any, ...]) -> State | None:
    """A state that has come back to a loop's header at `position`: one that stands there to go on would otherwise begin
    another loop of its own, and the two could not meet."""
    return next((state for state in ready if state.rolls and ended(state) and state.position() == position), None)


def ended(state: State) -> Roll | None:
    """The loop to whose header `state` has come back."""
    return next((roll for roll in state.rolls if roll.at_end(state)), None)


def come_back(machine: Machine, roll: Roll, states: list[State]) -> None:
    """States have come back to the header: link them to it, or capture the loop again with a wider header."""
    if turns.is_session(roll.entry.frames[-1]):
        turns.follow(machine, states)
        return
    leaving: list[State] = []
    if roll.place in machine.variants and not roll.peel:
        states, leaving = variants.parted(machine, roll, states)
    if machine.site(states[0]) not in machine.split_sites and len(states) > 1:
        states = joins.merge(machine, states)
    if roll.peel or not (leaving or _worthwhile(machine, roll)):
        _peel(machine, roll, [*states, *leaving], roll.peel)
        return
    if roll.draft is not None:
        links = [link(machine, roll, state) for state in states]
        if all(given is not None for given in links):
            for state, given in zip(states, links, strict=True):
                state.draft.end = JumpEnd(Arm(roll.draft, given or {}))
            before = f", after {roll.tries} of its iterations ({_why(roll)})" if roll.tries else ""
            treatment.tell(machine, roll.entry.frames[-1], roll.header, f"a loop of the compiled network{before}")
            _close(machine, roll)
            variants.close(machine, roll, leaving)
            return
    try:
        widen(machine, roll, states)
    except Conflict as conflict:
        if variants.part(machine, roll, states, str(conflict)):
            return
        if roll.draft is None:
            _peel(machine, roll, [*states, *leaving], str(conflict))
        else:
            restart(machine, roll).rolls += (roll,)
            roll.peel = str(conflict)


def _why(roll: Roll) -> str:
    """Why iterations stand before a loop."""
    peeled = roll.entry.frames[-1].peeled.get(roll.header)
    return "" if peeled is None else peeled.why


def _peel(machine: Machine, roll: Roll, states: list[State], why: str) -> None:
    """Let the iteration that has been captured stand before the loop."""
    for state in states:
        state.apart = False
        if why:
            state.frames[-1].peeled[roll.header] = Peeled(roll.tries + 1, why)
            if roll.tries + 1 == MAX_TRIES:
                treatment.tell(machine, state.frames[-1], roll.header, f"unrolled: {why}")
    machine.ready = [*states, *machine.ready]
    _close(machine, roll)


def unroll(machine: Machine, roll: Roll, why: str) -> None:
    """Capture the loop again from its entry, with all its iterations one after the other."""
    state = restart(machine, roll)
    state.frames[-1].peeled[roll.header] = Peeled(MAX_TRIES, why, roll.site)
    treatment.tell(machine, state.frames[-1], roll.header, f"unrolled: {why}")


def restart(machine: Machine, roll: Roll) -> State:
    """Go back to the loop's entry."""
    _discard(machine, roll)
    roll.entry.draft.restore(roll.saved)
    roll.head = roll.draft = None
    state = roll.entry.copy(roll.entry.draft)
    machine.ready.append(state)
    return state


def _discard(machine: Machine, roll: Roll, *, keep_problems: bool = False) -> None:
    """Forget all that was captured from the header on. Problems are kept where what they left unknown goes on."""
    machine.ready = [state for state in machine.ready if roll not in state.rolls]
    turns.forget(machine, roll)
    variants.forget(machine, roll)
    if not keep_problems:
        machine.forget_problems(roll)
    roll.left = False


def widen(machine: Machine, roll: Roll, states: list[State]) -> None:
    """Make block arguments of all that differs at the header. Raises Conflict."""
    seen = [*roll.backs, *states]
    if len(seen) > MAX_ROUNDS:
        raise Conflict("its state changes in a new way in every iteration")
    draft = Draft(len(machine.drafts), "{}:{}".format(*machine.location_of(roll.entry)))
    before = roll.entry.draft.copy()
    roll.entry.draft.restore(roll.saved)
    growing = machine.growing or not turns.is_session(roll.entry.frames[-1])
    states = [roll.entry, *seen]
    attempt = Merge(machine.recorder, machine.heap, states, roll.site, draft, rolling=True, growing=growing)
    with torch._C.DisableTorchFunction():
        try:
            head = attempt.run()
        except Conflict:
            roll.entry.draft.restore(before)
            raise
        roll.entry.draft.end = JumpEnd(attempt.arm(0))
    machine.drafts.append(draft)
    _discard(machine, roll, keep_problems=any(state.tainted for state in seen))
    roll.backs, roll.columns = seen, attempt.columns_of_numbers
    roll.draft, roll.head = draft, head
    head.rolls = (*roll.entry.rolls, roll)
    state = head.copy(draft)
    state.begins = turns.is_session(state.frames[-1])
    machine.ready.append(state)


def link(machine: Machine, roll: Roll, back: State) -> dict[Value, Operand] | None:
    """What `back` passes for the header's block arguments; None where it differs from the header in anything else."""
    recorder, head, draft = machine.recorder, roll.head, roll.draft
    assert head is not None
    assert draft is not None
    attempt = Merge(recorder, machine.heap, [head, back], roll.site, Draft(-1, draft.loc), rolling=True, observed=set())
    with torch._C.DisableTorchFunction():
        try:
            attempt.run()
        except Conflict:
            return None
        given: dict[Value, Any] = {}
        for argument in attempt.arguments:
            ours, theirs = argument.operands
            if isinstance(ours, torch.Tensor):
                value = head.held.values[id(recorder.fake(ours, head.held))][0]
            else:
                number = ours.node.expr if isinstance(ours, Symbolic) else None
                if number is None or number not in roll.columns:
                    return None
                (symbol,) = number.free_symbols
                value = recorder.symbols.values[symbol]
                if value not in draft.params:
                    continue  # the size of a block argument: the observations below cover it
            if value not in draft.params:
                return None
            if value.fake is not None and given.get(value, theirs) is not theirs:
                return None
            given[value] = theirs
        now: dict[Any, Any] = {}
        for before, after in attempt.observed or ():
            if (now.setdefault(before, after) if before in roll.columns else before) != after:
                return None
        arguments: dict[Value, Operand] = {}
        for param in draft.params:
            if param in given:
                arguments[param] = attempt.operand(back, given[param])
            elif param.fake is not None:
                arguments[param] = recorder.portable(back.held, back.draft, param.fake)
            else:
                arguments[param] = recorder.symbols.of_value(param)
        return arguments


def counting(state: State, number: Any, always: set[JoinSite]) -> Roll | None:
    """The loop whose counter `number` is made of, if one is: unrolled, the loop would know it."""
    rolls: tuple[Roll, ...] = state.rolls
    for symbol in number.node.expr.free_symbols:
        for roll in rolls:
            column = roll.columns.get(symbol)
            if column is not None and all(isinstance(item, int) for item in column[:2]) and roll.site not in always:
                return roll
    return None


def refusing(state: State, always: set[JoinSite]) -> Roll | None:
    """The innermost loop in which a problem was found that its first iteration, taken for itself, does not have."""
    rolls: tuple[Roll, ...] = state.rolls
    found = next((roll for roll in reversed(rolls) if roll.draft is not None), None)
    return None if found is None or found.site in always else found


def of_site(state: State, site: JoinSite) -> Roll | None:
    """The open loop whose header is at `site`."""
    rolls: tuple[Roll, ...] = state.rolls
    return next((roll for roll in rolls if roll.site == site), None)
