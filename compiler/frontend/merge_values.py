"""Numbers and tensors at a join: what differs becomes a block argument."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
import torch

from adaptc.compiler.frontend.draft import Arm, Draft, Operand, SizeStep, Value
from adaptc.compiler.frontend.heap import Heap
from adaptc.compiler.frontend.memory import OUT_OF_DATE, Held, Memory
from adaptc.compiler.frontend.recorder import Recorder
from adaptc.compiler.frontend.signals import JoinSite
from adaptc.compiler.frontend.state import Snapshot, State
from adaptc.compiler.frontend.symbols import Symbolic, expression, is_contiguous, kind_of


class Conflict(Exception):
    """Two states differ in something that no block argument can carry; `variable` is the one that leads there."""

    def __init__(self, what: str, variable: str = "") -> None:
        super().__init__(f"{variable}: {what}" if variable else what)
        self.what = what
        self.variable = variable


@dataclass(frozen=True)
class _Argument:
    """A block argument of the join, and what each state passes for it."""

    param: Value
    operands: tuple[Any, ...]


class ValueMerge:
    """The part of a merge (class Merge) that deals with numbers and tensors.

    `rolling`: the join is the header of a loop, at which sizes and positions of iterators become symbols too.
    `observed`: takes the expressions of all pairs of numbers and sizes that the first two states hold.
    """

    def __init__(
        self,
        recorder: Recorder,
        objects: Heap,
        states: Sequence[State],
        site: JoinSite,
        draft: Draft,
        *,
        rolling: bool = False,
        observed: set[tuple[Any, Any]] | None = None,
        growing: bool = True,
        exact: bool = False,
    ) -> None:
        self.recorder = recorder
        self.objects = objects
        self.states = states
        self.site = site
        self.draft = draft
        self.rolling = rolling
        self.observed = observed
        self.growing = growing
        self.exact = exact
        self.columns_of_numbers: dict[sympy.Basic, tuple[Any, ...]] = {}
        self.held = self._common_held()
        self.heap: Snapshot = {}
        self.memo: dict[tuple[int, ...], Any] = {}
        self.arguments: list[_Argument] = []
        self.columns: list[dict[int, tuple[int, ...]]] = [{} for _ in states]
        self.numbers: dict[tuple[Any, ...], Any] = {}
        self.renewed: dict[Memory, None] = {}
        self.shared: list[dict[Memory, list[torch.Tensor]]] = [{} for _ in states]
        self.kept: list[Any] = []

    def arm(self, index: int) -> Arm:
        """The edge from a state to the join."""
        arm = Arm(self.draft)
        for argument in self.arguments:
            arm.args[argument.param] = self.operand(self.states[index], argument.operands[index])
        return arm

    def operand(self, state: State, given: Any) -> Operand:
        """What `state` passes for a block argument for which it holds `given`."""
        if isinstance(given, torch.Tensor):
            return self.recorder.portable(state.held, state.draft, given)
        return self.recorder.symbols.host(given)

    def _common_held(self) -> Held:
        first, rest = self.states[0].held, [state.held for state in self.states[1:]]
        values = {}
        for key, entry in first.values.items():
            others = [other.values.get(key) for other in rest]
            if all(other == entry for other in others):
                values[key] = entry
            elif None not in others:  # a view that some ways have made again: it is made again behind the join too
                values[key] = (entry[0], OUT_OF_DATE)
        versions = {
            memory: version
            for memory, version in first.versions.items()
            if all(other.version(memory) == version for other in rest)
        }
        entangled = dict(first.entangled)
        for other in rest:
            entangled.update(other.entangled)
        places = {
            mask: found
            for mask, found in first.places.items()
            if all(other.places.get(mask) is found for other in rest)
        }
        return Held(values, versions, entangled, places)

    # -- numbers and tensors -----------------------------------------------------------------------------------

    def _number(self, given: Sequence[Any]) -> Any:
        first = given[0]
        kinds = {kind_of(item) for item in given}
        if len(kinds) > 1:
            raise Conflict("numbers of different kinds")
        if not any(isinstance(item, Symbolic) for item in given):
            if all(item == first and math.copysign(1, item) == math.copysign(1, first) for item in given):
                return first
            if all(isinstance(item, float) and math.isnan(item) for item in given):
                return first
            if self.exact and kinds == {"int"}:
                raise Conflict("numbers that are needed as they are")
        expressions = tuple(expression(item) for item in given)
        self._observe(expressions)
        if all(item == expressions[0] for item in expressions) and isinstance(first, Symbolic):
            return first
        if (general := self._general(given, expressions)) is not None:
            return general
        (kind,) = kinds
        key = (kind, *expressions)
        if key not in self.numbers:
            shapes = self.recorder.shapes
            makers: dict[str, Callable[[], Any]] = {
                "int": shapes.create_unbacked_symint,
                "float": shapes.create_unbacked_symfloat,
                "bool": shapes.create_unbacked_symbool,
            }
            symbolic = makers[str(kind)]()
            shapes.pending_fresh_unbacked_symbols.clear()
            param = Value(self.recorder.name("number"), self.draft, kind=kind)
            self.draft.params.append(param)
            (symbol,) = symbolic.node.expr.free_symbols
            self.recorder.symbols.define(symbol, param, self.site)
            self.columns_of_numbers[symbolic.node.expr] = tuple(given)
            self.arguments.append(_Argument(param, tuple(given)))
            self.numbers[key] = symbolic
        return self.numbers[key]

    def _general(self, given: Sequence[Any], expressions: Sequence[Any]) -> Any:
        """One of the numbers, if on the ways of the others it is what they have: their tests say so."""
        if self.rolling:
            return None
        sizes = [self.recorder.symbols.sizes(state.known) for state in self.states]
        for number, general in zip(given, expressions, strict=True):
            if isinstance(number, torch.SymInt) and any(general.free_symbols & set(known) for known in sizes):
                here = zip(expressions, sizes, strict=True)
                if all(general.subs(known) == other.subs(known) for other, known in here):
                    return number
        return None

    def _observe(self, expressions: Sequence[Any]) -> None:
        if self.observed is not None:
            self.observed.add((expressions[0], expressions[1]))

    def _extent(self, extents: Sequence[Any]) -> tuple[Any, bool]:
        """What stands for a tensor's size in one dimension, and whether the tensor has to tell it. Equal sizes get the
        same symbol. Raises Conflict."""
        expressions = tuple([expression(extent) for extent in extents])
        if all(item == expressions[0] for item in expressions):
            return extents[0], False
        if (general := self._general(extents, expressions)) is not None:
            return general, False
        if not self.rolling and all(isinstance(extent, int) for extent in extents):
            # two fixed sizes are two networks from here on: a symbol would keep torch from knowing either
            raise Conflict("tensors of different sizes")
        key = ("int", *expressions)
        known = key in self.numbers
        if not known:
            of_inputs = all(
                symbol in self.recorder.symbols.ranges for item in expressions for symbol in item.free_symbols
            )
            if self.rolling or of_inputs:  # torch's shape functions know how to treat sizes that no data decides
                self.numbers[key] = self.recorder.new_dimension()
                self.columns_of_numbers[expression(self.numbers[key])] = tuple(extents)
            else:
                self.numbers[key] = self.recorder.shapes.create_unbacked_symint()
                self.recorder.shapes.pending_fresh_unbacked_symbols.clear()
        return self.numbers[key], not known

    def _tensor(self, given: Sequence[torch.Tensor]) -> torch.Tensor:
        memories = self.recorder.memories
        first = given[0]
        if self.observed is not None and first.dim() == given[1].dim():
            for extents in zip(first.shape, given[1].shape, strict=True):
                self._observe([expression(extent) for extent in extents])
        fakes = [self.recorder.real.get(id(item), item) for item in given]
        if all(fake is fakes[0] for fake in fakes):
            if isinstance(fakes[0], torch._subclasses.FakeTensor):
                memory = memories.of(fakes[0])
                self._follow_changes(memory)
                for shared in self.shared:
                    shared.setdefault(memory, []).append(fakes[0])
            return first
        key = tuple(id(item) for item in fakes)
        if key in self.memo:
            merged: torch.Tensor = self.memo[key]
            return merged
        merged = self._join_tensors(fakes)
        self.memo[key] = merged
        self.kept.append(fakes)
        memories.hold(self.held, merged, self.arguments[-1].param)
        for state, item, shared in zip(self.states, fakes, self.shared, strict=True):
            shared.setdefault(memories.of(item), []).append(merged)
            reason = state.held.entangled.get(memories.of(item))
            if reason is not None:  # what shares an entangled memory shares what is made of it
                self.held.entangled[memories.of(merged)] = reason
        return merged

    def _follow_changes(self, memory: Memory) -> None:
        """Where the memory was changed on some ways, its root becomes a block argument; its views are made again."""
        if memory in self.renewed or len({state.held.version(memory) for state in self.states}) == 1:
            return
        self.renewed[memory] = None
        root = memory.root
        for state in self.states:
            if id(root) not in state.held.values:
                self.recorder.fake(root, state.held)
        param = Value(self.recorder.name("changed"), self.draft, fake=root)
        self.draft.params.append(param)
        self.arguments.append(_Argument(param, tuple([root] * len(self.states))))
        self.recorder.memories.renew(self.held, memory)
        self.held.values[id(root)] = (param, self.held.version(memory))

    def _join_tensors(self, given: Sequence[torch.Tensor]) -> torch.Tensor:
        first = given[0]
        if any(item.dtype != first.dtype or item.dim() != first.dim() for item in given):
            raise Conflict("tensors of different dtype or rank")
        for state, item in zip(self.states, given, strict=True):
            self.recorder.fake(item, state.held)
        shape: list[Any] = []
        unknown: list[tuple[int, Any]] = []
        varies = False
        for dim, extents in enumerate(zip(*[item.shape for item in given], strict=True)):
            extent, new = self._extent(extents)
            varies = varies or extent is not extents[0]
            shape.append(extent)
            if new:
                unknown.append((dim, extent))
        strides = [tuple(expression(step) for step in item.stride()) for item in given]
        alike = not varies and all(item == strides[0] for item in strides)
        with torch._C.DisableTorchFunction(), self.recorder.fakes:
            if alike and not is_contiguous(first) and 0 not in strides[0]:
                merged = torch.empty_strided(shape, first.stride(), dtype=first.dtype)
            else:
                merged = torch.empty(shape, dtype=first.dtype)
        if not all(map(is_contiguous, given)) and not (alike and 0 not in strides[0]):
            # reshape() of it may be a view on one way and a copy on another
            self.held.entangled[self.recorder.memories.of(merged)] = self.site
        param = Value(self.recorder.name("joined"), self.draft, fake=merged, site=self.site, arms=tuple(given))
        self.recorder.joined[id(merged)] = param
        self.draft.params.append(param)
        self.arguments.append(_Argument(param, tuple(given)))
        for dim, extent in unknown:
            slot = self.draft.slots.get(id(merged))
            if slot is None:
                slot = self.draft.new_slot(merged)
                self.draft.inputs[slot] = param
            size = Value(self.recorder.name("size"), self.draft, kind="int")
            self.draft.steps.append(SizeStep(size, slot, dim, self.draft.loc))
            self.recorder.symbols.define(extent.node.expr, size)
        return merged

    def _entangle(self) -> None:
        """Mark memories of which it is no longer known what shares them: a later in-place change must not happen."""
        memories = self.recorder.memories
        for shared in self.shared:
            for tensors in shared.values():
                distinct = {id(memories.of(tensor)): memories.of(tensor) for tensor in tensors}
                if len(distinct) > 1:
                    for memory in distinct.values():
                        self.held.entangled[memory] = self.site
