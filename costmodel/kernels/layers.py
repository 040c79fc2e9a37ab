"""Kernels that multiply matrices: linear layers, products, attention."""

from __future__ import annotations

import math
from collections.abc import Mapping

from adaptc.costmodel.graph import Call, Value
from adaptc.costmodel.kernels.kernel import Grouping, Handler
from adaptc.costmodel.kernels.pointwise import whole

FUSED_ACTIVATIONS = frozenset({"relu", "sigmoid", "tanh", "leaky_relu"})
"""Activations that a product of matrices, or a convolution, computes along with its result."""

ACTIVATION_KINDS = {"sigmoid": "sigmoid", "tanh": "tanh", "elu": "elu", "selu": "elu", "softplus": "softplus"}
"""The kinds of activations that take time where they are computed along."""

_PRODUCT_ACTIVATIONS = FUSED_ACTIVATIONS | {"elu", "selu", "hardsigmoid", "softplus"}

WAIT = 2
"""The fewest cycles between multiplications that add to the same sums: smaller tiles wait as long."""

_SUMMED = 256
"""As many products the engine adds up before it adds the sum to what is in memory."""

_NEAR = 1 << 16
"""The elements of a matrix that a call finds close to the processor."""


def tile(rows: int, columns: int, lanes: int) -> int:
    """What a product [rows, columns] takes of the processor for each element that is summed, in multiplications.

    The engine computes tiles of 6 rows, or 12 with vectors of 16 `lanes`, by two vectors. What is left over of rows are
    smaller tiles, and of columns tiles of one vector; small ones wait for their own sums.
    """
    most = 12 if lanes == 16 else 6
    heights = [most] * (rows // most)
    left = rows % most
    heights += [6, left - 6] if left > 6 else [left]
    pairs, single = divmod(math.ceil(columns / lanes), 2)
    cycles = sum(pairs * max(WAIT, height) + single * max(WAIT, height / 2) for height in heights if height)
    return int(cycles * 2 * lanes)


def product(
    grouping: Grouping,
    call: Call,
    op: str,
    rows: int,
    inner: int,
    columns: int,
    batch: int = 1,
    packed: bool = True,
) -> None:
    """A kernel that multiplies `batch` times a matrix [rows, inner] with one [inner, columns], which the engine has
    packed when it opened the unit or packs for each call."""
    right = float(inner * columns)
    terms = {
        "matrices": float(batch),
        "macs": float(batch * rows * inner * columns),
        "tiles": float(batch * tile(rows, columns, grouping.channels) * inner),
        "sums": float(batch * rows * columns * math.ceil(inner / _SUMMED)),
        "left": float(batch * rows * inner),
        "right": batch * right if batch > 1 else min(right, _NEAR),
        "far": max(0.0, right - _NEAR),
        "results": float(batch * rows * columns),
        "packed": 0.0 if packed else float(batch * inner * columns),
    }
    kind = "gemm" if rows > 1 else "gemv"
    shape = {"rows": rows, "inner": inner, "columns": columns, "batch": batch}
    grouping.add(kind, op, call, terms, shape)


def _linear(grouping: Grouping, call: Call) -> None:
    given, weight = call.args[0], call.args[1]
    grouping.need_plain(given, call)
    columns, inner = weight.shape[0], weight.shape[1]
    rows = given.elements // max(1, inner)
    result = call.result
    has_bias = len(call.args) > 2 and isinstance(call.args[2], Value)
    if not weight.constant:
        _transpose_weight(grouping, call, weight)
    if not has_bias and len(given.shape) != 2:
        product(grouping, call, "MatMul", rows, inner, columns, packed=weight.constant)
        grouping.give_plain(result)
        return
    if given.open and len(given.shape) > 2:
        product(grouping, call, "MatMul", rows, inner, columns, packed=weight.constant)
        gelu = grouping.next(result, ("gelu",))
        if gelu is None:
            grouping.add("binary", "Add", call, whole(result, 2))
        else:
            grouping.absorb(gelu)
            result = gelu.result
            grouping.add("erf", "BiasGelu", call, whole(result, 2))
    elif len(given.shape) == 2:
        activation = grouping.next(result, _PRODUCT_ACTIVATIONS)
        product(grouping, call, "Gemm", rows, inner, columns, packed=weight.constant)
        if activation is not None:
            grouping.activate(activation, ACTIVATION_KINDS)
            result = activation.result
    else:
        copied = float(given.bytes) if grouping.is_border(given) else 0.0
        grouping.add("reshape", "Reshape", call, {"bytes": copied})
        product(grouping, call, "Gemm", rows, inner, columns, packed=weight.constant)
        copied = float(result.bytes) if grouping.is_border(result) else 0.0
        grouping.add("reshape", "Reshape", call, {"bytes": copied})
        view = grouping.next(result, ("squeeze",))
        if view is not None:
            grouping.absorb(view)
            result = view.result
    grouping.give_plain(result)


def _transpose_weight(grouping: Grouping, call: Call, weight: Value) -> None:
    grouping.need_plain(weight, call)
    grouping.add("transpose", "Transpose", call, {"bytes": float(weight.bytes), "runs": float(weight.elements)})


def _addmm(grouping: Grouping, call: Call) -> None:
    left, right = call.tensors[1:3]
    for value in (left, right):
        grouping.need_plain(value, call)
    rows, inner = left.shape[-2], left.shape[-1]
    batch = math.prod(left.shape[:-2])
    product(grouping, call, "Gemm", rows, inner, right.shape[-1], batch, right.constant)
    activation = grouping.next(call.result, _PRODUCT_ACTIVATIONS) if call.name == "addmm" else None
    if activation is not None:
        grouping.activate(activation, ACTIVATION_KINDS)
        grouping.give_plain(activation.result)
    if call.name == "baddbmm":
        grouping.add("binary", "Add", call, whole(call.result, 3))
    grouping.give_plain(call.result)


def _matmul(grouping: Grouping, call: Call) -> None:
    left, right = call.tensors[:2]
    for value in (left, right):
        grouping.need_plain(value, call)
    inner = left.shape[-1]
    columns = right.shape[-1] if len(right.shape) > 1 else 1
    rows = left.shape[-2] if len(left.shape) > 1 else 1
    if len(right.shape) <= 2:
        batch, rows = 1, left.elements // max(1, inner)
    else:
        batch = math.prod(call.result.shape[:-2])
    fused = left.name in grouping.fused_products or right.name in grouping.fused_products
    result = call.result
    scaling = grouping.next(result, ("mul", "div"))
    if scaling is not None and len(scaling.tensors) == 1:
        grouping.absorb(scaling)
        result, fused = scaling.result, True
    product(grouping, call, "FusedMatMul" if fused else "MatMul", rows, inner, columns, batch, right.constant)
    grouping.give_plain(result)


def _attention(grouping: Grouping, call: Call) -> None:
    query, key, value = call.tensors[:3]
    for each in call.tensors:
        grouping.need_plain(each, call)
    heads = math.prod(query.shape[:-2])
    rows, width, keys = query.shape[-2], query.shape[-1], key.shape[-2]
    if any(each.open or len(each.shape) != 4 for each in (query, key, value)):
        _attend_by_products(grouping, call, heads, rows, keys)
        return
    terms = {
        "heads": float(heads),
        "macs": float(heads * rows * keys * (width + value.shape[-1])),
        "rows": float(heads * rows),
        "scores": float(heads * rows * keys),
        "moved": float(query.elements + key.elements + value.elements + call.result.elements),
    }
    grouping.add("attention", "Attention", call, terms, {"rows": rows, "keys": keys, "width": width, "heads": heads})
    for each in call.results:
        grouping.give_plain(each)


def _attend_by_products(grouping: Grouping, call: Call, heads: int, rows: int, keys: int) -> None:
    """Attention as products of matrices, which it is where sizes are known at run time only."""
    query, _, value = call.tensors[:3]
    is_causal = len(call.args) > 5 and call.args[5] is True
    mask = call.tensors[3] if len(call.tensors) > 3 else None
    product(grouping, call, "FusedMatMul", rows, query.shape[-1], keys, heads, packed=False)
    scores = float(heads * rows * keys)
    over = {"elements": scores, "bytes": 12 * scores, "spans": 0.0}
    if is_causal or (mask is not None and mask.dtype == "i1"):
        bias = float(rows * keys)
        if is_causal:
            grouping.add("compare", "Compare", call, {"elements": bias, "bytes": bias, "spans": 0.0})
        grouping.add("where", "Where", call, {"elements": bias, "bytes": 5 * bias, "spans": 0.0})
    if is_causal or mask is not None:
        grouping.add("binary", "Add", call, over)
    grouping.add("softmax", "Softmax", call, {"elements": scores, "rows": float(heads * rows)})
    product(grouping, call, "MatMul", rows, keys, value.shape[-1], heads, packed=False)
    if mask is not None:
        some = float(heads * rows)
        grouping.add("reduce.extreme.last", "ReduceMax", call, {"elements": scores, "rows": some})
        grouping.add("compare", "Compare", call, {"elements": some, "bytes": 5 * some, "spans": 0.0})
        grouping.add("where", "Where", call, whole(call.result, 2))
    for each in call.results:
        grouping.give_plain(each)


def _einsum(grouping: Grouping, call: Call) -> None:
    """Products over named indices, by a general kernel."""
    equation = call.args[0] if isinstance(call.args[0], str) else ""
    for value in call.tensors:
        grouping.need_plain(value, call)
    extents: dict[str, int] = {}
    for letters, value in zip(equation.replace(" ", "").split("->")[0].split(","), call.tensors):
        extents.update(zip(letters, value.shape))
    moved = sum(value.elements for value in (*call.tensors, call.result))
    terms = {"macs": float(math.prod(extents.values())), "moved": float(moved)}
    grouping.add("einsum", "Einsum", call, terms)
    grouping.give_plain(call.result)


HANDLERS: Mapping[str, Handler] = {
    "linear": _linear,
    **dict.fromkeys(("addmm", "baddbmm"), _addmm),
    **dict.fromkeys(("matmul", "mm", "bmm", "mv", "dot"), _matmul),
    "einsum": _einsum,
    "scaled_dot_product_attention": _attention,
}
