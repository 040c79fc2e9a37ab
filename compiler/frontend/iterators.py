"""Iterators that a state can copy, in place of Python's own, whose position cannot be read or set.

Each tells whether it has another item before it hands it out, so that a loop over a number of items that depends on
data can be a loop of the compiled network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend.segments import Segment, take

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder


class MachineIterator(Iterator[Any]):
    """An iterator whose parts are its slots. `more` may be symbolic; `take` is only called where it is not false."""

    __slots__ = ()

    def more(self) -> bool | torch.SymBool:
        """Whether there is another item."""
        raise NotImplementedError

    def take(self) -> Any:
        """The next item."""
        raise NotImplementedError

    def remaining(self) -> int | None:
        """The number of items left where it is known, None where it depends on data."""
        raise NotImplementedError

    def uniform(self) -> bool:
        """Whether the items are alike but for numbers and tensor contents, so that one iteration can stand for all."""
        return True

    def __next__(self) -> Any:
        if not self.more():
            raise StopIteration
        return self.take()

    def __length_hint__(self) -> int:
        return self.remaining() or 0


class SequenceIterator(MachineIterator):
    """Iterates over a sequence by index; over a list it sees changes, as Python's iterator does."""

    __slots__ = ("index", "sequence")

    def __init__(self, sequence: Sequence[Any], index: int = 0) -> None:
        self.sequence = sequence
        self.index = index

    def more(self) -> bool:
        return self.index < len(self.sequence)

    def take(self) -> Any:
        self.index += 1
        return self.sequence[self.index - 1]

    def remaining(self) -> int:
        return max(len(self.sequence) - self.index, 0)

    def uniform(self) -> bool:
        return False


class RangeIterator(MachineIterator):
    """Iterates over a range whose ends may depend on data; the step is a known number other than 0."""

    __slots__ = ("current", "step", "stop")

    def __init__(self, start: Any, stop: Any, step: int) -> None:
        self.current, self.stop, self.step = start, stop, step

    def more(self) -> bool | torch.SymBool:
        more: bool | torch.SymBool = self.current < self.stop if self.step > 0 else self.current > self.stop
        return more

    def take(self) -> Any:
        item = self.current
        self.current = item + self.step
        return item

    def remaining(self) -> int | None:
        if not isinstance(self.current, int) or not isinstance(self.stop, int):
            return None
        return len(range(self.current, self.stop, self.step))


@dataclass(frozen=True)
class SymbolicRange:
    """A ``range`` whose ends depend on data."""

    start: Any
    stop: Any
    step: int


class RowIterator(MachineIterator):
    """Iterates over the rows of a tensor whose number of rows depends on data."""

    __slots__ = ("index", "tensor")

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor
        self.index: Any = 0

    def more(self) -> bool | torch.SymBool:
        more: bool | torch.SymBool = self.index < self.tensor.shape[0]
        return more

    def take(self) -> Any:
        row = self.tensor[self.index]
        self.index = self.index + 1
        return row

    def remaining(self) -> int | None:
        return None


class SegmentIterator(MachineIterator):
    """Iterates over a list that has grown in a loop."""

    __slots__ = ("index", "recorder", "segment")

    def __init__(self, recorder: Recorder, segment: Segment) -> None:
        self.recorder, self.segment = recorder, segment
        self.index: Any = 0

    def more(self) -> bool | torch.SymBool:
        more: bool | torch.SymBool = self.index < self.segment.count
        return more

    def take(self) -> Any:
        self.index = self.index + 1
        return take(self.recorder, self.segment, self.index - 1)

    def remaining(self) -> int | None:
        return self.segment.count if isinstance(self.segment.count, int) else None


class EnumerateIterator(MachineIterator):
    """What ``enumerate`` makes of an iterator."""

    __slots__ = ("count", "source")

    def __init__(self, source: MachineIterator, count: Any) -> None:
        self.source, self.count = source, count

    def more(self) -> bool | torch.SymBool:
        return self.source.more()

    def take(self) -> Any:
        self.count = self.count + 1
        return self.count - 1, self.source.take()

    def remaining(self) -> int | None:
        return self.source.remaining()

    def uniform(self) -> bool:
        return self.source.uniform()


class ZipIterator(MachineIterator):
    """What ``zip`` makes of iterators that nothing else uses."""

    __slots__ = ("sources",)

    def __init__(self, sources: tuple[MachineIterator, ...]) -> None:
        self.sources = sources

    def more(self) -> bool | torch.SymBool:
        more: bool | torch.SymBool = bool(self.sources)
        for source in self.sources:
            other = source.more()
            if other is False or more is False:
                return False
            more = other if more is True else more if other is True else more & other
        return more

    def take(self) -> Any:
        return tuple([source.take() for source in self.sources])

    def remaining(self) -> int | None:
        lengths = [source.remaining() for source in self.sources]
        return None if None in lengths else min([length for length in lengths if length is not None], default=0)

    def uniform(self) -> bool:
        return all(source.uniform() for source in self.sources)


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
