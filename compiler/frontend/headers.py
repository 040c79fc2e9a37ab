"""Which loops, seen at their headers, may become loops of the network."""

from __future__ import annotations

from adaptc.compiler.frontend import instructions as code
from adaptc.compiler.frontend.instructions import Pc
from adaptc.compiler.frontend.iterators import MachineIterator
from adaptc.compiler.frontend.state import Frame, Generator

LONG = 8
"""Loops over a range of more items become loops of the network where data can end them."""
VERY_LONG = 64
"""Loops over a range of more items become loops of the network even where data cannot end them."""


def eligible(frame: Frame) -> bool:
    """Whether the loop whose header `frame` is at may become a loop of the network."""
    instruction = frame.code.instructions[frame.pc]
    if not isinstance(instruction, code.Next):
        return True
    iterator = frame.registers[instruction.iterator]
    if isinstance(iterator, Generator):
        inner = iterator.frame
        return inner is not None and iterator.started and all(_endless(inner, pc) for pc in inner.code.loops[inner.pc])
    return _endless(frame, frame.pc)


def _endless(frame: Frame, header: Pc) -> bool:
    """Whether no small number of iterations is known for a loop, and one iteration may stand for all."""
    instruction = frame.code.instructions[header]
    if not isinstance(instruction, code.Next):
        return True
    iterator = frame.registers[instruction.iterator]
    if not isinstance(iterator, MachineIterator) or not iterator.uniform():
        return False
    remaining = iterator.remaining()
    return remaining is None or remaining > LONG


def remaining(frame: Frame) -> int | None:
    """The number of items that the loop's iterator still has, 0 where it has none and None where it depends on data."""
    instruction = frame.code.instructions[frame.pc]
    iterator = frame.registers[instruction.iterator] if isinstance(instruction, code.Next) else None
    return iterator.remaining() if isinstance(iterator, MachineIterator) else 0


def unbounded(frame: Frame, header: Pc) -> bool:
    """Whether nothing but data bounds the number of iterations of a loop."""
    instruction = frame.code.instructions[header]
    if not isinstance(instruction, code.Next):
        return True
    iterator = frame.registers.get(instruction.iterator)
    return isinstance(iterator, Generator) or (isinstance(iterator, MachineIterator) and iterator.remaining() is None)
