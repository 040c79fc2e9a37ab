"""Iterators that a state can copy, in place of Python's own, whose position cannot be read or set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


class SequenceIterator(Iterator[Any]):
    """Iterates over a sequence by index; over a list it sees changes, as Python's iterator does."""

    __slots__ = ("index", "sequence")

    def __init__(self, sequence: Sequence[Any], index: int = 0) -> None:
        self.sequence = sequence
        self.index = index

    def __next__(self) -> Any:
        if self.index >= len(self.sequence):
            raise StopIteration
        self.index += 1
        return self.sequence[self.index - 1]

    def __length_hint__(self) -> int:
        return max(len(self.sequence) - self.index, 0)


class Poison:
    """The result of something that was refused: everything done with it is skipped, so that capture can go on and
    find further problems."""

    def __repr__(self) -> str:
        return "<unknown>"


POISON = Poison()


def is_poisoned(value: Any) -> bool:
    """Whether nested tuples, lists and dicts hold an unknown result."""
    if isinstance(value, (tuple, list)):
        return any(is_poisoned(item) for item in value)
    if isinstance(value, dict):
        return any(is_poisoned(item) for item in value.values())
    return value is POISON
