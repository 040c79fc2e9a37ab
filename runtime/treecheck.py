"""Checks the trees of an artifact: classes and fields must be identifiers, leaves must be there."""

from __future__ import annotations

import keyword
from collections.abc import Iterator

from adaptc.runtime.errors import ArtifactError
from adaptc.runtime.tree import DictNode, Leaf, ListNode, NamedTupleNode, RecordNode, RowsNode, Tree, TupleNode


def check_tree(tree: Tree, leaves: int, what: str, file: str) -> None:
    """Raise `ArtifactError` naming `file` unless `tree`, that of `what`, can be built over `leaves` values."""
    for node in nodes(tree):
        match node:
            case Leaf(index=index) if not 0 <= index < leaves:
                raise ArtifactError(f"{file}: {what} names value {index} of {leaves}; compile the network again")
            case DictNode(keys=keys, items=items) if len(keys) != len(items) or len(set(keys)) != len(keys):
                raise ArtifactError(f"{file}: {what} holds a dict whose keys and items do not match")
            case NamedTupleNode(name=name, fields=fields, items=items):
                _check_fields(name, fields, items, what, file)
                if any(field.startswith("_") for field in fields):
                    raise ArtifactError(f"{file}: {what} holds a named tuple with a field that begins with _")
            case RowsNode() if not leaf_indices(node) or any(isinstance(n, RowsNode) for n in nodes(node.items[0])):
                raise ArtifactError(f"{file}: {what} holds a list of rows without leaves, or of lists of rows")
            case RecordNode(name=name, fields=fields, items=items):
                _check_fields(name, fields, items, what, file)


def leaf_indices(tree: Tree) -> list[int]:
    """The indices of the leaves of `tree`, in order."""
    return [node.index for node in nodes(tree) if isinstance(node, Leaf)]


def leaf_count(tree: Tree) -> int:
    """How many values the leaves of `tree` stand for."""
    return max(leaf_indices(tree), default=-1) + 1


def nodes(tree: Tree) -> Iterator[Tree]:
    """The nodes of `tree`, parents first, in order."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, TupleNode | ListNode | DictNode | NamedTupleNode | RecordNode | RowsNode):
            waiting.extend(reversed(node.items))


def _check_fields(name: str, fields: tuple[str, ...], items: tuple[Tree, ...], what: str, file: str) -> None:
    for word in (name, *fields):
        if not word.isidentifier() or keyword.iskeyword(word):
            raise ArtifactError(f"{file}: {what} holds a record with the name {word!r}, which is no identifier")
    if len(fields) != len(items) or len(set(fields)) != len(fields):
        raise ArtifactError(f"{file}: {what} holds a record {name} whose fields and items do not match")
