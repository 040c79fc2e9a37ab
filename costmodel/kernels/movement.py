"""Kernels that move elements without computing with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adaptc.costmodel.graph import Call, Value
from adaptc.costmodel.kernels.kernel import Grouping, Handler
from adaptc.costmodel.kernels.pointwise import whole

_VIEWS = ("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "_unsafe_view", "view_as", "ravel")


def reshape(grouping: Grouping, call: Call) -> None:
    """A view: nothing is moved, but what comes into the unit or goes out of it is copied."""
    given, result = call.tensors[0], call.result
    grouping.need_plain(given, call)
    grouping.give_plain(result)
    if result.shape == (1, *given.shape) and grouping.next(result, ("scaled_dot_product_attention",)) is not None:
        return  # attention takes heads of one batch as they are
    if given.shape != result.shape:
        copied = result.bytes if grouping.is_border(given) or grouping.is_border(result) else 0
        grouping.add("reshape", "Reshape", call, {"bytes": float(copied)})


def moves(grouping: Grouping, call: Call, op: str, result: Value, run: float, kind: str) -> None:
    """A kernel that copies the elements of `result` in runs of `run` elements that lie side by side."""
    for value in call.tensors:
        if not value.constant:
            grouping.need_plain(value, call)
    runs = result.elements / max(1.0, run)
    grouping.add(kind, op, call, {"bytes": float(result.bytes), "runs": runs})
    for value in call.results:
        grouping.give_plain(value)


def permutation(call: Call) -> list[int]:
    """The axes of the argument in the order in which the result has them."""
    rank = len(call.result.shape)
    order = list(range(rank))
    if call.name in ("permute", "movedim"):
        given = call.args[1]
        if call.name == "permute":
            return [axis % rank for axis in given]
        source, target = ([axis] if isinstance(axis, int) else list(axis) for axis in call.args[1:3])
        rest = iter(axis for axis in order if axis not in {each % rank for each in source})
        places = dict(zip((each % rank for each in target), (each % rank for each in source)))
        return [places[place] if place in places else next(rest) for place in order]
    first, second = (0, 1) if call.name in ("t", "numpy_T") else (call.args[1] % rank, call.args[2] % rank)
    if rank > 1:
        order[first], order[second] = order[second], order[first]
    return order


def _transpose(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    order = permutation(call)
    rank = len(order)
    swapped = order == [*range(rank - 2), rank - 1, rank - 2]
    if swapped and grouping.next(call.result, ("matmul", "bmm", "baddbmm", "mm")) is not None:
        grouping.need_plain(given, call)
        grouping.fused_products.add(call.result.name)
        grouping.give_plain(call.result)
        return
    if order == [0, 2, 3, 1] and grouping.is_only_blocked(given) and grouping.graph.uses[given.name] == 1:
        grouping.need_plain(given, call)  # the kernel that leaves the blocked layout moves the channels to the end
        grouping.give_plain(call.result)
        return
    grouping.need_plain(given, call)
    large = [axis for axis in order if given.shape[axis] != 1]
    if large == sorted(large):
        grouping.add("copy", "Transpose", call, {"bytes": float(call.result.bytes)})
        grouping.give_plain(call.result)
        return
    run = 1.0
    for place in reversed(range(rank)):
        if order[place] != place:
            break
        run *= given.shape[place]
    kind = "transpose" if _moves_one_axis(order, given.shape) else "transpose.general"
    moves(grouping, call, "Transpose", call.result, run, kind)


def _moves_one_axis(order: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether the axes keep their order but for one, or some that stay together, for which the engine has a loop of its
    own."""
    large = [axis for axis in order if shape[axis] != 1]
    merged: list[int] = []
    ranks = {axis: rank for rank, axis in enumerate(sorted(large))}
    for axis in large:
        if not merged or ranks[axis] != merged[-1] + 1:
            merged.append(ranks[axis])
        else:
            merged[-1] = ranks[axis]
    return len(merged) <= 3


def _inner(result: Value, axis: int) -> float:
    """The elements from `axis` on."""
    run = 1.0
    for extent in result.shape[axis:]:
        run *= extent
    return run


def _axis(call: Call, place: int, rank: int, default: int = 0) -> int:
    given: Any = call.args[place] if len(call.args) > place else default
    return int(given if isinstance(given, int) else default) % max(1, rank)


