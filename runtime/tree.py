"""The structure of nested inputs and outputs, as data: which tuple, list, dict or record holds which leaf."""

from __future__ import annotations

from typing import Literal

import msgspec


class Leaf(msgspec.Struct, frozen=True, tag="leaf", tag_field="node"):
    """The value at `index` of the flat list that belongs to this tree."""

    index: int


class Static(msgspec.Struct, frozen=True, tag="static", tag_field="node"):
    """A Python value that is part of the structure: it is the same in every call."""

    value: bool | int | float | str | None


class TupleNode(msgspec.Struct, frozen=True, tag="tuple", tag_field="node"):
    """A tuple."""

    items: tuple[Tree, ...]


class ListNode(msgspec.Struct, frozen=True, tag="list", tag_field="node"):
    """A list."""

    items: tuple[Tree, ...]


class DictNode(msgspec.Struct, frozen=True, tag="dict", tag_field="node"):
    """A dict, its keys in insertion order."""

    keys: tuple[bool | int | float | str | None, ...]
    items: tuple[Tree, ...]


class NamedTupleNode(msgspec.Struct, frozen=True, tag="namedtuple", tag_field="node"):
    """A named tuple: the runtime makes an equal class from the name and the fields."""

    name: str
    fields: tuple[str, ...]
    items: tuple[Tree, ...]


class RecordNode(msgspec.Struct, frozen=True, tag="record", tag_field="node"):
    """An object with named fields (a dataclass): the runtime makes a dataclass from the name and the fields.

    With `mapping`, fields can be read by key and by position too, and `keys()`, `values()`, `items()` and
    `to_tuple()` leave out fields that are None: the record of Hugging Face's ``ModelOutput``.
    """

    name: str
    fields: tuple[str, ...]
    items: tuple[Tree, ...]
    mapping: bool = False


class RowsNode(msgspec.Struct, frozen=True, tag="rows", tag_field="node"):
    """A list or tuple whose length differs from call to call: the leaves of its one item are arrays with a row per
    element. The rows of the leaves in `numbers` are Python numbers."""

    sequence: Literal["list", "tuple"]
    numbers: tuple[int, ...]
    items: tuple[Tree]


Tree = Leaf | Static | TupleNode | ListNode | DictNode | NamedTupleNode | RecordNode | RowsNode
