"""Nested Python values from flat lists, as a tree says, and flat lists from nested values."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import make_dataclass
from operator import itemgetter
from typing import Any

from adaptc.runtime.errors import InputError
from adaptc.runtime.tree import (
    DictNode,
    Leaf,
    ListNode,
    NamedTupleNode,
    RecordNode,
    RowsNode,
    Static,
    Tree,
    TupleNode,
)
from adaptc.runtime.treecheck import leaf_indices

Build = Callable[[Any], Any]
"""Makes the nested value from the flat list."""

Flatten = Callable[[Any, list[Any]], None]
"""Puts the leaves of a nested value into the flat list. Raises `InputError` naming the place that does not fit."""


_LEFT_OUT = object()
"""Stands for a field without tensors that a value does not have: it is taken for what it was at compile time."""


class MappingRecord:
    """A record whose fields can be read by key and by position, where those that are None do not count."""

    def _present(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value is not None}

    def keys(self) -> Any:
        """The names of the fields that are not None."""
        return self._present().keys()

    def values(self) -> Any:
        """The values of the fields that are not None."""
        return self._present().values()

    def items(self) -> Any:
        """Names and values of the fields that are not None."""
        return self._present().items()

    def to_tuple(self) -> tuple[Any, ...]:
        """The values of the fields that are not None."""
        return tuple(self._present().values())

    def __getitem__(self, key: str | int | slice) -> Any:
        return self._present()[key] if isinstance(key, str) else self.to_tuple()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._present())

    def __len__(self) -> int:
        return len(self._present())

    def __contains__(self, key: object) -> bool:
        return key in self._present()


class Builders:
    """Makes builders; equal records of different trees get the same class."""

    def __init__(self) -> None:
        self._classes: dict[tuple[str, tuple[str, ...], str], Callable[..., Any]] = {}

    def builder(self, tree: Tree) -> Build:
        """A function that makes the value that `tree` describes."""
        match tree:
            case Leaf(index=index):
                return itemgetter(index)
            case Static(value=value):
                return lambda leaves: value
            case TupleNode(items=items):
                return self._tuple(items)
            case ListNode(items=items):
                parts = [self.builder(item) for item in items]
                return lambda leaves: [part(leaves) for part in parts]
            case DictNode(keys=keys, items=items):
                pairs = [(key, self.builder(item)) for key, item in zip(keys, items)]
                return lambda leaves: {key: part(leaves) for key, part in pairs}
            case RowsNode():
                return self._rows(tree)
            case NamedTupleNode(items=items) | RecordNode(items=items):
                make = self._class(tree)
                parts = [self.builder(item) for item in items]
                return lambda leaves: make(*[part(leaves) for part in parts])

    def _tuple(self, items: tuple[Tree, ...]) -> Build:
        indices = [item.index for item in items if isinstance(item, Leaf)]
        if len(indices) == len(items) > 1:
            return itemgetter(*indices)
        parts = [self.builder(item) for item in items]
        return lambda leaves: tuple([part(leaves) for part in parts])

    def _rows(self, node: RowsNode) -> Build:
        indices = leaf_indices(node)
        element = self.builder(node.items[0])
        make = list if node.sequence == "list" else tuple

        def build(leaves: Sequence[Any]) -> Any:
            columns = {i: leaves[i].tolist() if i in node.numbers else leaves[i] for i in indices}
            count = len(columns[indices[0]])
            return make([element({i: column[row] for i, column in columns.items()}) for row in range(count)])

        return build

    def _class(self, node: NamedTupleNode | RecordNode) -> Callable[..., Any]:
        kind = type(node).__name__ + ("+" if isinstance(node, RecordNode) and node.mapping else "")
        key = (node.name, node.fields, kind)
        if key not in self._classes:
            if isinstance(node, NamedTupleNode):
                self._classes[key] = namedtuple(node.name, node.fields)
            else:
                bases = (MappingRecord,) if node.mapping else ()
                self._classes[key] = make_dataclass(node.name, node.fields, bases=bases)
        return self._classes[key]


def leaf_paths(tree: Tree, root: str) -> dict[int, str]:
    """Where each leaf of `tree` stands: "state[1].h"; `root` is the name of the whole."""
    paths: dict[int, str] = {}
    waiting = [(tree, root)]
    while waiting:
        node, path = waiting.pop()
        if isinstance(node, Leaf):
            paths[node.index] = path
        else:
            waiting.extend(reversed(_children(node, path)))
    return paths


def flattener(tree: Tree, path: str) -> Flatten:
    """A function that takes the leaves out of a value of the structure `tree`, which stands at `path`."""
    match tree:
        case Leaf(index=index):

            def put(value: Any, flat: list[Any]) -> None:
                flat[index] = value

            return put
        case Static(value=expected):

            def compare(value: Any, flat: list[Any]) -> None:
                if type(value) is not type(expected) or value != expected:
                    raise InputError(
                        f"argument {path!r} is {_short(value)}, but the network was compiled for {expected!r}; "
                        f"pass {expected!r}, or compile it with another value"
                    )

            return compare
        case _:
            return _node_flattener(tree, path)


def _node_flattener(tree: Tree, path: str) -> Flatten:
    read = _reader(tree, path)
    parts = [flattener(child, place) for child, place in _children(tree, path)]

    def flatten(value: Any, flat: list[Any]) -> None:
        for part, item in zip(parts, read(value)):
            if item is not _LEFT_OUT:
                part(item, flat)

    return flatten


def _reader(tree: Tree, path: str) -> Callable[[Any], Sequence[Any]]:
    """A function that gives the items of a value in the order of the node's items."""

    def fail(value: Any, expected: str) -> InputError:
        return InputError(f"argument {path!r} is {_short(value)}, expected {expected}")

    match tree:
        case TupleNode(items=items) | ListNode(items=items):
            kind = "tuple" if isinstance(tree, TupleNode) else "list"

            def read_sequence(value: Any) -> Sequence[Any]:
                if not isinstance(value, tuple | list) or len(value) != len(items):
                    raise fail(value, f"a {kind} of {len(items)}")
                return value

            return read_sequence
        case DictNode(keys=keys):

            def read_dict(value: Any) -> Sequence[Any]:
                if not isinstance(value, Mapping) or set(value) != set(keys):
                    raise fail(value, f"a dict with the keys {', '.join(map(repr, keys))}")
                return [value[key] for key in keys]

            return read_dict
        case NamedTupleNode(name=name, fields=fields) | RecordNode(name=name, fields=fields):
            needed = [field for field, item in zip(fields, tree.items) if leaf_indices(item)]

            def read_fields(value: Any) -> Sequence[Any]:
                if isinstance(value, Mapping) and set(needed) <= set(value) <= set(fields):
                    return [value.get(field, _LEFT_OUT) for field in fields]
                if not all(hasattr(value, field) for field in needed):
                    raise fail(value, f"a {name} with the fields {', '.join(needed)}")
                return [getattr(value, field, _LEFT_OUT) for field in fields]

            return read_fields
        case _:
            raise AssertionError(f"{tree} has no items")


def _children(tree: Tree, path: str) -> list[tuple[Tree, str]]:
    """The items of a node with their places."""
    match tree:
        case TupleNode(items=items) | ListNode(items=items):
            return [(item, f"{path}[{i}]") for i, item in enumerate(items)]
        case RowsNode(items=items):
            return [(items[0], f"{path}[:]")]
        case DictNode(keys=keys, items=items):
            return [(item, f"{path}[{key!r}]") for key, item in zip(keys, items)]
        case NamedTupleNode(fields=fields, items=items) | RecordNode(fields=fields, items=items):
            return [(item, f"{path}.{field}") for field, item in zip(fields, items)]
        case _:
            return []


def _short(value: Any) -> str:
    """What a value is, in a few words."""
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)[:60]
    if isinstance(value, Mapping):
        return f"a dict with the keys {', '.join(map(repr, value))}"[:120]
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"
