"""Operators that choose elements by their places, or find places."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from adaptc.compiler.onnx_input.registry import Unsupported, operator


def _wrapped(indices: Tensor, size: Any) -> Tensor:
    """Indices that count from the front; negative ones count from the end."""
    indices = indices.to(torch.int64)
    return torch.where(indices < 0, indices + size, indices)


@operator("Gather")
def gather(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    """Slices of `x` along `axis`."""
    places = indices.to(torch.int64)
    axis = axis % x.dim()
    if places.dim() == 0:
        return x[(slice(None),) * axis + (places.reshape(1),)].squeeze(axis)
    return x[(slice(None),) * axis + (places,)]


@operator("GatherElements", 11)
def gather_elements(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    """`torch.gather`, also with negative indices."""
    return torch.gather(x, axis, _wrapped(indices, x.shape[axis]))


@operator("GatherND", 11)
def gather_nd(x: Tensor, indices: Tensor, *, batch_dims: int = 0) -> Tensor:
    """Elements or slices of `x` at indices of several dimensions."""
    depth = indices.shape[-1]
    places: list[Tensor] = []
    for axis in range(batch_dims):
        rows = torch.arange(x.shape[axis])
        places.append(rows.reshape([-1 if i == axis else 1 for i in range(indices.dim() - 1)]))
    places += [indices[..., part].to(torch.int64) for part in range(depth)]
    return x[tuple(places)]


_REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


@operator("ScatterElements", 11)
def scatter_elements(x: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none") -> Tensor:
    """`x` with other elements at some places along `axis`."""
    places = _wrapped(indices, x.shape[axis])
    if reduction == "none":
        return torch.scatter(x, axis, places, updates)
    return torch.scatter_reduce(x, axis, places, updates, _REDUCTIONS[reduction])


@operator("Scatter", 9)
def scatter(x: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0) -> Tensor:
    """`x` with other elements at some places along `axis`."""
    return scatter_elements(x, indices, updates, axis=axis)


@operator("ScatterND", 11)
def scatter_nd(x: Tensor, indices: Tensor, updates: Tensor, *, reduction: str = "none") -> Tensor:
    """`x` with other elements or slices at indices of several dimensions."""
    depth = indices.shape[-1]
    if reduction in ("none", "add"):
        places = tuple(indices[..., part].to(torch.int64) for part in range(depth))
        return x.index_put(places, updates, accumulate=reduction == "add")
    # one number for each slice of x that indices may name
    number = torch.zeros(indices.shape[:-1], dtype=torch.int64)
    count: Any = 1
    for part in range(depth):
        number = number * x.shape[part] + _wrapped(indices[..., part], x.shape[part])
        count = count * x.shape[part]
    rest = list(x.shape[depth:])
    flat = x.reshape([count, *rest])
    rows = updates.reshape([-1, *rest])
    places_of_rows = number.reshape([-1, *[1] * len(rest)]).expand(rows.shape)
    return torch.scatter_reduce(flat, 0, places_of_rows, rows, _REDUCTIONS[reduction]).reshape(x.shape)


@operator("TensorScatter", 24)
def tensor_scatter(
    past: Tensor, update: Tensor, starts: Tensor | None = None, *, axis: int = -2, mode: str = "linear"
) -> Tensor:
    """A cache with new entries, in each row from its start on; "circular" goes on at the front."""
    axis = axis % past.dim()
    steps = torch.arange(update.shape[axis])
    first = torch.zeros(past.shape[0], dtype=torch.int64) if starts is None else starts.to(torch.int64)
    places = first.unsqueeze(1) + steps
    if mode == "circular":
        places = torch.remainder(places, past.shape[axis])
    shape = [1] * past.dim()
    shape[0], shape[axis] = -1, update.shape[axis]
    return torch.scatter(past, axis, places.reshape(shape).expand(update.shape), update)


@operator("Slice", 10, host={1: "ints", 2: "ints", 3: "ints", 4: "ints"})
def slice_(
    x: Tensor,
    starts: list[Any],
    ends: list[Any],
    axes: list[int] | None = None,
    steps: list[int] | None = None,
) -> Tensor:
    """Python's slices along `axes`; steps may be negative."""
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    for start, end, axis, step in zip(starts, ends, axes, steps):
        if not isinstance(axis, int) or not isinstance(step, int):
            raise Unsupported("Slice along axes, or by steps, that depend on data")
        axis = axis % x.dim()
        if step > 0:
            x = x[(slice(None),) * axis + (slice(start, end, step),)]
        else:
            x = _backwards(x, start, end, axis, step)
    return x


