"""Which states meet at a join, and how many remain after it."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.errors import Problem
from adaptc.compiler.frontend import variants
from adaptc.compiler.frontend.draft import Draft
from adaptc.compiler.frontend.merge import Merge, own_attributes
from adaptc.compiler.frontend.merge_values import Conflict
from adaptc.compiler.frontend.signals import Refused
from adaptc.compiler.frontend.state import State
from adaptc.compiler.frontend.symbols import kind_of

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine

MAX_STATES = 256
_DEPTH = 3


def mergeable(first: State, other: State, position: tuple[tuple[int, ...], ...]) -> bool:
    """Whether `other` stands where `first` stands (at `position`), in the same functions."""
    return other is first or (
        not (first.apart or other.apart)
        and len(other.frames) == len(first.frames)
        and other.rolls == first.rolls
        and other.position() == position
        and all(
            a.code is b.code and a.finish == b.finish and a.globals is b.globals
            for a, b in zip(first.frames, other.frames, strict=True)
        )
    )


def merge(machine: Machine, states: Sequence[State]) -> list[State]:
    """Merge frozen states that stand at one place: all that look alike at once, else one after the other."""
    alike: dict[Hashable, list[State]] = {}
    for state in states:
        alike.setdefault(_looks(machine, state), []).append(state)
    merged: list[State] = []
    for group in alike.values():
        merged += _merge_alike(machine, group)
    if len(merged) + len(machine.ready) > MAX_STATES:
        file, line = machine.location_of(states[0])
        raise Refused(
            Problem(
                file,
                line,
                f"more than {MAX_STATES} ways through the network stay apart here",
                "they carry Python objects that differ and are used later, so no block can be shared",
                "let the ways differ in tensors and numbers only, or decide once and keep the decision in a number",
            )
        )
    return merged


def _merge_alike(machine: Machine, states: list[State]) -> list[State]:
    if len(states) == 1:
        return states
    together = _try(machine, states)
    if together is not None:
        return [together]
    groups: list[State] = []
    for state in states:
        for index, group in enumerate(groups):
            both = _try(machine, [group, state]) if len(states) > 2 else None
            if both is not None:
                groups[index] = both
                break
        else:
            groups.append(state)
    return groups


def _try(machine: Machine, states: Sequence[State]) -> State | None:
    draft = Draft(-1, "{}:{}".format(*machine.location_of(states[0])))
    exact = variants.by_numbers(machine, states[0])
    attempt = Merge(machine.recorder, machine.heap, states, machine.site(states[0]), draft, exact=exact)
    with torch._C.DisableTorchFunction():
        try:
            merged = attempt.run()
        except Conflict:
            return None
        attempt.commit()
    draft.suspect, draft.loops = merged.tainted, states[0].draft.loops
    draft.index = len(machine.drafts)
    machine.drafts.append(draft)
    return merged


def _looks(machine: Machine, state: State) -> Hashable:
    """What any two states that merge have in common: kinds of values, lengths, dtypes, ranks, modules' attributes."""
    assert state.heap is not None
    heap = state.heap
    seen: dict[int, int] = {}  # which places hold one object

    def look(value: Any, depth: int) -> Hashable:
        if isinstance(value, torch.Tensor):
            return value.dtype, len(value.shape)
        kind = kind_of(value)
        if kind is not None:
            return kind
        if isinstance(value, (list, dict)) and id(value) in heap:
            held = heap[id(value)][1]
            parts = held if type(held) is type(value) else ()
        elif isinstance(value, tuple):
            parts = value
        elif id(value) in heap and not isinstance(value, (FunctionType, functools.partial)):
            return type(value).__qualname__, seen.setdefault(id(value), len(seen))
        else:
            return type(value).__qualname__
        if isinstance(parts, dict):
            parts = tuple(parts.values())
        inner = tuple([look(part, depth - 1) for part in parts]) if depth else ()
        return type(value).__qualname__, len(parts), inner

    with torch._C.DisableTorchFunction():
        frames = tuple(
            [
                tuple([(name, look(frame.registers[name], _DEPTH)) for name in sorted(frame.registers)])
                for frame in state.frames
            ]
        )
        modules = []
        for key, (module, original, _) in machine.heap.watched.items():
            if key in heap and (own := own_attributes(module, heap[key][1][0])).keys() != original.keys():
                new = [(name, look(value, 0)) for name, value in own.items() if name not in original]
                modules.append((key, tuple(own), tuple(new)))
    return frames, tuple(modules)
