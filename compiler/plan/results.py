"""The results of a program as one graph gives them: every return leads to one of few forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec
import torch

from adaptc.compiler.ir.evaluate import evaluate_scalar
from adaptc.compiler.ir.expressions import key, literal
from adaptc.compiler.ir.program import Block, Param, Program, ScalarType, TensorType, Type
from adaptc.compiler.plan.region import Region, with_ends
from adaptc.runtime.hostprogram import Const, Edge, Expr, Jump, Raise, Return, ValueSpec
from adaptc.runtime.structure import leaf_paths
from adaptc.runtime.tree import Leaf, RowsNode, Static, Tree, TupleNode
from adaptc.runtime.treecheck import leaf_count

RESULT = "result."
"""What the names of blocks begin with that stand for a form of result."""


@dataclass(frozen=True)
class Form:
    """A form of result: the block that stands for it, the structure of its leaves, their names, and the names of the
    inputs whose new values follow them. The leaves at `numbers` are host scalars."""

    block: str
    tree: Tree
    names: tuple[str, ...]
    changed: tuple[str, ...]
    numbers: frozenset[int]


@dataclass(frozen=True)
class WithResults:
    """`program` as `region`, its returns edges to the blocks of `forms`; what raises leads out of the region too."""

    program: Program
    region: Region
    forms: tuple[Form, ...]


def with_results(program: Program) -> WithResults:
    """A copy of a program of one call in which each return leads to a block of its form.

    Returns of one structure have one form, in which a number of the structure is a value where it differs between
    them. State that a call leaves behind is left out.
    """
    copy = with_ends(replace(program, later=()))
    groups: dict[object, list[tuple[Block, Tree, list[_Value]]]] = {}
    for block in copy.blocks.values():
        if isinstance(block.terminator, Return):
            tree, values = _values_of(block.terminator, len(copy.changes))
            form = (msgspec.json.encode(tree), tuple(value.kind for value in values))
            groups.setdefault(form, []).append((block, tree, values))
    changed = tuple(copy.inputs[place].name for place in copy.changes)
    forms = []
    for number, group in enumerate(groups.values()):
        forms.append(_unite(copy, group, f"{RESULT}{number}", changed))
    inner = (name for name, block in copy.blocks.items() if not isinstance(block.terminator, Return | Raise))
    return WithResults(copy, Region(copy.entry, frozenset(inner)), tuple(forms))


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


def _values_of(end: Return, changes: int) -> tuple[Tree, list[_Value]]:
    """The structure of a return with every number in it a leaf, and the values of its leaves and of changed inputs."""
    values: list[_Value] = []

    def put(node: Leaf | Static) -> Leaf:
        if isinstance(node, Leaf):
            values.append(_Value(end.outputs[node.index], end.specs[node.index]))
        else:
            assert isinstance(node.value, bool | int | float)
            values.append(_Value(literal(node.value), ValueSpec(type(node.value).__name__), True))
        return Leaf(len(values) - 1)

    tree = _mapped(end.tree, put)
    first = leaf_count(end.tree)
    values += [_Value(end.outputs[place], end.specs[place]) for place in range(first, first + changes)]
    return tree, values


def _unite(
    program: Program, group: Sequence[tuple[Block, Tree, list[_Value]]], name: str, changed: tuple[str, ...]
) -> Form:
    """Let the returns of a group lead to a new block called `name`; gives their form."""
    columns = list(zip(*(values for _, _, values in group)))
    fixed = [all(value.fixed and key(value.expr) == key(column[0].expr) for value in column) for column in columns]
    places = {place: number for number, place in enumerate(place for place, is_ in enumerate(fixed) if not is_)}
    (_, tree, first), *_ = group

    def settle(node: Leaf | Static) -> Leaf | Static:
        assert isinstance(node, Leaf)
        if node.index in places:
            return Leaf(places[node.index])
        expr = first[node.index].expr
        assert isinstance(expr, Const)
        return Static(evaluate_scalar(expr, {}))

    united = _mapped(tree, settle)
    params = [Param(f"value_{place}", _type(columns[place])) for place in places]
    for block, _, values in group:
        block.terminator = Jump(Edge(name, tuple(values[place].expr for place in places)))
    end = Return((), (), TupleNode(()))
    program.blocks[name] = Block(name, params, None, [], [], [], [], end, group[0][0].loc)
    names = leaf_paths(united, "output")
    leaves = [_plain(names[number]) for number in range(len(params) - len(changed))]
    numbers = frozenset(place for place, param in enumerate(params) if isinstance(param.type, ScalarType))
    return Form(name, united, (*leaves, *(f"{input_}.changed" for input_ in changed)), changed, numbers)


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


def _type(column: Sequence[_Value]) -> Type:
    """The type of the values at one place: an extent that differs has no name."""
    spec = column[0].spec
    if spec.shape is None:
        return ScalarType(spec.dtype)  # type: ignore[arg-type]
    extents = list(zip(*(value.spec.shape or () for value in column)))
    return TensorType(getattr(torch, spec.dtype), tuple(e[0] if len(set(e)) == 1 else "?" for e in extents))


def _plain(path: str) -> str:
    """The place of a leaf as a name: "output[0].h['x']" is "0.h.x", and "output" itself stays."""
    words = re.findall(r"[A-Za-z0-9_]+", path)
    return ".".join(words[1:] if len(words) > 1 and not words[1].isdigit() else words)