def _backwards(x: Tensor, start: Any, end: Any, axis: int, step: int) -> Tensor:
    size = x.shape[axis]
    if not isinstance(start, int) or not isinstance(end, int):
        raise Unsupported("Slice backwards between ends that depend on data")
    if isinstance(size, int):
        return x.index_select(axis, torch.tensor(list(range(size))[start:end:step], dtype=torch.int64))
    if step != -1 or not (start == -1 or start >= 2**31 - 1) or end > -(2**31) + 1:
        raise Unsupported("Slice backwards through a part of a dimension whose size varies")
    return x.flip(axis)


@operator("Slice")
def slice_1(x: Tensor, *, starts: list[int], ends: list[int], axes: list[int] | None = None) -> Tensor:
    """Python's slices along `axes`."""
    return slice_(x, starts, ends, axes)


@operator("TopK", 10, host={1: "int"}, many=True)
def top_k(x: Tensor, k: Any, *, axis: int = -1, largest: int = 1, sorted: int = 1) -> tuple[Tensor, Tensor]:
    """The greatest elements and their places; of equal ones the first."""
    # torch.topk takes any of equal elements, a stable sort the first
    values, places = torch.sort(x, dim=axis, descending=bool(largest), stable=True)
    axis = axis % x.dim()
    return values.narrow(axis, 0, k), places.narrow(axis, 0, k)


@operator("TopK", 1, many=True)
def top_k_1(x: Tensor, *, k: int, axis: int = -1) -> tuple[Tensor, Tensor]:
    """The greatest elements and their places."""
    return top_k(x, k, axis=axis)


@operator("NonZero", 9)
def non_zero(x: Tensor) -> Tensor:
    """The places of the elements that are not zero, a column for each."""
    return torch.nonzero(x).transpose(0, 1)


@operator("Compress", 9)
def compress(x: Tensor, condition: Tensor, *, axis: int | None = None) -> Tensor:
    """The slices for which the condition holds."""
    if axis is None:
        x, axis = x.reshape(-1), 0
    places = torch.nonzero(condition).reshape(-1)
    return x.index_select(axis % x.dim(), places)


def _extreme(x: Tensor, axis: int, keepdims: int, last: int, largest: bool) -> Tensor:
    axis = axis % x.dim()
    find = torch.argmax if largest else torch.argmin
    if not last:
        return find(x, dim=axis, keepdim=bool(keepdims))
    return x.shape[axis] - 1 - find(x.flip(axis), dim=axis, keepdim=bool(keepdims))


@operator("ArgMax")
def arg_max(x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    """The place of the greatest element along `axis`."""
    return _extreme(x, axis, keepdims, select_last_index, True)


@operator("ArgMin")
def arg_min(x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    """The place of the least element along `axis`."""
    return _extreme(x, axis, keepdims, select_last_index, False)


def _running(x: Tensor, axis: int, exclusive: int, reverse: int, product: bool) -> Tensor:
    if reverse:
        x = x.flip(axis)
    total = (torch.cumprod if product else torch.cumsum)(x, axis).to(x.dtype)
    if exclusive:
        first = torch.full_like(x.narrow(axis, 0, 1), 1 if product else 0)
        total = torch.cat([first, total.narrow(axis, 0, x.shape[axis] - 1)], axis)
    return total.flip(axis) if reverse else total


@operator("CumSum", 11, host={1: "int"})
def cum_sum(x: Tensor, axis: int, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    """Running sums."""
    return _running(x, axis, exclusive, reverse, False)


@operator("CumProd", 26, host={1: "int"})
def cum_prod(x: Tensor, axis: int, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    """Running products."""
    return _running(x, axis, exclusive, reverse, True)
