"""Lists and tuples that grow in a loop of the network: the elements whose number depends on data are rows of tensors.

A list is a real Python list all the time. A `Segment` in it stands for any number of elements of one kind; `append`
and `extend` put elements behind it, and where states merge they become rows of it too.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from adaptc.compiler.errors import Problem
from adaptc.compiler.frontend.symbols import expression, kind_of
from adaptc.compiler.structure import Rows, StructureError

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder

_DTYPES = {"int": torch.int64, "float": torch.float64, "bool": torch.bool}

Kind = tuple[Any, ...]
"""What elements have in common: ("tensor", dtype, sizes as texts), ("int",), ("float",), ("bool",), ("parts", class
of a tuple or list, kinds of the parts)."""


class Segment(NamedTuple):
    """Elements of `kind`: row i of every stack is a leaf of element i."""

    stacks: tuple[torch.Tensor, ...]
    kind: Kind

    @property
    def count(self) -> Any:
        """The number of elements."""
        return self.stacks[0].shape[0]


def holds(value: Any) -> bool:
    """Whether `value` is a list or tuple some of whose elements stand for any number of them."""
    return type(value) in (list, tuple) and any(type(item) is Segment for item in value)


def kind_of_element(item: Any) -> Kind | None:
    """The kind of an element, None for one that cannot be a row of tensors."""
    if type(item) is Segment:
        return item.kind
    if isinstance(item, torch.Tensor):
        return ("tensor", item.dtype, tuple([str(expression(extent)) for extent in item.shape]))
    number = kind_of(item)
    if number is not None:
        return (number,)
    if (isinstance(item, tuple) or type(item) is list) and item and not holds(item):
        parts = tuple([kind_of_element(part) for part in item])
        return None if None in parts else ("parts", type(item), parts)
    return None


def elements(kind: Kind, stacks: Iterator[Any]) -> Any:
    """One element from its leaves."""
    if kind[0] != "parts":
        return next(stacks)
    parts = [elements(part, stacks) for part in kind[2]]
    return kind[1](*parts) if hasattr(kind[1], "_fields") else kind[1](parts)


def _leaves(item: Any) -> Iterator[Any]:
    if isinstance(item, (tuple, list)):
        for part in item:
            yield from _leaves(part)
    else:
        yield item


def leaf_kinds(kind: Kind) -> list[Kind]:
    """The kinds of an element's leaves."""
    return [leaf for part in kind[2] for leaf in leaf_kinds(part)] if kind[0] == "parts" else [kind]


def collect(recorder: Recorder, items: Sequence[Any], kind: Kind) -> Segment:
    """The segment of `items` (elements and segments of `kind`), recorded where the recorder is."""
    columns: list[list[torch.Tensor]] = [[] for _ in leaf_kinds(kind)]
    for item in items:
        if type(item) is Segment:
            rows = list(item.stacks)
        else:
            rows = [_row(recorder, leaf) for leaf in _leaves(item)]
        for column, row in zip(columns, rows, strict=True):
            column.append(row)
    stacks = []
    for column, leaf in zip(columns, leaf_kinds(kind), strict=True):
        if len(column) == 1:
            stacks.append(column[0])
        elif column:
            stacks.append(recorder.record(torch.cat, (column,), {}))
        else:
            stacks.append(_nothing(recorder, leaf))
    problem = recorder.problem(
        "a tensor is changed in place that is also an element of a list that grows in a loop",
        "in the compiled network the list holds a copy of it",
        "append a clone, or change it out of place",
    )
    for item in items:
        for leaf in _leaves(() if type(item) is Segment else item):
            if isinstance(leaf, torch.Tensor):
                recorder.held.entangled[recorder.memories.of(recorder.fake(leaf))] = problem
    for stack in stacks:
        recorder.held.entangled[recorder.memories.of(stack)] = problem
    recorder.grown = True
    return Segment(tuple(stacks), kind)


def _row(recorder: Recorder, leaf: Any) -> torch.Tensor:
    from adaptc.compiler.frontend.assembling import assemble

    if not isinstance(leaf, torch.Tensor):
        leaf = recorder.record(assemble, (leaf, _DTYPES[str(kind_of(leaf))]), {})
    row: torch.Tensor = recorder.record(torch.unsqueeze, (leaf, 0), {})
    return row


def _nothing(recorder: Recorder, leaf: Kind) -> torch.Tensor:
    """A stack without rows. Raises LookupError where its other sizes depend on data."""
    sizes = leaf[2] if leaf[0] == "tensor" else ()
    names = {str(symbol): symbol for symbol, name in recorder.dimensions.items() if name}
    shape = [
        int(size) if size.isdigit() else recorder.shapes.create_symintnode(names[size], hint=None) for size in sizes
    ]
    dtype = leaf[1] if leaf[0] == "tensor" else _DTYPES[leaf[0]]
    nothing: torch.Tensor = recorder.record(torch.zeros, ((0, *shape),), {"dtype": dtype})
    return nothing


