"""The results of a program as one graph gives them: all returns lead to one block."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import torch

from adaptc.compiler.ir.evaluate import evaluate_scalar
from adaptc.compiler.ir.expressions import key, literal
from adaptc.compiler.ir.program import Block, Param, Program, ScalarType, TensorType, Type
from adaptc.compiler.plan.extents import Extent, known_extents
from adaptc.compiler.plan.region import Region, with_ends
from adaptc.runtime.hostprogram import Const, Edge, Expr, Jump, Raise, Return, ValueSpec
from adaptc.runtime.structure import leaf_paths
from adaptc.runtime.tree import Leaf, RowsNode, Static, Tree, TupleNode
from adaptc.runtime.treecheck import leaf_count

RESULT = "result"
"""The name of the block to which all returns lead."""

FORM = "form"
"""The name of the value that tells which structure the result has, where there are several."""

_FORM_KIND = FORM, ("int", None)

ABSENT = Const(None)
"""Stands for a value that a return does not have."""


@dataclass(frozen=True)
class WithResults:
    """`program` as `region`, whose returns are edges to `RESULT`; what raises leads out of the region too.

    `names` are those of the result's values, of which those at `numbers` are host scalars. `forms` are the structures
    that results have; their leaves are places among the values. `changed` has, by input, the place of its new value.
    `extents` are those of each value that is a tensor, as far as they are known for all results.
    """

    program: Program
    region: Region
    names: tuple[str, ...]
    numbers: frozenset[int]
    forms: tuple[Tree, ...]
    changed: Mapping[str, int]
    extents: tuple[Sequence[Extent] | None, ...]


def with_results(program: Program) -> WithResults:
    """A copy of a program of one call in which each return leads to one block, with what it has of all values.

    A number that is part of a structure is a value where it differs between returns; values at the same place of
    different structures are one. State that a call leaves behind is left out.
    """
    copy = with_ends(replace(program, later=()))
    changed = [f"{copy.inputs[place].name}.changed" for place in copy.changes]
    inputs = [each.name for each in copy.inputs]
    groups: dict[object, list[_Result]] = {}
    for block in copy.blocks.values():
        if isinstance(block.terminator, Return):
            result = _result_of(block, block.terminator, changed, inputs)
            groups.setdefault(result.form, []).append(result)
    columns = _Columns(inputs)
    if len(groups) > 1:
        columns.place(FORM, ValueSpec("int"))
    forms = [columns.add(group) for group in groups.values()]
    for number, group in enumerate(groups.values()):
        for result in group:
            given: dict[int, Expr] = {columns.places[_FORM_KIND]: literal(number)} if len(groups) > 1 else {}
            for name, value in result.values.items():
                if (name, value.kind) in columns.places:
                    given[columns.places[name, value.kind]] = value.expr
            args = tuple(given.get(place, ABSENT) for place in range(len(columns.names)))
            result.block.terminator = Jump(Edge(RESULT, args))
    params = [Param(f"value_{place}", _type(specs)) for place, specs in enumerate(columns.specs)]
    end = Return((), (), TupleNode(()))
    copy.blocks[RESULT] = Block(RESULT, params, None, [], [], [], [], end)
    inner = (name for name, block in copy.blocks.items() if not isinstance(block.terminator, Return | Raise))
    numbers = frozenset(place for place, param in enumerate(params) if isinstance(param.type, ScalarType))
    places = {name.removesuffix(".changed"): columns.names.index(name) for name in changed if groups}
    region = Region(copy.entry, frozenset(inner))
    extents = tuple(known_extents(copy, RESULT))
    return WithResults(copy, region, tuple(columns.names), numbers, tuple(forms), places, extents)


@dataclass(frozen=True)
class _Value:
    """A value of a result; `fixed` where it is a number of the structure."""

    expr: Expr
    spec: ValueSpec
    fixed: bool = False

    @property
    def kind(self) -> object:
        """What values at one place of a form have in common."""
        return self.spec.dtype, None if self.spec.shape is None else len(self.spec.shape)


@dataclass(frozen=True)
class _Result:
    """What a return gives: its structure with every number in it a leaf, and its values by name, in order."""

    block: Block
    tree: Tree
    values: Mapping[str, _Value]

    @property
    def form(self) -> object:
        """What results of one structure have in common."""
        return msgspec.json.encode(self.tree), tuple((name, value.kind) for name, value in self.values.items())


def _result_of(block: Block, end: Return, changed: Sequence[str], inputs: Sequence[str]) -> _Result:
    found: list[_Value] = []

    def put(node: Leaf | Static) -> Leaf:
        if isinstance(node, Leaf):
            found.append(_Value(end.outputs[node.index], end.specs[node.index]))
        else:
            assert isinstance(node.value, bool | int | float)
            found.append(_Value(literal(node.value), ValueSpec(type(node.value).__name__), True))
        return Leaf(len(found) - 1)

    tree = _mapped(end.tree, put)
    paths = leaf_paths(tree, "output")
    names: list[str] = []
    for place in range(len(found)):
        name, count = _plain(paths[place]), 2
        while name in (FORM, *names, *changed, *inputs):  # a graph has one value of a name
            name, count = f"{_plain(paths[place])}_{count}", count + 1
        names.append(name)
    first = leaf_count(end.tree)
    found += [_Value(end.outputs[first + place], end.specs[first + place]) for place in range(len(changed))]
    return _Result(block, tree, dict(zip((*names, *changed), found)))


class _Columns:
    """The values of all results: `names`, the `specs` of each in the returns that have it, and by name and kind the
    place of each. No name is that of one of the network's `inputs`."""

    def __init__(self, inputs: Sequence[str]) -> None:
        self._inputs = inputs
        self.names: list[str] = []
        self.specs: list[list[ValueSpec]] = []
        self.places: dict[tuple[str, object], int] = {}

    def place(self, name: str, spec: ValueSpec) -> int:
        """The place of a value, which gets one if it has none."""
        kind = (name, _Value(ABSENT, spec).kind)
        if kind not in self.places:
            self.places[kind] = len(self.names)
            unique, count = name, 2
            while unique in (*self.names, *self._inputs):
                unique, count = f"{name}_{count}", count + 1
            self.names.append(unique)
            self.specs.append([])
        self.specs[self.places[kind]].append(spec)
        return self.places[kind]

    def add(self, group: Sequence[_Result]) -> Tree:
        """Give the values of returns of one form their places; gives the structure over them."""
        places: list[int | Static] = []
        for name, first in group[0].values.items():
            column = [result.values[name] for result in group]
            if all(value.fixed and key(value.expr) == key(first.expr) for value in column):
                assert isinstance(first.expr, Const)
                places.append(Static(evaluate_scalar(first.expr, {})))
            else:
                for value in column:
                    place = self.place(name, value.spec)
                places.append(place)

        def settle(node: Leaf | Static) -> Leaf | Static:
            assert isinstance(node, Leaf)
            found = places[node.index]
            return found if isinstance(found, Static) else Leaf(found)

        return _mapped(group[0].tree, settle)


