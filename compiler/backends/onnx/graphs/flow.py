"""A region's control flow as `If` and `Loop` of one graph.

Follows the dominator tree (`adaptc.compiler.plan.nesting`): a block with one way to it stands in the arm that leads
there; one where ways meet stands behind the `If` in which they part, in an `If` of its own where not all of them do;
and a loop's blocks stand in the body of a `Loop`, which hands on its parameters and what it is left with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx_ir as ir

from adaptc.compiler.backends.onnx.graphs.outcome import (
    Arm,
    Outcome,
    Slot,
    Target,
    Types,
    dummy,
    is_hollow,
    join,
    mark_carried,
)
from adaptc.compiler.backends.onnx.graphs.scope import Scope
from adaptc.compiler.ir.program import Block, Program
from adaptc.compiler.plan.nesting import Nesting
from adaptc.compiler.plan.region import Region, exits
from adaptc.runtime.hostprogram import Branch, Edge, Jump, Switch

DEEPEST = 28
"""How deep graphs may nest: protobuf reads messages up to 100 deep, and each graph takes three."""

_DEEP = 16
"""From here on, counted from a loop's body or the region's graph, blocks are put behind the `If` of an outer graph."""


class RegionError(Exception):
    """A region that no graph can hold; the message says why."""


Arguments = Callable[[Scope, Edge], list[ir.Value]]
"""Gives the values that an edge passes, computed in a scope."""


class Straight:
    """What a block does before its terminator: `arguments` of its edges and the `test` of its branch (or the index of
    its switch), once its code has been put into a scope."""

    def __init__(self, arguments: Arguments, test: Callable[[Scope], ir.Value]) -> None:
        self.arguments = arguments
        self.test = test


class FlowBuilder:
    """Builds the graph of one region.

    `numbers` tell its targets apart, the exits first. `straight` puts the code of a block, given the values of its
    parameters, into a scope; `types` has the types of all blocks' parameters.
    """

    def __init__(
        self,
        program: Program,
        region: Region,
        types: Types,
        straight: Callable[[Scope, Block, Sequence[ir.Value]], Straight],
    ) -> None:
        self.program = program
        self.nesting = Nesting(program, region)
        self.types = types
        inner = [name for name in program.blocks if name in region.blocks]
        self.numbers = {name: number for number, name in enumerate([*exits(program, region), *inner])}
        self._straight = straight
        self._put_off: set[str] = set()
        self._open: set[str] = set()  # the headers of the loops whose bodies are being built

    def region(self, scope: Scope, name: str, params: Sequence[ir.Value]) -> Outcome:
        """Build block `name` and all that is placed below it."""
        if name in self.nesting.headers:
            outcome = self._loop(scope, name, params)
            behind = self.nesting.behind[name]
        else:
            outcome = self._block(scope, name, params)
            behind = []
        return self._resume(scope, outcome, name, behind)

    def _block(self, scope: Scope, name: str, params: Sequence[ir.Value]) -> Outcome:
        """The block, its arms, and the blocks where they meet."""
        block = self.program.blocks[name]
        straight = self._straight(scope, block, params)
        match block.terminator:
            case Jump(to=edge):
                outcome = self._edge(scope, edge, straight)
            case Branch(then=then, orelse=orelse, loc=loc):
                test = straight.test(scope)
                outcome = self._choose(
                    scope,
                    test,
                    lambda arm: self._edge(arm, then, straight),
                    lambda arm: self._edge(arm, orelse, straight),
                    loc,
                )
            case Switch() as switch:
                cases = sorted(zip(switch.keys, switch.edges), key=lambda case: case[0])
                outcome = self._switch(scope, straight.test(scope), cases, switch, straight)
            case _:
                raise RegionError(f"block '{name}' returns or raises, which the host does")
        return self._resume(scope, outcome, name, self.nesting.merges[name])

    def _edge(self, scope: Scope, edge: Edge, straight: Straight) -> Outcome:
        values = straight.arguments(scope, edge)
        if edge.block in self.nesting.inline and edge.block not in self._open:
            if not _is_deep(scope):
                return self.region(scope, edge.block, values)
            self._put_off.add(edge.block)
        return Outcome({edge.block: values})

    def _choose(
        self,
        scope: Scope,
        test: ir.Value,
        then: Callable[[Scope], Outcome],
        orelse: Callable[[Scope], Outcome],
        loc: str,
    ) -> Outcome:
        if scope.depth >= DEEPEST:
            raise RegionError(f"graphs would nest deeper than {DEEPEST}")
        scopes = Scope(scope), Scope(scope)
        arms = Arm(scopes[0], then(scopes[0])), Arm(scopes[1], orelse(scopes[1]))
        return join(scope, test, arms, self.types, self.numbers, loc)

    def _switch(
        self, scope: Scope, index: ir.Value, cases: Sequence[tuple[int, Edge]], switch: Switch, straight: Straight
    ) -> Outcome:
        """By halves: a choice among n cases takes log n tests."""
        if len(cases) == 1:
            ((bound, edge),), operator = cases, "Equal"
            halves: list[Callable[[Scope], Outcome]] = [
                lambda arm: self._edge(arm, edge, straight),
                lambda arm: self._edge(arm, switch.default, straight),
            ]
        else:
            middle = len(cases) // 2
            operator, bound = "Less", cases[middle][0]
            halves = [
                lambda arm, part=part: self._switch(arm, index, part, switch, straight)  # type: ignore[misc]
                for part in (cases[:middle], cases[middle:])
            ]
        test = scope.apply(operator, [index, scope.constant(np.int64(bound))], ir.DataType.BOOL, loc=switch.loc)
        return self._choose(scope, test, halves[0], halves[1], switch.loc)

    def _resume(self, scope: Scope, outcome: Outcome, name: str, behind: Sequence[str]) -> Outcome:
        """Go on, in order, with the blocks `behind` block `name` and with those below it that were put off. What comes
        after one that has to wait for a graph further out waits too."""
        while True:
            here = set(behind)
            if scope.depth == scope.base:
                here |= {put_off for put_off in self._put_off if self.nesting.dominates(name, put_off)}
            waiting = [target for target in outcome.values if target in here or target in self._put_off]
            waiting.sort(key=self.nesting.rank)
            if not waiting:
                return outcome
            nests = len(outcome.values) > 1
            if waiting[0] not in here or (nests and _is_deep(scope)):
                self._put_off.update(waiting)
                return outcome
            outcome = self._go_on(scope, outcome, waiting[0])

    def _go_on(self, scope: Scope, outcome: Outcome, name: str) -> Outcome:
        """Go on with block `name`, a target of `outcome`."""
        values = outcome.values[name]
        if len(outcome.values) == 1:
            return self.region(scope, name, values)
        test = outcome.goes_to(scope, name, self.numbers)
        rest = outcome.without(name)
        return self._choose(scope, test, lambda arm: self.region(arm, name, values), lambda arm: rest, "")

    def _loop(self, scope: Scope, header: str, params: Sequence[ir.Value]) -> Outcome:
        if scope.depth >= DEEPEST:
            raise RegionError(f"graphs would nest deeper than {DEEPEST}")
        body = Scope(scope, is_base=True)
        iteration = body.input("iteration", ir.DataType.INT64, ())
        condition = body.input("condition", ir.DataType.BOOL, ())
        inner = [mark_carried(body.input("carried", dtype, shape)) for dtype, shape in self.types[header]]
        self._open.add(header)
        outcome = self._block(body, header, inner)
        self._open.remove(header)
        outcome, carried = _without_invariants(outcome, header, inner, params)
        slots, found = self._loop_slots(body, outcome, header, inner, carried)
        several = len([target for target in outcome.values if target != header]) > 1
        going_on = self._going_on(body, outcome, header)
        outputs = [body.result(going_on, [])]
        for number, slot in enumerate(slots):
            value = slot.given.get(0) or dummy(body, slot.dtype, len(slot.shape))
            slot.is_hollow = number >= len(carried) or is_hollow(value)
            outputs.append(body.result(value, outputs))
        inputs = [inner[index] for index in carried]
        inputs += [body.input("left", slot.dtype, [None] * len(slot.shape)) for slot in slots[len(carried) :]]
        starts = [params[index] for index in carried]
        starts += [dummy(scope, slot.dtype, len(slot.shape)) for slot in slots[len(carried) :]]
        if several:
            outputs.append(body.result(outcome.number(body, self.numbers), outputs))
            inputs.append(body.input("way", ir.DataType.INT64, ()))
            starts.append(scope.constant(np.int64(-1)))
        graph = ir.AttrGraph("body", body.graph("body", [iteration, condition, *inputs], outputs))
        node = scope.node("Loop", [None, None, *starts], [graph], len(inputs), self.program.blocks[header].loc)
        for value, slot in zip(node.outputs, slots):
            slot.describe(value)
        if several:
            node.outputs[-1].type, node.outputs[-1].shape = inputs[-1].type, inputs[-1].shape
        results = {id(slot): value for slot, value in zip(slots, node.outputs)}
        values = {
            target: [value if isinstance(value, ir.Value) else results[id(value)] for value in given]
            for target, given in found.items()
        }
        return Outcome(values, node.outputs[-1] if several else None)

    def _going_on(self, body: Scope, outcome: Outcome, header: str) -> ir.Value:
        if header not in outcome.values:
            return body.constant(np.bool_(False))
        if len(outcome.values) == 1:
            return body.constant(np.bool_(True))
        return outcome.goes_to(body, header, self.numbers)

    def _loop_slots(
        self, body: Scope, outcome: Outcome, header: str, inner: Sequence[ir.Value], carried: Sequence[int]
    ) -> tuple[list[Slot], Mapping[Target, list[ir.Value | Slot]]]:
        """The values that the loop hands from iteration to iteration, its parameters first, and what the targets
        outside of it get: values from outside or such slots."""
        slots = []
        for index in carried:
            dtype, shape = self.types[header][index]
            back = outcome.values.get(header)
            slots.append(Slot(dtype, list(shape or ()), {} if back is None else {0: back[index]}))
        found: dict[Target, list[ir.Value | Slot]] = {}
        for target, values in outcome.values.items():
            if target == header:
                continue
            found[target] = []
            for value, (dtype, shape) in zip(values, self.types[target], strict=True):
                if not body.owns(value):
                    found[target].append(value)
                    continue
                rank = len(shape or ())
                slot = next((slot for slot in slots if slot.takes(dtype, rank, {0: value})), None)
                if slot is None:
                    slots.append(slot := Slot(dtype, list(shape or ()), {}))
                slot.add(shape or (), {0: value})
                found[target].append(slot)
        return slots, found


def _is_deep(scope: Scope) -> bool:
    """Whether what can stand further out should."""
    return scope.depth > scope.base and (scope.depth - scope.base >= _DEEP or scope.depth >= DEEPEST - 2)


def _without_invariants(
    outcome: Outcome, header: str, inner: Sequence[ir.Value], params: Sequence[ir.Value]
) -> tuple[Outcome, list[int]]:
    """The outcome of a loop's body with the parameters that never change replaced by what they begin with, and the
    indices of the others."""
    back = outcome.values.get(header)
    if back is None:
        unchanged = list(range(len(inner)))
    else:
        unchanged = [i for i, value in enumerate(back) if value is inner[i] or value is params[i]]
    for index in unchanged:
        inner[index].replace_all_uses_with(params[index])
        outcome = outcome.replaced(inner[index], params[index])
    return outcome, [index for index in range(len(inner)) if index not in unchanged]
