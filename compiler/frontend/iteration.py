"""Iteration: the items of displays and calls, ``for`` loops, generators and unpacking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend import calls, prelude
from adaptc.compiler.frontend import instructions as code
from adaptc.compiler.frontend.iterators import POISON
from adaptc.compiler.frontend.registers import operand, store
from adaptc.compiler.frontend.signals import Undecided
from adaptc.compiler.frontend.state import Frame, Generator
from adaptc.compiler.frontend.symbols import expression

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
    """Take the next item of a generator, or of an iterator of the user's."""
    iterator = frame.registers[i.iterator]
    if isinstance(iterator, Generator):
        resume(machine, iterator, None, i.dst)
        return
    try:
        value = next(iterator)
    except StopIteration:
        machine.step(frame, i.exhausted)
        return
    store(machine, frame, i.dst, value)


def resume(machine: Machine, generator: Generator, sent: Any, dst: str | None) -> None:
    """Go on with a generator's body; its next item goes to `dst` of the running frame."""
    if generator.frame is None and not generator.running:
        exhausted(machine, machine.state.frames[-1], None)
        return
    started = generator.started
    frame = _wake(machine, generator, dst)
    if started:
        waiting = frame.code.instructions[frame.pc]
        assert isinstance(waiting, code.Yield)
        frame.registers[waiting.dst] = sent
        machine.step(frame)


def _wake(machine: Machine, generator: Generator, dst: str | None) -> Frame:
    """Enter the frame of a generator's body."""
    if generator.running:
        raise ValueError("generator already executing")
    frame = generator.frame
    assert frame is not None
    frame.dst, frame.finish, frame.result = dst, "generator", generator
    generator.frame, generator.running, generator.started = None, True, True
    machine.enter(frame)
    return frame


def throw(machine: Machine, generator: Generator, error: BaseException, dst: str | None) -> None:
    """Raise an exception where a generator's body waits."""
    started = generator.started and generator.frame is not None
    if started:
        _wake(machine, generator, dst)
    else:
        generator.frame = None
    machine.raised = error
    raise error


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
    frame.prune(frame.code.live[frame.pc])
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
    if i.star is None and isinstance(source, torch.Tensor) and source.dim() and not isinstance(source.shape[0], int):
        values = _rows(machine, source, len(i.dsts))
    else:
        values = list(calls.iterate(machine, source))
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


def _rows(machine: Machine, source: torch.Tensor, count: int) -> list[Any]:
    """The rows of a tensor that has as many as data or the batch has, where there must be `count`."""
    recorder, extent = machine.recorder, source.shape[0]

    def holds(test: Any) -> bool:
        known = recorder.symbols.decide(expression(test))
        if known is None:
            raise Undecided(test)
        return known

    if not holds(extent >= count):
        rows = next(number for number in range(count) if not holds(extent >= number + 1))
        machine.raised = ValueError(f"not enough values to unpack (expected {count}, got {rows})")
        raise machine.raised
    if not holds(extent <= count):
        machine.raised = ValueError(f"too many values to unpack (expected {count})")
        raise machine.raised
    return [source[number] for number in range(count)]


def get_iter(machine: Machine, frame: Frame, i: code.GetIter) -> None:
    store(machine, frame, i.dst, calls.iterator(machine, operand(frame, i.obj)))
