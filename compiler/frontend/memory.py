"""What a tensor object holds now: values per state, memory shared by views, in-place changes.

Object identity is not SSA identity: an in-place call changes every tensor that shares the memory. Each memory (a torch
storage) has a root tensor and views with recipes (the calls that made them). A state keeps, per tensor, its value and
the memory's version at which that value holds; a view whose memory has changed since is made again from its parent.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from adaptc.compiler.errors import Problem
from adaptc.compiler.frontend.draft import Draft, Op, ReadStep, SlotRef, Value, map_leaves
from adaptc.compiler.frontend.signals import JoinSite, NeedsSplit, Refused

OUT_OF_DATE = -1
"""A version that no memory has."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A call that made views: its tensor arguments by their slot in `op`, and the tensors of its result."""

    op: Op
    arguments: dict[int, torch.Tensor]
    results: tuple[torch.Tensor | None, ...]


@dataclass(eq=False, slots=True)
class Memory:
    """One storage: the tensor that came first, and all tensors seen on it."""

    root: torch.Tensor
    members: list[torch.Tensor] = field(default_factory=list)


@dataclass(slots=True)
class Held:
    """What the tensors of one state hold: id(tensor) -> (value, version of its memory at which it holds).

    `entangled` memories must not change in place: the join at which it became unclear what shares them, or the problem
    that a change would be. `places` has, for masks by their meaning, the indices at which they are true.
    """

    values: dict[int, tuple[Value, int]] = field(default_factory=dict)
    versions: dict[Memory, int] = field(default_factory=dict)
    entangled: dict[Memory, JoinSite | Problem] = field(default_factory=dict)
    places: dict[Hashable, tuple[torch.Tensor, ...]] = field(default_factory=dict)

    def copy(self) -> Held:
        """An independent copy."""
        return Held(dict(self.values), dict(self.versions), dict(self.entangled), dict(self.places))

    def version(self, memory: Memory) -> int:
        """The version of `memory` in this state."""
        return self.versions.get(memory, 0)


