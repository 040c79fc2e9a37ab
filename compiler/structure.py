"""Nested Python values as a tree of leaves, and back: how inputs and outputs become flat lists."""

from __future__ import annotations

import copy
import dataclasses
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from adaptc.runtime.errors import AdaptcError
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

Numbers = Literal["leaf", "static"]
"""Whether Python numbers are leaves (results of a network) or part of the structure (its arguments)."""

_SYMBOLIC = (torch.SymInt, torch.SymFloat, torch.SymBool)
_NO_OBJECTS = frozenset({"builtins", "torch", "numpy", "collections", "types", "functools", "itertools", "typing"})
_DICTS = (dict, OrderedDict, defaultdict, Counter)


class StructureError(AdaptcError):
    """A value cannot be described as a tree: `path` is where it stands, `found` is what stands there."""

    def __init__(self, path: str, found: str, instead: str) -> None:
        super().__init__(f"{path} is {found}, which cannot be taken apart into tensors: {instead}")
        self.path = path
        self.found = found


@dataclass(frozen=True)
class _Parts:
    """A container taken apart: its elements, each with the text leading to it, and how to put it together."""

    items: list[tuple[str, Any]]
    node: Callable[[tuple[Tree, ...]], Tree]
    build: Callable[[list[Any]], Any]


@dataclass(frozen=True)
class Rows:
    """A list or tuple whose length varies: the leaves of `element` are stacks with one row per element.

    `numbers` tells for each leaf whether its rows are Python numbers.
    """

    element: Any
    sequence: Literal["list", "tuple"]
    numbers: tuple[bool, ...]


def flatten(value: object, numbers: Numbers, root: str = "output", arrays: bool = False) -> tuple[Tree, list[Any]]:
    """Take `value` apart into its tree and its leaves in order of appearance.

    Leaves are tensors, symbolic numbers, and Python numbers where `numbers` is "leaf" (NumPy scalars become
    Python numbers); with `arrays`, NumPy arrays and scalars too. Strings, None, and numbers where `numbers`
    is "static" stay in the tree. `root` names the value in errors. Raises StructureError at an object of
    any other class and at a cycle.
    """
    leaves: list[Any] = []

    def visit(item: object, path: str, around: tuple[int, ...]) -> Tree:
        item = item.item() if isinstance(item, np.generic) and not arrays else item
        if _is_leaf(item, numbers, arrays):
            leaves.append(item)
            return Leaf(len(leaves) - 1)
        if item is None or isinstance(item, (bool, int, float, str)):
            return Static(_plain(item))
        if isinstance(item, Rows):
            first = len(leaves)
            element = visit(item.element, f"{path}[0]", around)
            of_numbers = tuple(first + place for place, number in enumerate(item.numbers) if number)
            return RowsNode(item.sequence, of_numbers, (element,))
        if id(item) in around:
            raise StructureError(path, "a container that holds itself", "return a value without cycles")
        parts = _parts(item, path)
        inner = (*around, id(item))
        return parts.node(tuple(visit(child, path + suffix, inner) for suffix, child in parts.items))

    return visit(value, root, ()), leaves


def rebuild(value: object, leaves: Sequence[Any], numbers: Numbers = "static", arrays: bool = False) -> Any:
    """The same structure as `value`, of the same classes, with `leaves` in the order of `flatten`'s.

    Raises StructureError as `flatten` does, and ValueError where the number of leaves differs.
    """
    fresh: Iterator[Any] = iter(leaves)
    taken = 0

    def visit(item: object, path: str) -> Any:
        nonlocal taken
        plain = item.item() if isinstance(item, np.generic) and not arrays else item
        if _is_leaf(plain, numbers, arrays):
            taken += 1
            if taken > len(leaves):
                raise ValueError(f"{len(leaves)} leaves are too few for the structure of {type(value).__name__}")
            return next(fresh)
        if plain is None or isinstance(plain, (bool, int, float, str)):
            return item
        parts = _parts(plain, path)
        return parts.build([visit(child, path + suffix) for suffix, child in parts.items])

    result = visit(value, "value")
    if taken != len(leaves):
        raise ValueError(f"{len(leaves)} leaves were given where the structure holds {taken}")
    return result


def leaf_paths(tree: Tree, root: str = "output", dotted: bool = False) -> list[tuple[str, int]]:
    """The leaves of `tree` in order of appearance: the text that leads to each, and its index.

    The text is Python ("output['aux'][0].h"), or with `dotted` a name ("state.0.h").
    """
    match tree:
        case Leaf(index=index):
            return [(root, index)]
        case Static():
            return []
        case RowsNode(items=items):
            keys = [(".*" if dotted else "[:]", items[0])]
        case TupleNode(items=items) | ListNode(items=items):
            keys = [(f".{i}" if dotted else f"[{i}]", item) for i, item in enumerate(items)]
        case DictNode(keys=names, items=items):
            keys = [(f".{name}" if dotted else f"[{name!r}]", item) for name, item in zip(names, items)]
        case NamedTupleNode(fields=fields, items=items) | RecordNode(fields=fields, items=items):
            keys = [(f".{name}", item) for name, item in zip(fields, items)]
    return [leaf for suffix, item in keys for leaf in leaf_paths(item, root + suffix, dotted)]


def parts_of(value: object) -> list[Any]:
    """The elements of a container, in the order in which `flatten` takes them. Raises StructureError."""
    return [item for _, item in _parts(value, "value").items]