def numbers(recorder: Recorder, tensor: torch.Tensor) -> list[Any]:
    """What ``tolist`` gives for a tensor whose number of rows depends on data."""
    number = "float" if tensor.is_floating_point() else "bool" if tensor.dtype == torch.bool else "int"
    stacks: list[torch.Tensor] = []

    def kind(part: torch.Tensor) -> Kind:
        if part.dim() == 1:
            stacks.append(recorder.record(torch.Tensor.to, (part, _DTYPES[number]), {}))
            return (number,)
        columns = [recorder.record(torch.select, (part, 1, place), {}) for place in range(part.shape[1])]
        return "parts", list, tuple([kind(column) for column in columns])

    made = kind(tensor)
    recorder.grown = True
    return [Segment(tuple(stacks), made)]


def rows(recorder: Recorder, tensor: torch.Tensor) -> list[Any]:
    """The rows of a tensor, whose number depends on data."""
    recorder.grown = True
    return [Segment((tensor,), ("tensor", tensor.dtype, tuple([str(expression(size)) for size in tensor.shape[1:]])))]


def whole(recorder: Recorder, items: Sequence[Any]) -> Segment | None:
    """A list as one segment, None where its elements are of different kinds."""
    kinds = {kind_of_element(item) for item in items}
    if len(kinds) != 1 or None in kinds:
        return None
    (kind,) = kinds
    assert kind is not None
    return collect(recorder, items, kind)


def split(lists: Sequence[Sequence[Any]]) -> tuple[int, Kind] | None:
    """How lists that differ in length are merged: the number of elements before the segment, and the segment's kind."""
    fixed = min(
        next((place for place, item in enumerate(items) if type(item) is Segment), len(items)) for items in lists
    )
    kinds = {kind_of_element(item) for items in lists for item in items[fixed:]}
    if len(kinds) != 1 or None in kinds:
        return None
    (kind,) = kinds
    assert kind is not None
    while fixed and all(kind_of_element(items[fixed - 1]) == kind for items in lists):
        fixed -= 1
    return fixed, kind


def take(recorder: Recorder, segment: Segment, index: Any) -> Any:
    """The element at a place that is known to be in the segment."""
    rows: list[Any] = []
    for stack, leaf in zip(segment.stacks, leaf_kinds(segment.kind), strict=True):
        row = stack[index]
        recorder.elements.add(id(recorder.fake(row)))
        rows.append(row if leaf[0] == "tensor" else recorder.read(row, own=True))
    return elements(segment.kind, iter(rows))


def sliced(segment: Segment, part: slice) -> Segment:
    """Some of the elements."""
    return Segment(tuple([stack[part] for stack in segment.stacks]), segment.kind)


def repeated(recorder: Recorder, items: Sequence[Any], count: Any) -> Segment | None:
    """The elements of a list `count` times, None where they are of different kinds."""
    segment = whole(recorder, items)
    if segment is None:
        return None
    times = torch.sym_max(count, 0)  # type: ignore[no-untyped-call]
    stacks = [
        recorder.record(torch.Tensor.repeat, (stack, times, *[1] * (stack.dim() - 1)), {}) for stack in segment.stacks
    ]
    return Segment(tuple(stacks), segment.kind)


def reversed(recorder: Recorder, segment: Segment) -> Segment:
    """The elements in the opposite order."""
    return Segment(tuple([recorder.record(torch.flip, (stack, (0,)), {}) for stack in segment.stacks]), segment.kind)


def refusal(problem: Callable[[str, str, str], Problem], what: str) -> Problem:
    """That something cannot be done with a list that grows in a loop."""
    return problem(
        f"{what} of a list that grows in a loop whose number of iterations depends on data",
        "the list is kept as the rows of tensors, which have one dtype and shape",
        "use append, insert, pop, remove, len, indices, slices, a for loop, torch.stack, torch.cat or torch.tensor",
    )


def as_rows(recorder: Recorder, value: Any) -> Any:
    """A result with its lists that grow in a loop as `Rows`. Raises StructureError."""
    from adaptc.compiler.frontend.arrays import HostArray

    if isinstance(value, HostArray):
        raise StructureError("output", "a NumPy array", "return the tensor")
    if holds(value):
        segment = whole(recorder, value)
        if segment is None:
            raise StructureError("output", "a list that grows by elements of different kinds", "return two lists")
        numbers = tuple([leaf[0] != "tensor" for leaf in leaf_kinds(segment.kind)])
        return Rows(elements(segment.kind, iter(segment.stacks)), "tuple" if type(value) is tuple else "list", numbers)
    if type(value) in (list, tuple):
        return type(value)([as_rows(recorder, item) for item in value])
    if type(value) is dict:
        return {key: as_rows(recorder, item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[as_rows(recorder, item) for item in value])
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        result = copy.copy(value)
        for name, item in vars(value).items():
            object.__setattr__(result, name, as_rows(recorder, item))
        if isinstance(result, dict):
            for key, item in list(result.items()):
                dict.__setitem__(result, key, as_rows(recorder, item))
        return result
    return value
