"""How control leaves a stretch of a graph: to which blocks, and with which values for their parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from adaptc.compiler.backends.onnx.graphs.scope import Scope, Shape

_HOLLOW = "adaptc.hollow"
_CARRIED = "adaptc.carried"

Target = str
"""The name of a block to which control can go."""


@dataclass(frozen=True)
class Test:
    """Tells two targets apart: control goes to `then` where `value` (a bool) is true."""

    value: ir.Value
    then: Target


@dataclass(frozen=True)
class Outcome:
    """`values`: by target the values of its parameters. `tag` tells which of several targets it is: a `Test` of two,
    or the number of the target, an int64."""

    values: Mapping[Target, Sequence[ir.Value]]
    tag: Test | ir.Value | None = None

    def goes_to(self, scope: Scope, target: Target, numbers: Mapping[Target, int]) -> ir.Value:
        """A bool: whether control goes to `target`, one of several."""
        if isinstance(self.tag, Test):
            value = self.tag.value
            return value if self.tag.then == target else scope.apply("Not", [value], ir.DataType.BOOL)
        assert self.tag is not None
        return scope.apply("Equal", [self.tag, scope.constant(np.int64(numbers[target]))], ir.DataType.BOOL)

    def number(self, scope: Scope, numbers: Mapping[Target, int]) -> ir.Value:
        """The number of the target, an int64."""
        if self.tag is None:  # a loop without an end leads nowhere
            return scope.constant(np.int64(next((numbers[target] for target in self.values), -1)))
        if isinstance(self.tag, Test):
            (other,) = (target for target in self.values if target != self.tag.then)
            both = [scope.constant(np.int64(numbers[target])) for target in (self.tag.then, other)]
            return scope.apply("Where", [self.tag.value, *both], ir.DataType.INT64)
        return self.tag

    def without(self, target: Target) -> Outcome:
        """The same where control is known not to go to `target`."""
        rest = {name: values for name, values in self.values.items() if name != target}
        return Outcome(rest, self.tag if len(rest) > 1 else None)

    def replaced(self, old: ir.Value, new: ir.Value) -> Outcome:
        """The same with another value in the place of `old`."""
        values = {target: [new if value is old else value for value in given] for target, given in self.values.items()}
        return Outcome(values, self.tag)


@dataclass
class Slot:
    """An output that several graphs have in common: by graph (its place among them) the value that it gives.

    It carries parameters of one type: `dtype`, and the `shape` as far as all have it; `is_hollow` tells that it may
    carry nothing.
    """

    dtype: ir.DataType
    shape: list[int | str | None]
    given: dict[int, ir.Value]
    is_hollow: bool = False

    def takes(self, dtype: ir.DataType, rank: int, given: Mapping[int, ir.Value]) -> bool:
        """Whether a parameter may share this slot: no graph would have to give two values at once."""
        return (
            self.dtype == dtype
            and len(self.shape) == rank
            and all(self.given.get(place, value) is value for place, value in given.items())
        )

    def describe(self, value: ir.Value) -> None:
        """Give `value` the type of this slot. The extents of one that may carry nothing are not known."""
        value.type = ir.TensorType(self.dtype)
        value.shape = ir.Shape([None] * len(self.shape) if self.is_hollow else self.shape)
        value.meta[_HOLLOW] = self.is_hollow

    def add(self, shape: Sequence[int | str | None], given: Mapping[int, ir.Value]) -> None:
        """Let a parameter share this slot."""
        self.shape = [old if old == new else None for old, new in zip(self.shape, shape)]
        self.given.update(given)


def is_hollow(value: ir.Value) -> bool:
    """Whether a value may be a dummy on some of the ways on which it is not read."""
    return bool(value.meta.get(_HOLLOW))


def dummy(scope: Scope, dtype: ir.DataType, rank: int) -> ir.Value:
    """A value of a type for what carries nothing."""
    value = scope.constant(np.zeros([0] * rank, dtype.numpy()))
    value.meta[_HOLLOW] = True
    return value


@dataclass(frozen=True)
class Arm:
    """A side of an `If`: where it begins to be built, and how control leaves it."""

    scope: Scope
    outcome: Outcome


Types = Mapping[Target, Sequence[tuple[ir.DataType, Shape]]]
"""By target the types of its parameters."""


def join(
    scope: Scope,
    test: ir.Value,
    arms: tuple[Arm, Arm],
    types: Types,
    numbers: Mapping[Target, int],
    loc: str = "",
) -> Outcome:
    """The outcome of an `If` in `scope` with the arms for true and false.

    Values that all arms leading to a target have from outside need no output of the `If`. There is no `If` where
    none is needed.
    """
    targets = list(dict.fromkeys(target for arm in arms for target in arm.outcome.values))
    slots: list[Slot] = []
    found: dict[Target, list[ir.Value | Slot]] = {}
    for target in targets:
        leading = {place: arm for place, arm in enumerate(arms) if target in arm.outcome.values}
        found[target] = []
        for index, (dtype, shape) in enumerate(types[target]):
            given = {place: arm.outcome.values[target][index] for place, arm in leading.items()}
            found[target].append(_common(given, arms) or _slot(slots, dtype, shape or (), given))
    _share(slots, found, arms, types)
    tag: Test | ir.Value | None
    tag, tagging = _tag(test, arms, targets, numbers)
    outputs = _make_if(scope, test, arms, slots, tagging, loc) if slots or tagging is not None else []
    if tagging is not None:
        tag = outputs.pop()
    results = {id(slot): value for slot, value in zip(slots, outputs, strict=True)}
    values = {
        target: [value if isinstance(value, ir.Value) else results[id(value)] for value in each]
        for target, each in found.items()
    }
    return Outcome(values, tag)


def mark_carried(value: ir.Value) -> ir.Value:
    """Mark what a loop hands from iteration to iteration."""
    value.meta[_CARRIED] = True
    return value


def _share(
    slots: Sequence[Slot], found: Mapping[Target, list[ir.Value | Slot]], arms: Sequence[Arm], types: Types
) -> None:
    """Let what a loop carries leave it through slots that are there anyway: it would need others for that, which would
    be copied in every iteration."""
    for target, values in found.items():
        for index, value in enumerate(values):
            if isinstance(value, ir.Value) and value.meta.get(_CARRIED):
                dtype, shape = types[target][index]
                given = {place: value for place, arm in enumerate(arms) if target in arm.outcome.values}
                slot = next((slot for slot in slots if slot.takes(dtype, len(shape or ()), given)), None)
                if slot is not None:
                    slot.add(shape or (), given)
                    values[index] = slot


def _common(given: Mapping[int, ir.Value], arms: Sequence[Arm]) -> ir.Value | None:
    """The one value from outside of the arms that all of them give."""
    first = next(iter(given.values()))
    if all(value is first for value in given.values()) and not any(arm.scope.owns(first) for arm in arms):
        return first
    return None


def _slot(
    slots: list[Slot], dtype: ir.DataType, shape: Sequence[int | str | None], given: Mapping[int, ir.Value]
) -> Slot:
    for slot in slots:
        if slot.takes(dtype, len(shape), given):
            slot.add(shape, given)
            return slot
    slots.append(Slot(dtype, list(shape), dict(given)))
    return slots[-1]


def _tag(
    test: ir.Value, arms: tuple[Arm, Arm], targets: Sequence[Target], numbers: Mapping[Target, int]
) -> tuple[Test | None, Callable[[Arm], ir.Value] | None]:
    """What tells the targets apart: nothing, the test itself, or one more output, made by the function."""
    if len(targets) == 1:
        return None, None
    if all(len(arm.outcome.values) == 1 for arm in arms):
        (then,) = arms[0].outcome.values
        return Test(test, then), None
    return None, lambda arm: arm.outcome.number(arm.scope, numbers)


def _make_if(
    scope: Scope,
    test: ir.Value,
    arms: tuple[Arm, Arm],
    slots: Sequence[Slot],
    tagging: Callable[[Arm], ir.Value] | None,
    loc: str,
) -> list[ir.Value]:
    graphs = []
    for place, (name, arm) in enumerate(zip(("then_branch", "else_branch"), arms)):
        outputs: list[ir.Value] = []
        for slot in slots:
            value = slot.given.get(place)
            if value is None:
                value = dummy(arm.scope, slot.dtype, len(slot.shape))
                slot.is_hollow = True
            slot.is_hollow = slot.is_hollow or is_hollow(value)
            outputs.append(arm.scope.result(value, outputs))
        if tagging is not None:
            outputs.append(arm.scope.result(tagging(arm), outputs))
        graphs.append(ir.AttrGraph(name, arm.scope.graph(name, [], outputs)))
    node = scope.node("If", [test], graphs, len(slots) + (tagging is not None), loc)
    for slot, value in zip(slots, node.outputs):
        slot.describe(value)
    if tagging is not None:
        node.outputs[-1].type, node.outputs[-1].shape = ir.TensorType(ir.DataType.INT64), ir.Shape(())
    return list(node.outputs)