def show(tree: Tree) -> str:
    """The structure in Python's own notation, a leaf as "_"."""
    match tree:
        case Leaf():
            return "_"
        case Static(value=value):
            return repr(value)
        case TupleNode(items=items):
            return f"({', '.join(map(show, items))}{',' * (len(items) == 1)})"
        case ListNode(items=items):
            return f"[{', '.join(map(show, items))}]"
        case DictNode(keys=keys, items=items):
            return "{" + ", ".join(f"{key!r}: {show(item)}" for key, item in zip(keys, items)) + "}"
        case RowsNode(sequence=sequence, items=items):
            return f"[{show(items[0])}, ...]" if sequence == "list" else f"({show(items[0])}, ...)"
        case NamedTupleNode() | RecordNode():
            named = [f"{key}={show(item)}" for key, item in zip(tree.fields, tree.items)]
            return f"{tree.name}({', '.join(named)})"


def _is_leaf(value: object, numbers: Numbers, arrays: bool) -> bool:
    if isinstance(value, (torch.Tensor, *_SYMBOLIC)):
        return True
    if isinstance(value, (np.ndarray, np.generic)):
        return arrays
    return numbers == "leaf" and isinstance(value, (bool, int, float))


def _plain(value: object) -> bool | int | float | str | None:
    """The value of a subclass of a builtin (a string enum, say) as that builtin."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return None


def _parts(value: Any, path: str) -> _Parts:
    if isinstance(value, tuple):
        return _tuple_parts(value, path)
    if type(value) is list:
        return _Parts([(f"[{i}]", item) for i, item in enumerate(value)], ListNode, list)
    if _is_record(value):
        return _record_parts(value)
    if type(value) in _DICTS:
        return _dict_parts(value, path)
    if _is_plain_object(value):
        return _object_parts(value)
    raise StructureError(path, f"an object of class {_class_name(value)}", _advice(value))


def _tuple_parts(value: tuple[Any, ...], path: str) -> _Parts:
    kind = type(value)
    if kind is tuple or kind is torch.Size:
        items = [(f"[{i}]", item) for i, item in enumerate(value)]
        return _Parts(items, TupleNode, torch.Size if kind is torch.Size else tuple)
    if hasattr(kind, "_fields"):
        fields, build = kind._fields, lambda items: kind(*items)
    elif kind.__module__ == "torch.return_types":
        fields, build = kind.__match_args__, kind  # type: ignore[attr-defined]
    else:
        raise StructureError(path, f"an object of class {_class_name(value)}", _advice(value))
    return _Parts(
        [(f".{name}", item) for name, item in zip(fields, value)],
        lambda items: NamedTupleNode(kind.__name__, tuple(fields), items),
        build,
    )


def _dict_parts(value: dict[Any, Any], path: str) -> _Parts:
    for key in value:
        if not (key is None or isinstance(key, (bool, int, float, str))):
            raise StructureError(
                path, f"a dict with a key of class {_class_name(key)}", "use strings or numbers as keys"
            )

    def build(items: list[Any]) -> Any:
        result = copy.copy(value)
        result.update(zip(value, items))
        return result

    keys = tuple(_plain(key) for key in value)
    return _Parts([(f"[{key!r}]", item) for key, item in value.items()], lambda items: DictNode(keys, items), build)


def _is_record(value: object) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _record_parts(value: Any) -> _Parts:
    kind = type(value)
    fields = tuple(field.name for field in dataclasses.fields(value))
    # Hugging Face's ModelOutput is known by its shape, so that transformers need not be installed.
    mapping = hasattr(value, "to_tuple") and hasattr(value, "keys")

    def build(items: list[Any]) -> Any:
        if isinstance(value, OrderedDict):
            return kind(**dict(zip(fields, items)))
        result = copy.copy(value)
        for name, item in zip(fields, items):
            object.__setattr__(result, name, item)
        return result

    return _Parts(
        [(f".{name}", getattr(value, name)) for name in fields],
        lambda items: RecordNode(kind.__name__, fields, items, mapping),
        build,
    )


def _is_plain_object(value: object) -> bool:
    """Whether `value` is an object of a class written in Python, outside torch, that has all it holds in attributes."""
    kind = type(value)
    package = kind.__module__.partition(".")[0]
    if package in _NO_OBJECTS or isinstance(value, (type, torch.nn.Module, BaseException)) or callable(value):
        return False
    return hasattr(value, "__dict__") and not any(base.__dict__.get("__slots__") for base in kind.__mro__)


def _object_parts(value: Any) -> _Parts:
    """The attributes of an object that can be taken apart; others, such as dtypes and classes, stay with it."""
    fields = tuple(name for name, item in vars(value).items() if name.isidentifier() and _can_be_taken_apart(item, ()))

    def build(items: list[Any]) -> Any:
        result = copy.copy(value)
        for name, item in zip(fields, items):
            object.__setattr__(result, name, item)
        return result

    return _Parts(
        [(f".{name}", getattr(value, name)) for name in fields],
        lambda items: RecordNode(type(value).__name__, fields, items, False),
        build,
    )


def _can_be_taken_apart(value: object, around: tuple[int, ...]) -> bool:
    if isinstance(value, (torch.Tensor, *_SYMBOLIC, np.generic, bool, int, float, str, type(None))):
        return True
    if id(value) in around:
        return False
    try:
        parts = _parts(value, "")
    except StructureError:
        return False
    return all(_can_be_taken_apart(item, (*around, id(value))) for _, item in parts.items)


def _class_name(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _advice(value: object) -> str:
    if isinstance(value, np.ndarray):
        return "use a torch.Tensor in place of the NumPy array"
    if isinstance(value, (set, frozenset)):
        return "a set has no order; use a tuple or a list"
    return "use tensors, numbers, strings and None in tuples, lists, dicts, named tuples and dataclasses"
