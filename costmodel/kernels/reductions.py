"""Kernels that compute one number from many: sums, maxima, norms, softmax, orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adaptc.costmodel.graph import Call, Value
from adaptc.costmodel.kernels.kernel import Grouping, Handler
from adaptc.costmodel.kernels.pointwise import elementwise
from adaptc.costmodel.kernels.pooling import pool

_OPS = {"mean": "ReduceMean", "sum": "ReduceSum", "amax": "ReduceMax", "amin": "ReduceMin", "prod": "ReduceProd"} | {
    "logsumexp": "ReduceLogSumExp",
    "any": "ReduceSum",
    "all": "ReduceMin",
}


_KINDS = {"ReduceLogSumExp": "reduce.logsumexp", "ReduceL2": "reduce.length", "ReduceProd": "reduce.product"} | {
    "ReduceMax": "reduce.extreme",
    "ReduceMin": "reduce.extreme",
}
"""Kinds of reductions other than sums and means."""


def axes_of(value: Value, dims: object) -> list[int]:
    """The axes that `dims`, an argument of a reduction, names: all of them where it names none."""
    rank = len(value.shape)
    if isinstance(dims, int) and not isinstance(dims, bool):
        return [dims % max(1, rank)]
    if isinstance(dims, (list, tuple)) and dims:
        return sorted(dim % max(1, rank) for dim in dims if isinstance(dim, int))
    return list(range(rank))


def reduce(grouping: Grouping, call: Call, op: str, given: Value, axes: Sequence[int], kind: str = "reduce") -> None:
    """A kernel that reduces these axes of `given`. Those at the end are walked through in order; others are not."""
    grouping.need_plain(given, call)
    large = [axis for axis, extent in enumerate(given.shape) if extent != 1]
    over = [axis for axis in axes if axis in large]
    kept = given.elements
    for axis in over:
        kept //= max(1, given.shape[axis])
    at_end = over == large[len(large) - len(over) :]
    place = "last" if at_end or not over else "first" if over == large[: len(over)] else "middle"
    kind = _KINDS.get(op, kind)
    if kind == "arg" and kept == 1:  # one row is walked through several at once
        place = "all"
    if not given.is_float:
        kind = f"{kind}.integer"
    grouping.add(f"{kind}.{place}", op, call, {"elements": float(given.elements), "outputs": float(kept)})


def _reduction(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    dims = call.args[1] if len(call.args) > 1 else None
    casts = not given.is_float and call.name in ("any", "all", "mean", "sum")
    if casts:
        elementwise(grouping, call, "cast", "Cast", given, given)
    reduce(grouping, call, _OPS[call.name], given, axes_of(given, dims))
    if casts and call.name in ("any", "all"):
        elementwise(grouping, call, "cast", "Cast", call.result, call.result)
    for value in call.results:
        grouping.give_plain(value)


def _extreme(grouping: Grouping, call: Call) -> None:
    """``max`` and ``min``: the value, the place where that is used, or the larger one of two tensors."""
    if len(call.tensors) > 1:
        elementwise(grouping, call, "binary", "Max", call.result, *call.tensors)
        return
    (given,) = call.tensors
    dims = call.args[1] if len(call.args) > 1 else None
    axes = axes_of(given, dims)
    used = [value for value in call.results if grouping.graph.uses[value.name]]
    if call.results[0] in used or len(call.results) == 1:
        reduce(grouping, call, "ReduceMax", given, axes)
    if len(call.results) > 1 and call.results[1] in used:
        reduce(grouping, call, "ArgMax", given, axes, "arg")
    for value in call.results:
        grouping.give_plain(value)


def _place(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    dims = call.args[1] if len(call.args) > 1 else None
    reduce(grouping, call, "ArgMax", given, axes_of(given, dims), "arg")
    grouping.give_plain(call.result)


def _order(grouping: Grouping, call: Call) -> None:
    given = call.tensors[0]
    grouping.need_plain(given, call)
    row = float(max(1, given.shape[-1] if given.shape else 1))
    terms = {"elements": float(given.elements), "outputs": float(call.result.elements), "rows": given.elements / row}
    grouping.add("order", "TopK", call, terms)
    for value in call.results:
        grouping.give_plain(value)


def _softmax(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    grouping.need_plain(given, call)
    (axis,) = axes_of(given, call.args[1])
    row = float(max(1, given.shape[axis]))
    inner = [extent for extent in given.shape[axis + 1 :] if extent != 1]
    kind = "softmax.other" if inner else "softmax"
    op = "Softmax" if "log" not in call.name else "LogSoftmax"
    terms = {"elements": float(given.elements), "rows": given.elements / row}
    if axis < len(given.shape) - 2 and inner:  # what is turned are not the last two dimensions alone
        terms["scattered"] = float(given.elements)
    grouping.add(kind, op, call, terms)
    grouping.give_plain(call.result)


def _layer_norm(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    grouping.need_plain(given, call)
    extents = call.args[1] if isinstance(call.args[1], list) else []
    width = 1.0
    for extent in extents:
        width *= extent if isinstance(extent, int) else 1
    op = "LayerNormalization" if call.name != "rms_norm" else "RMSNormalization"
    grouping.add("norm", op, call, {"elements": float(given.elements), "rows": given.elements / max(1.0, width)})
    for value in call.results:
        grouping.give_plain(value)


def _group_norm(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    grouping.need_plain(given, call)
    groups = call.args[1] if call.name == "group_norm" else given.shape[1]
    whole = call.name == "group_norm"
    rows = float(given.shape[0] * (groups if isinstance(groups, int) else 1))
    if whole:
        grouping.add("reshape", "Reshape", call, {"bytes": 0.0})
    grouping.add("norm.instance", "InstanceNormalization", call, {"elements": float(given.elements), "rows": rows})
    if whole:
        grouping.add("reshape", "Reshape", call, {"bytes": 0.0})
    if call.name == "group_norm" and len(call.args) > 2 and isinstance(call.args[2], Value):
        channels = Value("", (given.shape[1], *(1 for _ in given.shape[2:])), given.dtype, constant=True)
        elementwise(grouping, call, "binary", "Mul", call.result, given, channels)
        elementwise(grouping, call, "binary", "Add", call.result, given, channels)
    grouping.give_plain(call.result)


def _spread(grouping: Grouping, call: Call) -> None:
    """Variance and standard deviation, in as many kernels as ONNX needs."""
    (given, *_) = call.tensors
    dims = call.args[1] if len(call.args) > 1 and not isinstance(call.args[1], bool) else None
    axes = axes_of(given, dims)
    reduce(grouping, call, "ReduceMean", given, axes)
    mean = Value("", tuple(1 if axis in axes else extent for axis, extent in enumerate(given.shape)), given.dtype)
    elementwise(grouping, call, "binary", "Sub", given, given, mean)
    elementwise(grouping, call, "binary", "Mul", given, given, given)
    correction = call.args[2] if len(call.args) > 2 else call.args[1] if len(call.args) > 1 else 1
    if correction in (0, False):
        reduce(grouping, call, "ReduceMean", given, axes)
    else:
        reduce(grouping, call, "ReduceSum", given, axes)
        elementwise(grouping, call, "division", "Div", call.result, call.result)
    if call.name in ("std", "std_mean"):
        elementwise(grouping, call, "sqrt", "Sqrt", call.result, call.result)
    for value in call.results:
        grouping.give_plain(value)


def _length(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    dims = call.args[2] if len(call.args) > 2 else None
    reduce(grouping, call, "ReduceL2", given, axes_of(given, dims))
    grouping.give_plain(call.result)


def _cosine(grouping: Grouping, call: Call) -> None:
    first, second = call.tensors[:2]
    dim = call.args[2] if len(call.args) > 2 else 1
    axes = axes_of(first, dim)
    for given in (first, second):
        reduce(grouping, call, "ReduceL2", given, axes)
    lengths = Value("", tuple(1 if axis in axes else extent for axis, extent in enumerate(first.shape)), first.dtype)
    for _ in (first, second):
        elementwise(grouping, call, "unary", "Clip", lengths, lengths)
    for given in (first, second):
        elementwise(grouping, call, "division", "Div", given, given, lengths)
    elementwise(grouping, call, "binary", "Mul", first, first, second)
    reduce(grouping, call, "ReduceSum", first, axes)
    grouping.give_plain(call.result)


def _running(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    grouping.need_plain(given, call)
    (axis,) = axes_of(given, call.args[1])
    place = "last" if axis == len(given.shape) - 1 else "other"
    grouping.add(f"cumulative.{place}", "CumSum", call, {"elements": float(given.elements)})
    grouping.give_plain(call.result)


def _mean_of_image(grouping: Grouping, call: Call) -> None:
    """An adaptive pool of one pixel is a mean, or a maximum."""
    (given, *_) = call.tensors
    if call.result.elements == given.shape[0] * given.shape[1]:
        op = "ReduceMean" if "avg" in call.name else "ReduceMax"
        reduce(grouping, call, op, given, range(2, len(given.shape)))
        grouping.give_plain(call.result)
    else:
        pool(grouping, call)


HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(_OPS, _reduction),
    **dict.fromkeys(("max", "min"), _extreme),
    **dict.fromkeys(("argmax", "argmin"), _place),
    **dict.fromkeys(("topk", "sort", "argsort", "kthvalue"), _order),
    **dict.fromkeys(("softmax", "log_softmax", "_softmax", "_log_softmax"), _softmax),
    **dict.fromkeys(("layer_norm", "rms_norm", "native_layer_norm"), _layer_norm),
    **dict.fromkeys(("group_norm", "instance_norm"), _group_norm),
    **dict.fromkeys(("var", "std", "var_mean", "std_mean"), _spread),
    **dict.fromkeys(("linalg_vector_norm", "norm"), _length),
    **dict.fromkeys(("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool2d"), _mean_of_image),
    "cosine_similarity": _cosine,
    **dict.fromkeys(("cumsum", "cumprod"), _running),
}