class MemoryMap:
    """The memories of a capture, shared by its states. Tensors are kept alive, so that ids stay unique.

    `touched` are those that any call of the network changes in place.
    """

    def __init__(self, name: Callable[[str], str]) -> None:
        self._name = name
        self._by_storage: dict[int, Memory] = {}
        self._of_tensor: dict[int, Memory] = {}
        self._recipes: dict[int, Recipe] = {}
        self._versions = itertools.count(1)
        self._parts: set[int] = set()
        self.touched: set[Memory] = set()

    def of(self, tensor: torch.Tensor) -> Memory:
        """The memory of `tensor`."""
        memory = self._of_tensor.get(id(tensor))
        if memory is None:
            with torch._C.DisableTorchFunction():
                storage = tensor.untyped_storage()._cdata
            memory = self._by_storage.setdefault(storage, Memory(root=tensor))
            memory.members.append(tensor)
            self._of_tensor[id(tensor)] = memory
        return memory

    def join(self, part: torch.Tensor, tensor: torch.Tensor) -> None:
        """Let `part`, a copy of a part of `tensor`, share its memory, as views do."""
        with torch._C.DisableTorchFunction():
            self._by_storage[part.untyped_storage()._cdata] = self.of(tensor)
        self._parts.add(id(part))

    def part_above(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """The copy of a part that `tensor` is or is a view of, the nearest one."""
        return next((above for above in self._above(tensor) if id(above) in self._parts), None)

    def _above(self, tensor: torch.Tensor) -> Iterator[torch.Tensor]:
        """A tensor, what it is a view of, and so on."""
        found: torch.Tensor | None = tensor
        while found is not None:
            yield found
            recipe, memory = self._recipes.get(id(found)), self.of(found)
            arguments = () if recipe is None else recipe.arguments.values()
            found = next((argument for argument in arguments if self.of(argument) is memory), None)

    def _parts_above(self, tensor: torch.Tensor) -> set[int]:
        """The copies of parts that `tensor` is or is a view of."""
        return {id(above) for above in self._above(tensor)} & self._parts if self._parts else set()

    def is_view(self, tensor: torch.Tensor) -> bool:
        """Whether `tensor` came out of a call on a tensor of the same memory."""
        return id(tensor) in self._recipes

    def remember(self, tensor: torch.Tensor, recipe: Recipe) -> None:
        """Note how the view `tensor` was made."""
        self._recipes[id(tensor)] = recipe

    def hold(self, held: Held, tensor: torch.Tensor, value: Value) -> None:
        """Let `tensor` hold `value` from now on."""
        held.values[id(tensor)] = (value, held.version(self.of(tensor)))

    def renew(self, held: Held, memory: Memory) -> None:
        """Give `memory` a version that it never had: what its tensors held is out of date."""
        held.versions[memory] = next(self._versions)

    def stale(self, held: Held, tensor: torch.Tensor) -> bool:
        """Whether the memory of `tensor` has changed since it got its value."""
        return held.values[id(tensor)][1] != held.version(self.of(tensor))

    def slot(self, held: Held, draft: Draft, tensor: torch.Tensor) -> int:
        """The slot of `tensor` in `draft`: one it has, else a new input, else the view made again."""
        slot = draft.slots.get(id(tensor))
        if slot is not None:
            return slot
        if self.stale(held, tensor) or (self.of(tensor) in draft.changed and self.is_view(tensor)):
            return self._make_again(held, draft, tensor, draft.ops)
        slot = draft.new_slot(tensor)
        draft.inputs[slot] = held.values[id(tensor)][0]
        return slot

    def _make_again(self, held: Held, draft: Draft, tensor: torch.Tensor, tape: list[Op]) -> int:
        """Repeat the call that made the view `tensor`, at the end of `tape`."""
        recipe = self._recipes[id(tensor)]
        arguments: dict[int, SlotRef] = {}
        for number, argument in recipe.arguments.items():
            from_outside = draft.slots.get(id(argument)) in (None, *draft.inputs)
            if tape is draft.preamble and self.is_view(argument) and from_outside:
                arguments[number] = SlotRef(self._make_again(held, draft, argument, tape))
            else:
                arguments[number] = SlotRef(self.slot(held, draft, argument))
        results: list[int | None] = []
        for result in recipe.results:
            slot = None if result is None else draft.slots.get(id(result))
            if result is not None and slot is None:
                slot = draft.new_slot(result)
            elif slot in draft.inputs:
                del draft.inputs[slot]
            elif result is not tensor:
                slot = None  # this draft has made it already
            results.append(slot)

        def renumber(leaf: Any) -> Any:
            return arguments[leaf.slot] if isinstance(leaf, SlotRef) else leaf

        op = recipe.op
        args, kwargs = map_leaves(renumber, op.args), map_leaves(renumber, op.kwargs)
        tape.append(Op(op.function, args, kwargs, tuple(results), op.loc, op.autocast))
        for result, slot in zip(recipe.results, results, strict=True):
            if result is not None and slot is not None:
                self.hold(held, result, Value(self._name("view"), draft, fake=result, slot=slot))
        return draft.slots[id(tensor)]

    def before_change(self, held: Held, draft: Draft, tensor: torch.Tensor) -> None:
        """Prepare `draft` for a call that changes `tensor` in place.

        Tensors of its memory that came in as separate inputs become views of one; reads taken before keep their value.
        Raises NeedsSplit where a join made it unclear what else shares the memory.
        """
        memory = self.of(tensor)
        reason = held.entangled.get(memory)
        if isinstance(reason, Problem):
            raise Refused(reason)
        if reason is not None:
            raise NeedsSplit(reason)
        if memory not in draft.changed:
            for member in memory.members:
                if draft.slots.get(id(member)) in draft.inputs and self.is_view(member):
                    self._make_again(held, draft, member, draft.preamble)
            draft.changed.add(memory)
        for step in draft.steps:
            if isinstance(step, ReadStep) and self.of(draft.tensors[step.slot]) is memory:
                self._keep_read(draft, step)

    def _keep_read(self, draft: Draft, step: ReadStep) -> None:
        """Let a read take a copy made at its own position of the tape."""
        copy = draft.new_slot(draft.tensors[step.slot].clone())
        op = Op(torch.clone, (SlotRef(step.slot),), {}, (copy,), step.loc)
        draft.ops.insert(step.position, op)
        for other in draft.steps:
            if isinstance(other, ReadStep) and other.position > step.position:
                other.position += 1
        step.slot = copy

    def after_change(self, held: Held, draft: Draft, tensor: torch.Tensor) -> None:
        """After the call: each tensor of the memory that `draft` holds has a new value, the others are out of date, and
        so are copies of parts but those that `tensor` is in."""
        memory = self.of(tensor)
        self.touched.add(memory)
        self.renew(held, memory)
        parts = self._parts_above(tensor)
        for member in memory.members:
            slot = draft.slots.get(id(member))
            if slot is not None and not self._parts_above(member) <= parts:
                del draft.slots[id(member)]
                continue
            if slot is not None and id(member) in held.values:
                value = held.values[id(member)][0]
                if value.draft is not draft or value.slot != slot:
                    value = Value(self._name("changed"), draft, fake=member, slot=slot)
                self.hold(held, member, value)
