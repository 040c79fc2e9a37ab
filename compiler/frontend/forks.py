"""Forks of the machine: at tests, at iterators whose length depends on data, over the values of a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend import arithmetic, iteration, registers, treatment
from adaptc.compiler.frontend import instructions as code
from adaptc.compiler.frontend.draft import Arm, BranchEnd, RaiseEnd, SwitchEnd
from adaptc.compiler.frontend.iterators import POISON, MachineIterator
from adaptc.compiler.frontend.signals import NeedsInterpretation, Refused, Undecided
from adaptc.compiler.frontend.state import Frame, State

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine


class Fork(BaseException):
    """An instruction needs a concrete value of the symbolic `number`: one state per value, and `error` for any other.

    With a `register`, that register gets the value, or what `found` has for it, and the instruction is executed again;
    without one, the register `dst` gets what `found` has for the value.
    """

    def __init__(
        self,
        number: torch.SymInt,
        values: Sequence[int],
        error: tuple[str, str],
        *,
        register: str | None = None,
        dst: str = "",
        found: Mapping[int, Any] | None = None,
    ) -> None:
        super().__init__(error[1])
        self.number = number
        self.values = values
        self.error = error
        self.register = register
        self.dst = dst
        self.found = found


def test(machine: Machine, state: State, frame: Frame, instruction: code.Test) -> bool:
    """Execute a test; True if the state forked."""
    truth = arithmetic.truth(machine, registers.operand(frame, instruction.test))
    if truth is POISON:
        # an unknown test goes one way, and the other when it comes again: so unknown loops end
        place = id(frame.code), frame.pc
        machine.step(frame, instruction.orelse if place in machine.unknown_tests else instruction.then)
        machine.unknown_tests.add(place)
        return False
    decided = _decided(machine, truth)
    if isinstance(decided, torch.SymBool):
        _fork(machine, state, frame, instruction, decided)
        return True
    if decided is not truth:
        frame.registers = _with(frame.registers, truth, decided)
    truth = decided
    machine.step(frame, instruction.then if truth else instruction.orelse)
    return False


def _decided(machine: Machine, truth: Any) -> Any:
    """A symbolic bool that is the same for all values of its symbols as that bool; anything else as it is."""
    decided = machine.recorder.symbols.decide(truth.node.expr) if isinstance(truth, torch.SymBool) else None
    return truth if decided is None else decided


def next_item(machine: Machine, state: State, frame: Frame, instruction: code.Next) -> bool:
    """Take an iterator's next item; True if the state forked because data decides whether there is one."""
    iterator = frame.registers[instruction.iterator]
    if not isinstance(iterator, MachineIterator):
        iteration.next_item(machine, frame, instruction)
        return False
    more = True if state.granted else _decided(machine, iterator.more())
    state.granted = False
    if isinstance(more, torch.SymBool):
        _fork_iterator(machine, state, frame, instruction, more)
        return True
    if more:
        frame.registers[instruction.dst] = iterator.take()
        machine.step(frame)
    else:
        machine.step(frame, instruction.exhausted)
    return False


def _fork_iterator(machine: Machine, state: State, frame: Frame, instruction: code.Next, more: torch.SymBool) -> None:
    """One way takes the item when it goes on, in a draft of its own; the other leaves the loop."""
    loc = "{}:{}".format(*machine.location())
    _count(machine, frame)
    condition = machine.host(more)
    machine.heap.freeze(state)
    then = state.copy(machine.new_draft(loc))
    then.apart = then.granted = True
    orelse = state.copy(machine.new_draft(loc))
    machine.step(orelse.frames[-1], instruction.exhausted)
    orelse.prune()
    machine.ready += [then, orelse]
    state.draft.end = BranchEnd(condition, Arm(then.draft), Arm(orelse.draft), loc)


def _count(machine: Machine, frame: Frame) -> None:
    for header in frame.code.loops[frame.pc]:
        frame.forks[header] = frame.forks.get(header, 0) + 1
        treatment.tell(machine, frame, header, "unrolled: its iterations are known", first=True)


def _fork(machine: Machine, state: State, frame: Frame, instruction: code.Test, test: torch.SymBool) -> None:
    loc = "{}:{}".format(*machine.location())
    arms = []
    _count(machine, frame)
    condition = machine.host(test)
    origin, undecided = frame.pc, frame.registers
    for truth, target in ((True, instruction.then), (False, instruction.orelse)):
        frame.pc = origin
        counts, forks = dict(frame.counts), dict(frame.forks)
        frame.registers = _with(undecided, test, truth)
        state.known = machine.recorder.symbols.implied(test.node.expr, truth)
        machine.step(frame, target)
        fork = _branch_off(machine, state)
        frame.counts, frame.forks = counts, forks
        arms.append(Arm(fork.draft))
    state.draft.end = BranchEnd(condition, arms[0], arms[1], loc)


def _with(registers: Mapping[str, Any], number: Any, known: Any) -> dict[str, Any]:
    """The registers where a symbolic number is known."""
    return {name: known if value is number else value for name, value in registers.items()}


def unclear(
    machine: Machine, function: Any, values: Sequence[Any], codes: Sequence[CodeType]
) -> NeedsInterpretation | Undecided | Refused:
    """What to raise where torch is given a symbolic bool and takes only one of Python; `codes` is native code."""
    problem = machine.problem(
        f"{getattr(function, '__name__', function)}() is given a bool that depends on data or on a size",
        "torch takes only a bool of Python there",
        "branch on it: call the function with True on one way and with False on the other",
    )
    if codes:
        return NeedsInterpretation(codes, problem)
    held = machine.state.frames[-1].registers.values()
    for value in values:
        if isinstance(value, torch.SymBool) and any(value is other for other in held):
            return Undecided(value)
    return Refused(problem)


def decide(machine: Machine, state: State, frame: Frame, number: torch.SymBool) -> None:
    """Execute the instruction again, on one way with True for a symbolic bool and on the other with False."""
    loc = "{}:{}".format(*machine.location())
    arms = []
    _count(machine, frame)
    condition = machine.host(number)
    undecided = frame.registers
    for truth in (True, False):
        frame.registers = _with(undecided, number, truth)
        state.known = machine.recorder.symbols.implied(number.node.expr, truth, counters=True)
        arm = _branch_off(machine, state)
        arm.apart = True
        arms.append(Arm(arm.draft))
    state.draft.end = BranchEnd(condition, arms[0], arms[1], loc)


def _branch_off(machine: Machine, state: State) -> State:
    """A frozen copy of the running state in a draft of its own, ready to run."""
    copy = state.copy(machine.new_draft(""))
    copy.draft.loc = "{}:{}".format(*machine.location_of(copy))
    machine.heap.freeze(copy)
    machine.ready.append(copy)
    return copy


def switch(machine: Machine, state: State, frame: Frame, fork: Fork) -> None:
    """Go on once per value of a symbolic number, the instruction executed again with the concrete one."""
    loc = "{}:{}".format(*machine.location())
    _count(machine, frame)
    index = machine.host(fork.number)
    arms = []
    origin = frame.pc
    for value in fork.values:
        frame.pc = origin
        found = value if fork.found is None else fork.found[value]
        if fork.register is not None:
            frame.registers[fork.register] = found
        else:
            registers.store(machine, frame, fork.dst, found)
        arm = _branch_off(machine, state)
        arm.apart = True
        arms.append(Arm(arm.draft))
    default = machine.new_draft(loc)
    default.end = RaiseEnd(*fork.error, loc)
    state.draft.end = SwitchEnd(index, tuple(fork.values), arms, Arm(default), loc)