def _concatenate(grouping: Grouping, call: Call) -> None:
    rank = len(call.result.shape)
    axis = _axis(call, 1, rank)
    parts = call.tensors
    if call.name == "stack":
        for value in parts:
            if not value.constant:
                grouping.need_plain(value, call)
                grouping.add("reshape", "Unsqueeze", call, {"bytes": 0.0})
    blocked = [value for value in parts if grouping.has_blocked(value)]
    whole = all(len(value.shape) == 4 and value.shape[1] % grouping.channels == 0 for value in parts)
    if axis == 1 and whole and len(blocked) == len(parts) and rank == 4:
        terms = {"bytes": float(call.result.bytes), "runs": float(len(parts))}
        grouping.add("concat", "Concat", call, terms)
        grouping.give_blocked(call.result)
        return
    moves(grouping, call, "Concat", call.result, _inner(call.result, axis) / max(1, len(parts)), "concat")


def _slice(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    rank = len(given.shape)
    axis = _axis(call, 1, rank)
    siblings = [
        other
        for other in grouping.graph.users.get(given.name, [])
        if other.name == "slice" and not grouping.is_absorbed(other) and _axis(other, 1, rank) == axis
    ]
    parts = sum(other.result.shape[axis] for other in siblings)
    if call.result.shape == given.shape:
        reshape(grouping, call)
    elif len(siblings) > 1 and parts == given.shape[axis] and siblings[0] is call:
        _split_into(grouping, call, given, [other.result for other in siblings], axis)
        for other in siblings[1:]:
            grouping.absorb(other)
    else:
        moves(grouping, call, "Slice", call.result, _inner(call.result, axis), "slice")


def _split_into(grouping: Grouping, call: Call, given: Value, parts: Sequence[Value], axis: int) -> None:
    grouping.need_plain(given, call)
    run = _inner(given, axis) / max(1, len(parts))
    terms = {"bytes": float(sum(part.bytes for part in parts)), "runs": given.elements / max(1.0, run)}
    grouping.add("split", "Split", call, terms)
    for part in parts:
        grouping.give_plain(part)


def _split(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    place = 2 if call.name != "unbind" else 1
    axis = _axis(call, place, len(given.shape))
    _split_into(grouping, call, given, call.results, axis)
    if call.name == "unbind":
        for _ in call.results:
            grouping.add("reshape", "Squeeze", call, {"bytes": 0.0})


def _select(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    axis = _axis(call, 1, len(given.shape))
    siblings = [
        other
        for other in grouping.graph.users.get(given.name, [])
        if other.name == "select" and not grouping.is_absorbed(other) and _axis(other, 1, len(given.shape)) == axis
    ]
    if axis == 0 and len(siblings) > 1 and len(siblings) == given.shape[axis]:
        _split_into(grouping, call, given, [other.result for other in siblings], axis)
        for other in siblings:
            grouping.add("reshape", "Squeeze", call, {"bytes": 0.0})
            grouping.absorb(other)
        return
    moves(grouping, call, "Gather", call.result, _inner(call.result, axis), "gather")


def _gather_rows(grouping: Grouping, call: Call) -> None:
    source, index = call.tensors[0], call.tensors[-1]
    if call.name != "embedding" and not index.constant and grouping.is_first(f"rows {index.name}"):
        grouping.add("reshape", "Reshape", call, {"bytes": float(index.bytes)})
    if call.name == "embedding":
        run = float(source.shape[-1])
    else:
        run = call.result.elements / max(1, index.elements)
    moves(grouping, call, "Gather", call.result, run, "gather")


def _gather_elements(grouping: Grouping, call: Call) -> None:
    moves(grouping, call, "GatherElements", call.result, 1.0, "gather")


def _take_along(grouping: Grouping, call: Call) -> None:
    index = call.tensors[-1]
    moves(grouping, call, "Expand", call.result, float(max(1, call.result.shape[-1])), "expand")
    grouping.add("division", "Mod", call, whole(index, 2))
    moves(grouping, call, "GatherElements", call.result, 1.0, "gather")


def _scatter(grouping: Grouping, call: Call) -> None:
    source = call.tensors[-1]
    terms = {"bytes": float(call.result.bytes), "runs": float(source.elements)}
    for value in call.tensors:
        if not value.constant:
            grouping.need_plain(value, call)
    grouping.add("scatter", "ScatterElements", call, terms)
    grouping.give_plain(call.result)


def _scatter_rows(grouping: Grouping, call: Call) -> None:
    index = next((value for value in call.tensors if not value.is_float), call.result)
    if grouping.is_first(f"rows {index.name}"):
        grouping.add("reshape", "Reshape", call, {"bytes": 0.0})
    moves(grouping, call, "ScatterND", call.result, float(max(1, call.result.shape[-1])), "scatter")


def _one_hot(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    grouping.need_plain(given, call)
    grouping.add("reshape", "Reshape", call, {"bytes": float(given.bytes)})
    terms = {"elements": float(call.result.elements), "bytes": float(call.result.bytes), "spans": float(given.elements)}
    grouping.add("integer", "Compare", call, terms)
    grouping.add("cast", "Cast", call, {**terms, "spans": 0.0})
    grouping.give_plain(call.result)


def _pad(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    if grouping.next(call.result, ("conv1d", "conv2d", "conv3d", "convolution")) is not None:
        grouping.pass_on(given, call.result)  # a convolution pads by itself
        return
    moves(grouping, call, "Pad", call.result, float(call.result.shape[-1]), "pad")


def _copy(op: str, kind: str) -> Handler:
    def handler(grouping: Grouping, call: Call) -> None:
        last = float(call.result.shape[-1]) if call.result.shape else 1.0
        moves(grouping, call, op, call.result, last, kind)

    return handler


def _expand(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    if given.shape == call.result.shape:
        grouping.need_plain(given, call)
        grouping.give_plain(call.result)
        return
    run = 1.0
    padded = [1] * (len(call.result.shape) - len(given.shape)) + list(given.shape)
    for extent, wanted in zip(reversed(padded), reversed(call.result.shape)):
        if extent != wanted:
            break
        run *= wanted
    moves(grouping, call, "Expand", call.result, run, "expand")


def _flip(grouping: Grouping, call: Call) -> None:
    moves(grouping, call, "Slice", call.result, 1.0, "slice")


def _repeat(grouping: Grouping, call: Call) -> None:
    grouping.add("reshape", "Reshape", call, {"bytes": 0.0})
    moves(grouping, call, "Expand", call.result, float(call.result.shape[-1]), "expand")
    grouping.add("reshape", "Reshape", call, {"bytes": 0.0})


def _roll(grouping: Grouping, call: Call) -> None:
    for op, kind in (("Slice", "slice"), ("Slice", "slice"), ("Concat", "concat")):
        moves(grouping, call, op, call.result, float(call.result.shape[-1]), kind)


def _fill(grouping: Grouping, call: Call) -> None:
    grouping.add("fill", "ConstantOfShape", call, {"bytes": float(call.result.bytes), "runs": 1.0})
    grouping.give_plain(call.result)


def _found(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    grouping.need_plain(given, call)
    grouping.add("nonzero", "NonZero", call, {"elements": float(given.elements)})
    grouping.add(
        "transpose", "Transpose", call, {"bytes": float(call.result.bytes), "runs": float(call.result.elements)}
    )
    grouping.give_plain(call.result)


def _found_by_axis(grouping: Grouping, call: Call) -> None:
    """The places along each axis, taken out of one array; where all are used, the engine cuts it apart."""
    (given, *_) = call.tensors
    grouping.need_plain(given, call)
    grouping.add("nonzero", "NonZero", call, {"elements": float(given.elements)})
    is_cut = 1 < len(given.shape) == len(call.results)
    if is_cut:
        size = float(sum(result.bytes for result in call.results))
        grouping.add("split", "Split", call, {"bytes": size, "runs": float(len(call.results))})
    for result in call.results:
        if is_cut or len(given.shape) == 1:
            grouping.add("reshape", "Squeeze", call, {"bytes": 0.0})
        else:
            grouping.add("gather", "Gather", call, {"bytes": float(result.bytes), "runs": 1.0})
        grouping.give_plain(result)


HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(_VIEWS, reshape),
    **dict.fromkeys(("permute", "transpose", "t", "movedim", "numpy_T"), _transpose),
    **dict.fromkeys(("cat", "stack", "concat"), _concatenate),
    "slice": _slice,
    **dict.fromkeys(("split", "chunk", "split_with_sizes", "unbind"), _split),
    "select": _select,
    **dict.fromkeys(("embedding", "index_select", "index"), _gather_rows),
    "gather": _gather_elements,
    "take_along_dim": _take_along,
    **dict.fromkeys(("scatter", "scatter_add", "scatter_reduce"), _scatter),
    **dict.fromkeys(("index_add", "index_put", "index_copy"), _scatter_rows),
    **dict.fromkeys(("slice_scatter", "select_scatter"), _copy("ScatterND", "scatter")),
    **dict.fromkeys(("expand", "expand_as", "broadcast_to"), _expand),
    "repeat": _copy("Tile", "expand"),
    "repeat_interleave": _repeat,
    **dict.fromkeys(("constant_pad_nd", "pad"), _pad),
    "flip": _flip,
    "roll": _roll,
    **dict.fromkeys(("tril", "triu"), _copy("Trilu", "slice")),
    **dict.fromkeys(("zeros", "ones", "full", "zeros_like", "ones_like", "full_like", "new_zeros"), _fill),
    **dict.fromkeys(("arange", "scalar_tensor"), _fill),
    "nonzero": _found,
    "nonzero_numpy": _found_by_axis,
    "one_hot": _one_hot,
}