def _mapped(tree: Tree, change: Callable[[Leaf | Static], Leaf | Static]) -> Tree:
    """`tree` with its leaves and numbers replaced, in order."""
    match tree:
        case Leaf():
            return change(tree)
        case Static(value=value):
            return change(tree) if isinstance(value, bool | int | float) else tree
        case RowsNode():
            found: dict[int, int] = {}
            (item,) = (_mapped(item, lambda node: _row(node, change, found)) for item in tree.items)
            return RowsNode(tree.sequence, tuple(found[number] for number in tree.numbers), (item,))
        case _:
            items = tuple(_mapped(item, change) for item in tree.items)
            return msgspec.structs.replace(tree, items=items)


def _row(node: Leaf | Static, change: Callable[[Leaf | Static], Leaf | Static], found: dict[int, int]) -> Leaf | Static:
    """A leaf of a list of rows; the numbers of its structure are the same in each row."""
    if isinstance(node, Static):
        return node
    new = change(node)
    assert isinstance(new, Leaf)
    found[node.index] = new.index
    return new


def _type(specs: Sequence[ValueSpec]) -> Type:
    """The type of the values at one place: an extent that differs has no name."""
    spec = specs[0]
    if spec.shape is None:
        return ScalarType(spec.dtype)  # type: ignore[arg-type]
    extents = list(zip(*(each.shape or () for each in specs)))
    return TensorType(getattr(torch, spec.dtype), tuple(e[0] if len(set(e)) == 1 else "?" for e in extents))


def _plain(path: str) -> str:
    """The place of a leaf as a name: "output[0].h['x']" is "0.h.x", and "output" itself stays."""
    words = re.findall(r"[A-Za-z0-9_]+", path)
    return ".".join(words[1:] if len(words) > 1 and not words[1].isdigit() else words)
