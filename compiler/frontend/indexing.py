"""Parts of tensors that are taken and assigned: places, slices and masks, known or dependent on data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend import arrays, masks, parts, segments, slices
from adaptc.compiler.frontend.assembling import assemble
from adaptc.compiler.frontend.draft import leaves
from adaptc.compiler.frontend.signals import Refused
from adaptc.compiler.frontend.symbols import Symbolic

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder


def is_data_index(recorder: Recorder, item: Any) -> bool:
    if isinstance(item, torch.SymInt):
        return True
    return (
        isinstance(item, torch.Tensor)
        and item.dim() == 0
        and item.dtype in (torch.int64, torch.int32, torch.int16, torch.int8)
    )


def is_size(recorder: Recorder, item: Any) -> bool:
    """Whether a number is made of sizes of inputs and of tensors that a loop changes."""
    return isinstance(item, torch.SymInt) and all(s in recorder.dimensions for s in item.node.expr.free_symbols)


def _one_place(recorder: Recorder, items: list[Any]) -> bool:
    """Whether an index is one number among slices."""
    numbers = [item for item in items if type(item) is int or is_data_index(recorder, item)]
    return len(numbers) == 1 and all(
        isinstance(item, slice) or item is Ellipsis for item in items if item is not numbers[0]
    )


def _set_part(recorder: Recorder, tensor: torch.Tensor, items: list[Any], value: Any) -> None:
    """``x[:, i] = v``: the number becomes an index of one element, and the value gets a dimension for it."""
    position = next(place for place, item in enumerate(items) if is_data_index(recorder, item))
    behind = items[position + 1 :]
    named = len(items) - sum(item is Ellipsis for item in items)
    dims = recorder.fake(tensor).dim()
    after = dims - 1 - position if Ellipsis not in items[:position] else len(behind)
    if Ellipsis not in items:
        after = len(behind) + dims - named
    place = recorder.record(torch.reshape, (recorder.record(assemble, (items[position], torch.int64), {}), (1,)), {})
    value = _trimmed(recorder, value, dims - 1)
    if isinstance(value, torch.Tensor) and recorder.fake(value).dim() > after:
        value = recorder.record(torch.unsqueeze, (value, -1 - after), {})
    index = (*items[:position], place, *behind)
    recorder.record(torch.Tensor.__setitem__, (tensor, index, value), {})


def _trimmed(recorder: Recorder, value: Any, rank: int) -> Any:
    """What is assigned to a part of `rank` dimensions, without dimensions of one element that come before these."""
    while isinstance(value, torch.Tensor) and recorder.fake(value).dim() > rank and recorder.fake(value).shape[0] == 1:
        value = recorder.record(torch.squeeze, (value, 0), {})
    return value


def _within(index: torch.SymInt, size: Any) -> bool:
    """Whether torch, which computes with examples of sizes, takes `index` for one of a dimension of `size`."""
    example = size if isinstance(size, int) else size.node.hint
    place = index.node.hint
    return example is not None and place is not None and -example <= place < example


def _extents(tensor: torch.Tensor, items: list[Any]) -> list[Any]:
    """The size that each item of an index is for; None for those that are for none or for several."""
    if any(isinstance(item, (list, torch.Tensor)) and not _is_number(item) for item in items):
        return [None] * len(items)
    behind = next((number for number, item in enumerate(items) if item is Ellipsis), len(items))
    consumed = [item is not None and item is not Ellipsis for item in items]
    sizes = [*tensor.shape[: sum(consumed[:behind])], *tensor.shape[tensor.dim() - sum(consumed[behind:]) :]]
    remaining = iter(sizes)
    return [next(remaining, None) if takes else None for takes in consumed]


def _is_number(item: Any) -> bool:
    return isinstance(item, torch.Tensor) and item.dim() == 0 and item.dtype != torch.bool


def _beyond_example(item: Any, extent: Any) -> bool:
    """Whether torch, which computes with examples of sizes, would take a number for one that a dimension lacks."""
    if type(item) is not int or not isinstance(extent, torch.SymInt):
        return False
    example = extent.node.hint
    return example is not None and not -example <= item < example


def get_item(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``x[..., i]`` where `i` is one number that depends on data: an index_select, in eager PyTorch a view."""
    tensor, index = args
    items = [_plain(recorder, item) for item in (index if isinstance(index, tuple) else (index,))]
    items = slices.settled(recorder, recorder.fake(tensor).shape, items)
    index = tuple(items) if isinstance(index, tuple) else items[0]
    if any(masks.is_mask(item) for item in items):
        if (rows := _repeated(recorder, recorder.fake(tensor), items)) is not None:
            chosen = recorder.record(func, (tensor, masks.with_places(recorder, rows)), kwargs)
            return recorder.record(torch.flatten, (chosen, 0, 1), {})
        return recorder.record(func, (tensor, masks.with_places(recorder, index)), kwargs)
    base = recorder.fake(tensor)
    positions = [
        number
        for number, (item, extent) in enumerate(zip(items, _extents(base, items), strict=True))
        if is_data_index(recorder, item) or _beyond_example(item, extent)
    ]
    regular = all(item is None or item is Ellipsis or isinstance(item, (int, slice, *Symbolic)) for item in (
        item for number, item in enumerate(items) if number not in positions
    ))  # fmt: skip
    if not positions or not regular or any(isinstance(item, bool) for item in items):
        return recorder.record(func, (tensor, index), kwargs)
    consumed = sum(item is not None and item is not Ellipsis for item in items)
    dim, result = 0, base
    dims: list[int] = []
    places: list[torch.Tensor] = []
    at = list(items)
    for number, item in enumerate(items):
        if item is Ellipsis:
            dim += base.dim() - consumed
        elif item is not None:
            if number in positions:
                if is_size(recorder, item) and _within(item, base.shape[dim]):
                    result = recorder.record(torch.select, (result, dim, item), {})
                    result = recorder.record(torch.unsqueeze, (result, dim), {})
                    items[number] = at[number] = 0
                    dim += 1
                    continue
                where = recorder.record(assemble, (item, torch.int64), {})
                size = base.shape[dim]
                wrapped = recorder.record(
                    torch.where,
                    (recorder.record(torch.lt, (where, 0), {}), recorder.record(torch.add, (where, size), {}), where),
                    {},
                )
                dims.append(dim)
                places.append(wrapped)
                items[number], at[number] = 0, wrapped
            dim += 1
    if not dims:
        return recorder.record(func, (result, tuple(items)), kwargs)
    part = recorder.record(parts.part_at, (result, tuple(dims), tuple(places), tuple(items)), {})
    if _can_be_put(recorder, at):
        recorder.parts[id(part)] = parts.Placed(result, tuple(at))
    else:
        parts.taken(recorder, base, part)
    return part


