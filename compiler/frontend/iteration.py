"""Iteration: the items of displays and calls, ``for`` loops, generators and unpacking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from adaptc.compiler.frontend import calls, prelude
from adaptc.compiler.frontend import instructions as code
from adaptc.compiler.frontend.iterators import POISON
from adaptc.compiler.frontend.registers import operand, store
from adaptc.compiler.frontend.state import Frame, Generator

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine


def items(machine: Machine, frame: Frame, given: Sequence[code.Item]) -> list[Any] | None:
    """The elements of a display or call; None where a generator had to be entered first to drain it."""
    result: list[Any] = []
    for item in given:
        value = operand(frame, item.value)
        if not item.star:
            result.append(value)
        elif isinstance(value, Generator):
            drain(machine, value, item.value)
            return None
        elif value is POISON:
            result.append(POISON)
        else:
            result += list(calls.iterate(machine, value))
    return result


def drain(machine: Machine, generator: Generator, register: code.Operand) -> None:
    """Run a generator to its end into a list in `register`; the running instruction is then executed again."""
    assert isinstance(register, str)
    frame = machine.make_frame(prelude.drain, (generator,), {})  # type: ignore[arg-type]
    frame.dst, frame.finish = register, "retry"
    machine.enter(frame)


def next_item(machine: Machine, frame: Frame, i: code.Next) -> None:
    iterator = frame.registers[i.iterator]
    if isinstance(iterator, Generator):
        resume(machine, iterator, None, i.dst)
        return
    try:
        value = next(iterator)
    except StopIteration:
        machine.step(frame, i.exhausted)
        return
    frame.registers[i.dst] = value
    machine.step(frame)


def resume(machine: Machine, generator: Generator, sent: Any, dst: str | None) -> None:
    """Go on with a generator's body; its next item goes to `dst` of the running frame."""
    if generator.running:
        raise ValueError("generator already executing")
    if generator.frame is None:
        exhausted(machine, machine.state.frames[-1], None)
        return
    frame = generator.frame
    if generator.started:
        waiting = frame.code.instructions[frame.pc]
        assert isinstance(waiting, code.Yield)
        frame.registers[waiting.dst] = sent
        machine.step(frame)
    frame.dst, frame.finish, frame.result = dst, "generator", generator
    generator.frame, generator.running, generator.started = None, True, True
    machine.enter(frame)


def exhausted(machine: Machine, consumer: Frame, value: Any) -> None:
    """A generator has no more items for the instruction that `consumer` is at."""
    instruction = consumer.code.instructions[consumer.pc]
    if isinstance(instruction, code.Next):
        machine.step(consumer, instruction.exhausted)
        return
    calls.no_next_item(machine, consumer, instruction, value)


def yield_value(machine: Machine, frame: Frame, i: code.Yield) -> None:
    value = operand(frame, i.value)
    machine.state.frames.pop()
    generator: Generator = frame.result
    generator.frame, generator.running = frame, False
    consumer = machine.state.frames[-1]
    machine.returned = True
    if frame.dst is not None:
        consumer.registers[frame.dst] = value
    machine.step(consumer)


def unpack(machine: Machine, frame: Frame, i: code.Unpack) -> None:
    source = operand(frame, i.src)
    if isinstance(source, Generator):
        drain(machine, source, i.src)
        return
    if source is POISON:
        for name in i.dsts:
            frame.registers[name] = POISON
        machine.step(frame)
        return
    values: list[Any] = list(calls.iterate(machine, source))
    if i.star is not None:
        after = len(i.dsts) - i.star - 1
        if len(values) < len(i.dsts) - 1:
            raise ValueError(f"not enough values to unpack (expected at least {len(i.dsts) - 1}, got {len(values)})")
        stop = len(values) - after
        values = [*values[: i.star], values[i.star : stop], *values[stop:]]
    if len(values) > len(i.dsts):
        raise ValueError(f"too many values to unpack (expected {len(i.dsts)})")
    if len(values) < len(i.dsts):
        raise ValueError(f"not enough values to unpack (expected {len(i.dsts)}, got {len(values)})")
    frame.registers.update(zip(i.dsts, values, strict=True))
    machine.step(frame)


def get_iter(machine: Machine, frame: Frame, i: code.GetIter) -> None:
    store(machine, frame, i.dst, calls.iterator(machine, operand(frame, i.obj)))
