"""Kernels that compute each element of their result from one of each argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from adaptc.costmodel.graph import Call, Value
from adaptc.costmodel.kernels.kernel import Grouping, Handler

# The kind of kernel and the operator that runs, for an operator of ATen.
_UNARY: Mapping[str, tuple[str, str]] = {
    "relu": ("unary", "Relu"),
    "neg": ("unary", "Neg"),
    "abs": ("unary", "Abs"),
    **dict.fromkeys(("clamp", "relu6", "hardtanh", "clamp_min", "clamp_max"), ("unary", "Clip")),
    "leaky_relu": ("unary", "LeakyRelu"),
    "threshold": ("unary", "ThresholdedRelu"),
    "hardsigmoid": ("unary", "HardSigmoid"),
    **dict.fromkeys(("floor", "ceil", "sign"), ("unary", "Floor")),
    "round": ("unary", "Round"),
    "square": ("unary", "Mul"),
    "sigmoid": ("sigmoid", "Sigmoid"),
    "silu": ("sigmoid", "QuickGelu"),
    "tanh": ("tanh", "Tanh"),
    **dict.fromkeys(("exp", "expm1"), ("exp", "Exp")),
    "erf": ("erf", "Erf"),
    "gelu": ("erf", "Gelu"),
    **dict.fromkeys(("log", "log1p", "log2", "log10"), ("log", "Log")),
    "sqrt": ("sqrt", "Sqrt"),
    "reciprocal": ("division", "Reciprocal"),
    **dict.fromkeys(("sin", "cos", "tan", "atan", "acos", "asin", "sinh", "cosh"), ("trigonometric", "Sin")),
    **dict.fromkeys(("elu", "selu", "celu"), ("elu", "Elu")),
    "softplus": ("softplus", "Softplus"),
    **dict.fromkeys(("isnan", "isinf"), ("compare", "IsNaN")),
    **dict.fromkeys(("logical_not", "bitwise_not"), ("compare", "Not")),
}
_BINARY: Mapping[str, tuple[str, str]] = {
    "add": ("binary", "Add"),
    **dict.fromkeys(("sub", "rsub"), ("binary", "Sub")),
    "mul": ("binary", "Mul"),
    "maximum": ("binary", "Max"),
    "minimum": ("binary", "Min"),
    **dict.fromkeys(("div", "true_divide"), ("division", "Div")),
    **dict.fromkeys(("remainder", "fmod"), ("division", "Mod")),
    "floor_divide": ("division", "Div"),
    "atan2": ("trigonometric", "Atan"),
    "prelu": ("binary", "PRelu"),
    **dict.fromkeys(("gt", "lt", "ge", "le", "eq", "ne"), ("compare", "Compare")),
    **dict.fromkeys(("logical_and", "bitwise_and", "__and__"), ("compare", "And")),
    **dict.fromkeys(("logical_or", "bitwise_or", "__or__"), ("compare", "Or")),
    **dict.fromkeys(("logical_xor", "bitwise_xor", "__xor__"), ("compare", "Xor")),
}


_LEARNED = 1 << 13
"""Choices that come again in each call, and that a processor remembers."""


def elementwise(
    grouping: Grouping,
    call: Call,
    kind: str,
    op: str,
    result: Value,
    *given: Value,
    more: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """A kernel that computes `result` from `given`, which are broadcast; `more` are amounts of work of its own."""
    for value in given:
        grouping.need_plain(value, call)
    if not result.is_float and kind in ("unary", "binary", "division"):
        kind = "integer"
    span = inner_span(result.shape, [value.shape for value in given])
    terms = {"elements": float(result.elements), "bytes": float(sum(value.bytes for value in (result, *given)))}
    terms["spans"] = result.elements / max(1, span) - 1 if span < result.elements else 0.0
    grouping.add(kind, op, call, {**terms, **more})
    grouping.give_plain(result)


def whole(value: Value, tensors: int) -> dict[str, float]:
    """The work of a kernel on `tensors` tensors like `value`, its result among them, none of which is broadcast."""
    return {"elements": float(value.elements), "bytes": float(tensors * value.bytes), "spans": 0.0}


def inner_span(result: Sequence[int], given: Sequence[Sequence[int]]) -> int:
    """The elements of `result` that a kernel computes in one go: the longest run of inner dimensions in which each
    argument either has all extents or none."""
    padded = [[1] * (len(result) - len(shape)) + list(shape) for shape in given]
    span, modes = 1, [""] * len(padded)
    for axis in reversed(range(len(result))):
        extent = result[axis]
        if extent == 1:
            continue
        now = ["all" if shape[axis] == extent else "one" for shape in padded]
        if any(mode and mode != here for mode, here in zip(modes, now)):
            break
        modes = now
        span *= extent
    return span


def one_pass(grouping: Grouping, call: Call) -> None:
    """One pass over what the call takes and gives: all that is known of an operator without a handler."""
    elementwise(grouping, call, "unknown", call.name, call.result, *call.tensors)
    for value in call.results:
        grouping.give_plain(value)


def _unary(grouping: Grouping, call: Call) -> None:
    kind, op = _UNARY[call.name]
    (given, *_) = call.tensors
    if call.name in BLOCKED_ACTIVATIONS and grouping.has_blocked(given):
        # Activations run on the blocked layout as they are: element by element.
        grouping.add(kind, op, call, whole(given, 2))
        grouping.give_blocked(call.result)
        return
    elementwise(grouping, call, kind, op, call.result, given)


BLOCKED_ACTIVATIONS = frozenset(
    {"relu", "sigmoid", "tanh", "silu", "leaky_relu", "clamp", "relu6", "hardsigmoid", "gelu"}
)
"""Activations that keep the blocked layout of images."""


def _binary(grouping: Grouping, call: Call) -> None:
    kind, op = _BINARY[call.name]
    given = call.tensors[:2]
    if op == "Add" and _sums_blocked(grouping, call, given):
        return
    if op == "Add" and _joins_convolution(grouping, call, given):
        return
    alike = len(given) == 2 and given[0].shape == given[1].shape
    if op == "Mul" and alike and all(map(grouping.has_blocked, given)):
        grouping.add(kind, op, call, whole(given[0], 3))
        grouping.give_blocked(call.result)
        return
    if call.name in ("mul", "div") and len(given) == 1 and given[0].is_float:
        product = grouping.next(call.result, ("matmul", "bmm", "mm"))
        if product is not None:
            # A product of matrices takes a factor along.
            grouping.need_plain(given[0], call)
            grouping.fused_products.add(call.result.name)
            grouping.give_plain(call.result)
            return
    alpha = call.args[2] if call.name in ("add", "sub", "rsub") and len(call.args) > 2 else 1
    if alpha not in (1, None):
        elementwise(grouping, call, "binary", "Mul", given[-1], given[-1])
    normalised = None
    if op == "Add" and len(given) == 2 and given[0].shape == given[1].shape and len(call.result.shape) == 3:
        normalised = grouping.next(call.result, ("layer_norm",))
    if normalised is not None:
        for value in given:
            grouping.need_plain(value, call)
        rows = call.result.elements / max(1, call.result.shape[-1])
        grouping.add(
            "norm.skip", "SkipLayerNormalization", call, {"elements": float(call.result.elements), "rows": rows}
        )
        grouping.absorb(normalised)
        grouping.give_plain(normalised.result)
        return
    if kind == "compare" and not all(value.is_float for value in given):
        kind = "integer"
    elementwise(grouping, call, kind, op, call.result, *given)


def _sums_blocked(grouping: Grouping, call: Call, given: Sequence[Value]) -> bool:
    """A sum of two images in the blocked layout stays in it."""
    if len(given) != 2 or given[0].shape != given[1].shape or not all(map(grouping.has_blocked, given)):
        return False
    grouping.add("binary", "Add", call, whole(given[0], 3))
    activation = grouping.next(call.result, ("relu",))
    grouping.give_blocked(call.result)
    if activation is not None:
        grouping.absorb(activation)
        grouping.give_blocked(activation.result)
    return True


def _joins_convolution(grouping: Grouping, call: Call, given: Sequence[Value]) -> bool:
    """A sum with what a convolution on the plain layout gives is part of that convolution."""
    if len(given) != 2 or given[0].shape != given[1].shape or len(given[0].shape) != 4:
        return False
    if not any(grouping.is_from_convolution(value) and not grouping.has_blocked(value) for value in given):
        return False
    for value in given:
        grouping.need_plain(value, call)
    activation = grouping.next(call.result, ("relu",))
    if activation is not None:
        grouping.absorb(activation)
        grouping.give_plain(activation.result)
    grouping.give_plain(call.result)
    return True


def _power(grouping: Grouping, call: Call) -> None:
    exponent = call.args[1]
    kind = "unary" if exponent in (1, 2, 2.0, 3) else "sqrt" if exponent == 0.5 else "power"
    elementwise(grouping, call, kind, "Pow", call.result, *call.tensors)


def _chain(*steps: tuple[str, str]) -> Handler:
    """One kernel after the other over the elements of the result; the first takes the arguments."""

    def handler(grouping: Grouping, call: Call) -> None:
        for place, (kind, op) in enumerate(steps):
            given = call.tensors if place == 0 else [call.result]
            elementwise(grouping, call, kind, op, call.result, *given)

    return handler


def _cast(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    kind = "cast.bool" if "i1" in (given.dtype, call.result.dtype) else "cast"
    elementwise(grouping, call, kind, "Cast", call.result, given)


def _select(grouping: Grouping, call: Call) -> None:
    condition = call.tensors[0] if call.name == "where" else call.tensors[1]
    # Where each element chooses, the processor's guesses fail as often as not; where runs of them do, they do not.
    kind = "where.runs"
    if 2 * condition.elements >= call.result.elements:
        full = [value for value in call.tensors if value is not condition and value.elements > 1]
        kind = "where" if len(full) > 1 else "where.one"
    guesses = max(0.0, float(call.result.elements - _LEARNED)) if kind != "where.runs" else 0.0
    elementwise(grouping, call, kind, "Where", call.result, *call.tensors, more={"guesses": guesses})


def _hardswish(grouping: Grouping, call: Call) -> None:
    (given,) = call.tensors
    blocked = grouping.has_blocked(given)
    if blocked and grouping.is_from_convolution(given) and not grouping.is_border(call.result):
        grouping.give_blocked(call.result)
        return
    grouping.add("unary", "HardSigmoid", call, whole(given, 2))
    grouping.add("binary", "Mul", call, whole(given, 3))
    (grouping.give_blocked if blocked else grouping.give_plain)(call.result)


HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(_BINARY, _binary),
    "pow": _power,
    "rsqrt": _chain(("sqrt", "Sqrt"), ("division", "Reciprocal")),
    "hardswish": _hardswish,
    "mish": _chain(("softplus", "Softplus"), ("tanh", "Tanh"), ("binary", "Mul")),
    "log_sigmoid": _chain(("sigmoid", "Sigmoid"), ("log", "Log")),
    "addcmul": _chain(("binary", "Mul"), ("binary", "Mul"), ("binary", "Add")),
    "lerp": _chain(
        *(("binary", "Sub"), ("binary", "Mul"), ("binary", "Add"), ("binary", "Mul"), ("binary", "Sub")),
        ("where", "Where"),
    ),
    "glu": _chain(("split", "Split"), ("sigmoid", "Sigmoid"), ("binary", "Mul")),
    **dict.fromkeys(("to", "_to_copy", "type_as"), _cast),
    **dict.fromkeys(("where", "masked_fill"), _select),
}