def _can_be_put(recorder: Recorder, items: list[Any]) -> bool:
    """Whether `set_item` assigns to what an index takes."""
    return _one_place(recorder, items) or all(type(item) is int or is_data_index(recorder, item) for item in items)


def put(recorder: Recorder, part: torch.Tensor) -> None:
    """Put a part that has changed in place back where it was taken."""
    placed = recorder.parts[id(part)]
    assert isinstance(placed, parts.Placed)
    set_item(recorder, torch.Tensor.__setitem__, (placed.base, placed.index, part), {})


def _repeated(recorder: Recorder, tensor: torch.Tensor, items: list[Any]) -> torch.Tensor | None:
    """The mask of whole rows that an index consists of, where it is one: all that it selects then has known sizes."""
    if len(items) != 1 or not masks.is_mask(items[0]):
        return None
    mask = recorder.fake(items[0])
    whole = mask.dtype == torch.bool and mask.dim() <= tensor.dim() and mask.shape == tensor.shape[: mask.dim()]
    return masks.of_rows(recorder, mask) if whole else None


def _plain(recorder: Recorder, item: Any) -> Any:
    """A slice with host scalars in place of tensors; a list of numbers that depend on data as a tensor."""
    item = arrays.plain(item)
    if segments.holds(item):
        segment = segments.whole(recorder, item)
        if segment is None or len(segment.stacks) != 1:
            raise Refused(segments.refusal(recorder.problem, "an index"))
        return segment.stacks[0]
    if isinstance(item, list) and any(isinstance(leaf, (torch.Tensor, *Symbolic)) for leaf in leaves(item)):
        return recorder.record(assemble, (item, None), {})
    if not isinstance(item, slice):
        return item
    bounds = (item.start, item.stop, item.step)
    return slice(*[recorder.read(bound, own=True) if isinstance(bound, torch.Tensor) else bound for bound in bounds])


def set_item(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``x[i, j] = v`` where `i` or `j` is one number that depends on data: an index_put."""
    tensor, index, value = args
    items = [_plain(recorder, item) for item in (index if isinstance(index, tuple) else (index,))]
    items = slices.settled(recorder, recorder.fake(tensor).shape, items)
    if any(masks.is_mask(item) for item in items) and isinstance(value, torch.Tensor) and value.dim():
        index = masks.with_places(recorder, tuple(items))
        return recorder.record(func, (tensor, index, value), kwargs)
    whole = all(type(item) is int or is_data_index(recorder, item) for item in items)
    if not whole and any(is_data_index(recorder, item) for item in items) and _one_place(recorder, items):
        return _set_part(recorder, tensor, items, value)
    if not whole or not any(is_data_index(recorder, item) for item in items):
        return recorder.record(func, (tensor, tuple(items) if isinstance(index, tuple) else items[0], value), kwargs)
    places = tuple([recorder.record(assemble, (item, torch.int64), {}) for item in items])
    dtype = recorder.fake(tensor).dtype
    content = recorder.record(assemble, (value, dtype), {}) if not isinstance(value, torch.Tensor) else value
    content = _trimmed(recorder, content, recorder.fake(tensor).dim() - len(items))
    recorder.record(
        torch.Tensor.index_put_, (tensor, places, recorder.record(torch.Tensor.to, (content, dtype), {})), {}
    )
    return None
