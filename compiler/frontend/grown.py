"""Functions of lists that have grown in a loop of the network (segments.py)."""

from __future__ import annotations

import builtins
from types import BuiltinMethodType
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend import arithmetic, list_prelude, segments
from adaptc.compiler.frontend.assembling import assemble
from adaptc.compiler.frontend.interpreted import Special
from adaptc.compiler.frontend.signals import Refused

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine


def keeps_order(method: BuiltinMethodType, args: tuple[Any, ...]) -> bool:
    """Whether a method of a list that has grown does to the list what it does to its parts."""
    elements: list[Any] = method.__self__  # type: ignore[assignment]
    if method.__name__ == "pop":
        return not args and type(elements[-1]) is not segments.Segment
    return method.__name__ in {"append", "extend", "copy", "clear"}


def change(machine: Machine, method: BuiltinMethodType) -> None:
    """Call a method that changes a list that has grown. Raises Refused for all but ``reverse``."""
    elements: list[Any] = method.__self__  # type: ignore[assignment]
    segment = segments.whole(machine.recorder, elements) if method.__name__ == "reverse" else None
    if segment is None:
        raise Refused(segments.refusal(machine.problem, f"{method.__name__}()"))
    elements[:] = [segments.reversed(machine.recorder, segment)]


def put_element(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> None:
    """Replace the element at a place that a list has. Raises Refused for one of another kind."""
    items, index, value = args
    segment, other = _with_element(machine, items, value)
    place = machine.recorder.record(assemble, ([index], torch.int64), {})
    stacks = [stack.index_copy(0, place, row) for stack, row in zip(segment.stacks, other.stacks, strict=True)]
    items[:] = [segments.Segment(tuple(stacks), segment.kind)]


def insert_element(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> None:
    """Put an element before a place of a list, or at its end. Raises Refused for one of another kind."""
    items, index, value = args
    segment, other = _with_element(machine, items, value)
    count = segment.count
    places = torch.arange(count + 1)
    places = torch.where(places < index, places, torch.where(places == index, count, places - 1))
    stacks = [torch.cat([stack, row])[places] for stack, row in zip(segment.stacks, other.stacks, strict=True)]
    items[:] = [segments.Segment(tuple(stacks), segment.kind)]


def _with_element(machine: Machine, items: list[Any], value: Any) -> tuple[segments.Segment, segments.Segment]:
    """A list and an element of it, each as a segment. Raises Refused where they are of different kinds."""
    segment = segments.whole(machine.recorder, items)
    other = segments.whole(machine.recorder, [value])
    if segment is None or other is None or segment.kind != other.kind:
        raise Refused(segments.refusal(machine.problem, "an element of another kind put among those"))
    return segment, other


def drop_element(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> None:
    """Take out the element at a place that a list has. Raises Refused where elements are of different kinds."""
    items, index = args
    segment = segments.whole(machine.recorder, items)
    if segment is None:
        raise Refused(segments.refusal(machine.problem, "an element taken out"))
    places = torch.arange(segment.count)
    places = places[places != index]
    items[:] = [segments.Segment(tuple([stack[places] for stack in segment.stacks]), segment.kind)]


def _tensor(machine: Machine, items: Any, what: str) -> tuple[torch.Tensor, segments.Kind]:
    segment = segments.whole(machine.recorder, items) if segments.holds(items) else None
    if segment is None or len(segment.stacks) != 1:
        raise Refused(segments.refusal(machine.problem, what))
    return segment.stacks[0], segment.kind


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any], position: int, name: str, default: Any) -> Any:
    return args[position] if len(args) > position else kwargs.get(name, default)


def _stack(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    stacked, _ = _tensor(machine, _argument(args, kwargs, 0, "tensors", None), "torch.stack()")
    dim = _argument(args, kwargs, 1, "dim", 0)
    return torch.movedim(stacked, 0, dim) if dim % stacked.dim() else stacked


def _cat(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    stacked, _ = _tensor(machine, _argument(args, kwargs, 0, "tensors", None), "torch.cat()")
    dim = _argument(args, kwargs, 1, "dim", kwargs.get("axis", 0)) % (stacked.dim() - 1)
    return torch.movedim(stacked, 0, dim).flatten(dim, dim + 1)


def _as_tensor(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    stacked, kind = _tensor(machine, _argument(args, kwargs, 0, "data", None), "torch.tensor()")
    dtype = _argument(args, kwargs, 1, "dtype", None)
    if kind[0] == "float" and dtype is None:
        dtype = torch.get_default_dtype()
    return stacked.clone() if dtype is None else stacked.to(dtype)


def _len(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    return arithmetic.length(args[0])


SPECIALS: dict[Any, Special] = {
    torch.stack: _stack,
    torch.cat: _cat,
    torch.concat: _cat,
    torch.concatenate: _cat,
    torch.tensor: _as_tensor,
    torch.as_tensor: _as_tensor,
    builtins.len: _len,
    list_prelude.put_element: put_element,
    list_prelude.insert_element: insert_element,
    list_prelude.drop_element: drop_element,
    builtins.list: lambda machine, args, kwargs, dst: list(args[0]),
    builtins.tuple: lambda machine, args, kwargs, dst: tuple(args[0]),
}
"""What becomes of calls that are given such a list."""

AS_USUAL = frozenset(
    {
        builtins.bool, builtins.isinstance, builtins.type, builtins.iter, builtins.enumerate, builtins.zip,
        builtins.map, builtins.filter,
    }
)  # fmt: skip
"""Functions that treat it like any other sequence."""
