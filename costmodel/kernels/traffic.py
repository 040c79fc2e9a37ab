"""How far what a unit's kernels read and write lies from the processor: bytes by how much else was touched meanwhile.

A cache that forgets what was not used for longest holds an array if it is larger than all that was touched since the
last time, the array itself included (the stack distance of Mattson et al., 1970). Calls follow one another, so that
weights and inputs were last touched in the call before.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from adaptc.costmodel.graph import Call, Graph, Value

DISTANCES = tuple(1 << power for power in range(17, 26))
"""Bytes touched meanwhile, from each of which on up to its double a byte may become dearer: around sizes of caches."""


_PICKING = frozenset(
    {"embedding", "gather", "index", "index_select", "take_along_dim", "select", "slice", "narrow", "unfold"}
    | {"upsample_nearest1d", "upsample_nearest2d", "upsample_bilinear2d"}
)
"""Operators that read no more of their first argument than they give."""


@dataclass(frozen=True)
class Step:
    """A call of an operator. Without `works` it has no kernel of its own: its result is its argument, seen otherwise,
    or a kernel before makes it. What it makes takes the place of an argument that is not used any more where it is
    `in_place`."""

    call: Call
    works: bool
    in_place: bool


def distant_bytes(graph: Graph, steps: Sequence[Step]) -> dict[int, float]:
    """For each of `DISTANCES` that there is the bytes that a call reads and writes at that distance, those from it to
    its double counted in part, on a logarithmic scale, and those beyond whole."""
    found: dict[int, float] = {}
    for size, distance in _distances(_Memory(graph).touched(steps)):
        for border in DISTANCES:
            if distance <= border:
                break
            found[border] = found.get(border, 0.0) + size * min(1.0, math.log2(distance / border))
    return found


Access = tuple[int, int]
"""The number of a buffer, and the bytes that are read or written of it."""


def _distances(touched: Sequence[Access]) -> list[tuple[int, int]]:
    """The bytes of each access, and those of all buffers touched since the last one to the same, that included; of a
    call that follows another like it."""
    recent: dict[int, int] = {}  # in the order of the last touch, the latest last
    found = []
    for second in (False, True):
        for buffer, size in touched:
            if second:
                distance = size
                for other in reversed(recent):
                    if other == buffer:
                        break
                    distance += recent[other]
                found.append((size, distance))
            recent.pop(buffer, None)
            recent[buffer] = size
    return found


def _read(call: Call, place: int, value: Value) -> int:
    """The bytes that a call reads of an argument."""
    if place == 0 and call.name in _PICKING:
        return min(value.bytes, sum(result.bytes for result in call.results))
    return value.bytes


@dataclass
class _Memory:
    """Buffers as the engine gives them out: a buffer that is free again serves the next result that fits into it."""

    graph: Graph
    places: dict[str, int] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    left: Counter[int] = field(default_factory=Counter)

    def touched(self, steps: Sequence[Step]) -> list[Access]:
        """What is read and written, in order."""
        kept = {value.name for value in (*self.graph.inputs, *self.graph.outputs)}
        found: list[Access] = []
        for value in self.graph.inputs:
            self._new(value, True)
        for step in steps:
            read = [value for value in step.call.tensors if value.bytes]
            for value in read:
                if value.name not in self.places:  # a weight, or what is made of weights alone
                    self._new(value, True)
            if not step.works:
                self._see(step, read)
                continue
            for place, value in enumerate(read):
                found.append((self.places[value.name], _read(step.call, place, value)))
            for result in step.call.results:
                self._make(result, step, read, kept)
                found.append((self.places[result.name], result.bytes))
            for value in read:
                self._used(value)
        return found

    def _see(self, step: Step, read: Sequence[Value]) -> None:
        """Results in the place of the argument that they are of the size of."""
        for result in step.call.results:
            for value in read:
                if value.bytes >= result.bytes:
                    place = self.places[value.name]
                    self.places[result.name] = place
                    self.left[place] += self.graph.uses[result.name]
                    break
            else:
                self._new(result, False)
        for value in read:
            self._used(value)

    def _make(self, result: Value, step: Step, read: Sequence[Value], kept: set[str]) -> None:
        if step.in_place and result.name not in kept:
            for value in read:
                place = self.places[value.name]
                if self.left[place] == 1 and value.bytes == result.bytes:
                    self.places[result.name] = place
                    self.left[place] += self.graph.uses[result.name]
                    return
        if result.name not in kept:
            fitting = [place for place in self.free if self.sizes[place] >= result.bytes]
            if fitting:
                place = min(fitting, key=lambda each: self.sizes[each])
                self.free.remove(place)
                self.places[result.name] = place
                self.left[place] = self.graph.uses[result.name]
                return
        self._new(result, result.name in kept)

    def _new(self, value: Value, stays: bool) -> None:
        place = len(self.sizes)
        self.sizes.append(value.bytes)
        self.places[value.name] = place
        self.left[place] = 1 << 30 if stays else self.graph.uses[value.name]

    def _used(self, value: Value) -> None:
        place = self.places[value.name]
        self.left[place] -= 1
        if not self.left[place]:
            self.free.append(place)
