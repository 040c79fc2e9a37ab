"""What is known of host scalars where a block begins, from the tests on the only ways there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from adaptc.compiler.ir.expressions import Key, key, literal, substitute
from adaptc.compiler.ir.host_types import environment, infer_scalar
from adaptc.compiler.ir.program import Block, Program, Type, edges
from adaptc.passes.flowgraph import FlowGraph
from adaptc.passes.folding import fold
from adaptc.runtime.hostprogram import Apply, Branch, Const, Edge, Expr, Let, Ref, Switch, names_in

_MOST = 64
"""How many truths are carried along: a long chain of tests makes many."""

_DEPTH = 3
"""How far a test is written out: names that are used twice double it at each step."""


@dataclass(frozen=True)
class Facts:
    """`values` of names that are known, and the truth of tests over names: key -> (the test, whether it holds)."""

    values: Mapping[str, Const] = field(default_factory=dict)
    truths: Mapping[Key, tuple[Expr, bool]] = field(default_factory=dict)

    def simplified(self, expr: Expr, types: Mapping[str, Type]) -> Expr:
        """`expr` with what is known in place."""
        return fold(self._replaced(expr), self.values, types)

    def _replaced(self, expr: Expr) -> Expr:
        known = self.truths.get(key(expr))
        if known is not None:
            return Const(known[1])
        if isinstance(expr, Apply):
            return Apply(expr.function, tuple(map(self._replaced, expr.args)))
        return expr


class Knowledge:
    """The facts at the beginning of each block and along each edge of a program, as it was when this was made."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.types = {name: environment(block) for name, block in program.blocks.items()}
        self.at: dict[str, Facts] = {program.entry: Facts()}
        leading: dict[str, list[tuple[Block, int]]] = {name: [] for name in program.blocks}
        for block in program.blocks.values():
            for index, edge in enumerate(edges(block)):
                leading[edge.block].append((block, index))
        for name in FlowGraph(program).order:
            if name != program.entry:
                ways = leading[name]
                # On the way back of a loop nothing is known yet, so nothing is taken for known in its header.
                known = all(block.name in self.at for block, _ in ways)
                self.at[name] = _meet([self.arriving(block, i) for block, i in ways]) if known else Facts()

    def arriving(self, block: Block, index: int) -> Facts:
        """What the parameters of the block know to which edge `index` of `block` leads."""
        edge = edges(block)[index]
        params = [param.name for param in self.program.blocks[edge.block].params]
        return _translated(self.along(block, index), edge, params, self.types[block.name])

    def along(self, block: Block, index: int) -> Facts:
        """What the names of `block` know where it leaves by its edge `index`."""
        types = self.types[block.name]
        facts = self.at[block.name]
        values, truths = dict(facts.values), dict(facts.truths)
        lets: dict[str, Expr] = {step.name: step.expr for step in block.steps if isinstance(step, Let)}
        for step in block.steps:
            if isinstance(step, Let):
                value = Facts(values, truths).simplified(step.expr, types)
                if isinstance(value, Const):
                    values[step.name] = value
        for test, holds in _conditions(block, index):
            for part, truth in (*_parts(test, holds), *_parts(_written_out(test, lets), holds)):
                _note(part, truth, types, values, truths)
        return Facts(values, dict(list(truths.items())[-_MOST:]))


def _conditions(block: Block, index: int) -> Iterator[tuple[Expr, bool]]:
    """The tests that hold, or do not, where `block` leaves by its edge `index`."""
    match block.terminator:
        case Branch(test=test, then=then, orelse=orelse) if then != orelse:
            yield test, index == 0
        case Switch(index=chosen, keys=keys):
            for place, number in enumerate(keys):
                if index in (place, len(keys)):
                    yield Apply("eq", (chosen, Const(number))), index == place


def _written_out(expr: Expr, lets: Mapping[str, Expr]) -> Expr:
    """`expr` over what it is computed from in its block."""
    for _ in range(_DEPTH):
        if not 0 < len(set(names_in(expr)) & lets.keys()) <= _DEPTH:
            break
        expr = substitute(expr, lets)
    return expr


def _parts(test: Expr, holds: bool) -> Iterator[tuple[Expr, bool]]:
    """What follows from a test: itself, and the sides of a true "and", a false "or", a "not"."""
    yield test, holds
    match test:
        case Apply(function="not", args=(inner,)):
            yield from _parts(inner, not holds)
        case Apply(function="and", args=args) if holds:
            for arg in args:
                yield from _parts(arg, True)
        case Apply(function="or", args=args) if not holds:
            for arg in args:
                yield from _parts(arg, False)


_OPPOSITE = {"eq": "ne", "ne": "eq"}


def _note(
    test: Expr, holds: bool, types: Mapping[str, Type], values: dict[str, Const], truths: dict[Key, tuple[Expr, bool]]
) -> None:
    """Add a truth; the truth of a number that is no bool says only that it is not zero."""
    if infer_scalar(test, types) != "bool":
        return
    if isinstance(test, Ref):
        values[test.name] = Const(holds)
        return
    if isinstance(test, Const):
        return
    truths[key(test)] = (test, holds)
    if isinstance(test, Apply) and test.function in _OPPOSITE:
        other = Apply(_OPPOSITE[test.function], test.args)
        truths[key(other)] = (other, not holds)
        _note_equality(test, holds == (test.function == "eq"), types, values)


def _note_equality(test: Apply, equal: bool, types: Mapping[str, Type], values: dict[str, Const]) -> None:
    match test.args:
        case (Ref(name=name), Const(value=bool() | int() as value)):
            kind = infer_scalar(Ref(name), types)
            if kind == "bool" and value in (0, 1):
                values[name] = Const(bool(value) == equal)
            elif kind == "int" and equal:
                values[name] = literal(int(value))


def _translated(facts: Facts, edge: Edge, params: list[str], types: Mapping[str, Type]) -> Facts:
    """`facts` about the names of a block as facts about the parameters to which `edge` passes them."""
    renamed: dict[str, Expr] = {}
    values: dict[str, Const] = {}
    for arg, param in zip(edge.args, params, strict=True):
        value = facts.simplified(arg, types)
        if isinstance(value, Const):
            values[param] = value
        if isinstance(arg, Ref):
            renamed.setdefault(arg.name, Ref(param))
    truths: dict[Key, tuple[Expr, bool]] = {}
    for test, holds in facts.truths.values():
        if all(name in renamed for name in names_in(test)):
            moved = substitute(test, renamed)
            truths[key(moved)] = (moved, holds)
    return Facts(values, truths)


def _meet(ways: list[Facts]) -> Facts:
    """What is known on all ways."""
    first, others = ways[0], ways[1:]
    values = {
        name: value
        for name, value in first.values.items()
        if all(name in way.values and key(way.values[name]) == key(value) for way in others)
    }
    truths = {
        known: truth
        for known, truth in first.truths.items()
        if all(known in way.truths and way.truths[known][1] == truth[1] for way in others)
    }
    return Facts(values, truths)
