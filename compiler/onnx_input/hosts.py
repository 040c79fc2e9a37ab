"""Sizes and what is computed with them, as Python numbers in place of tensors.

Each function gives the value of a node as Python numbers, or None where it has to be a tensor: where an operand is
one, or where Python's integers would differ from ONNX's (a product that may overflow, a division of what may be
negative).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from onnx import TensorProto

from adaptc.compiler.onnx_input.values import Value, as_numbers, constant

Attributes = Mapping[str, Any]
_Rule = Callable[[Sequence[Value | None], Attributes], Value | None]


def as_host(op: str, inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
    """The value of a node of operator `op` as Python numbers; None where it has to be a tensor."""
    rule = _RULES.get(op)
    return rule(inputs, attributes) if rule is not None else None


def _shape(inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
    x = inputs[0]
    if x is None or x.kind != "tensor":
        return None
    start, end = attributes.get("start"), attributes.get("end")
    fixed = None if x.fixed is None else x.fixed[start:end]
    known = _known(fixed)
    if known is not None:
        return known
    if start is None and end is None:
        return Value("ints", f"list({x.text}.shape)", length=x.length, size=True, fixed=fixed)
    length = None if x.length is None else len(range(x.length)[start:end])
    ends = f"{'' if start is None else start}:{'' if end is None else end}"
    return Value("ints", f"list({x.text}.shape[{ends}])", length=length, size=True, fixed=fixed)


def _known(fixed: Sequence[int | None] | None) -> Value | None:
    """The constant that numbers are which are all known."""
    if fixed is None or any(number is None for number in fixed):
        return None
    return constant(torch.tensor(fixed, dtype=torch.int64))


def _size(inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
    x = inputs[0]
    return Value("int", f"{x.text}.numel()", size=True) if x is not None and x.kind == "tensor" else None


def _numbers(inputs: Sequence[Value | None]) -> list[Value] | None:
    """All inputs as Python integers, at least one of which is not a constant."""
    found = [None if value is None else as_numbers(value) for value in inputs]
    if None in found or all(value is not None and value.constant is not None for value in found):
        return None
    return [value for value in found if value is not None]


def _gather(inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
    x, places = inputs
    if x is None or x.kind != "ints" or places is None or places.constant is None:
        return None
    if x.fixed is not None and x.dtype == TensorProto.INT64:
        chosen_now = [x.fixed[place] for place in places.constant.reshape(-1).tolist()]
        known = _known(chosen_now)
        if known is not None and known.constant is not None:
            return constant(known.constant.reshape(places.constant.shape))
    if places.constant.dim() == 0:
        return Value("int", f"{x.text}[{int(places.constant)}]", x.dtype, size=x.size)
    if places.constant.dim() > 1:
        return None
    chosen = [f"{x.text}[{place}]" for place in places.constant.tolist()]
    return Value("ints", f"[{', '.join(chosen)}]", x.dtype, len(chosen), x.size)


def _slice(inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
    x, *rest = inputs
    if x is None or x.kind != "ints" or any(value is not None and value.constant is None for value in rest):
        return None
    if not rest:
        parts = [attributes["starts"], attributes["ends"], attributes.get("axes", [0]), [1]]
    else:
        parts = [None if value is None else value.constant.reshape(-1).tolist() for value in rest]  # type: ignore[union-attr]
        parts += [None] * (4 - len(parts))
    start, end, step = parts[0][0], parts[1][0], 1 if parts[3] is None else parts[3][0]
    known = _known(None if x.fixed is None or x.dtype != TensorProto.INT64 else x.fixed[start:end:step])
    if known is not None:
        return known
    length = None if x.length is None else len(range(x.length)[start:end:step])
    ends = ":".join(
        [str(start) if start else "", "" if end > 2**31 - 2 else str(end), *([str(step)] if step != 1 else [])]
    )
    if step < 0:
        if x.length is None:
            return None
        chosen = ", ".join(f"{x.text}[{place}]" for place in range(x.length)[start:end:step])
        return Value("ints", f"[{chosen}]", x.dtype, length, x.size)
    return Value("ints", f"{x.text}[{ends}]", x.dtype, length, x.size)


def _concat(inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
    numbers = _numbers(inputs)
    if numbers is None or any(value.kind != "ints" for value in numbers):
        return None
    parts = [value.text[1:-1] if value.text.startswith("[") else f"*{value.text}" for value in numbers]
    lengths = [value.length for value in numbers]
    length = None if None in lengths else sum(size for size in lengths if size is not None)
    text = f"[{', '.join(part for part in parts if part)}]"
    return Value("ints", text, numbers[0].dtype, length, all(value.size for value in numbers))


def _unsqueeze(inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
    x = inputs[0]
    return Value("ints", f"[{x.text}]", x.dtype, 1, x.size) if x is not None and x.kind == "int" else None


def _squeeze(inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
    x = inputs[0]
    if x is None or x.kind != "ints" or x.length != 1:
        return None
    return Value("int", f"{x.text}[0]", x.dtype, size=x.size)


def _reshape(inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
    x, shape = inputs
    if x is None or x.kind not in ("int", "ints") or shape is None or shape.constant is None:
        return None
    wanted = shape.constant.tolist()
    if not wanted:
        return x if x.kind == "int" else _squeeze(inputs, attributes)
    if len(wanted) > 1:
        return None
    return x if x.kind == "ints" else _unsqueeze(inputs, attributes)


def _cast(inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
    x, to = inputs[0], attributes["to"]
    if x is None or x.kind not in ("int", "ints") or to not in (TensorProto.INT64, TensorProto.INT32):
        return None
    if to == TensorProto.INT32 and not x.size:
        return None
    return replace(x, dtype=to, constant=None)


def _elementwise(form: str, sizes: bool, result: str = "int") -> _Rule:
    """`form` is Python for operands a and b; `sizes` tells that these must be sizes."""

    def rule(inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
        numbers = _numbers(inputs)
        if numbers is None or len(numbers) != 2:
            return None
        a, b = numbers
        if sizes and not (a.size and b.size):
            return None
        size = a.size and b.size and "-" not in form
        if a.kind == b.kind == "int":
            if result == "bool":
                return Value("bool", form.format(a.text, b.text), TensorProto.BOOL)
            return Value("int", form.format(a.text, b.text), a.dtype, size=size)
        lengths = [value.length for value in numbers if value.kind == "ints"]
        if None in lengths or len(set(lengths)) != 1:
            return None
        first, second = ("p" if a.kind == "ints" else a.text), ("q" if b.kind == "ints" else b.text)
        if a.kind == b.kind:
            loop = f"for p, q in zip({a.text}, {b.text})"
        else:
            loop = f"for p in {a.text}" if a.kind == "ints" else f"for q in {b.text}"
        dtype = TensorProto.BOOL if result == "bool" else a.dtype
        return Value("ints", f"[{form.format(first, second)} {loop}]", dtype, lengths[0], size and result != "bool")

    return rule


def _divided(form: str) -> _Rule:
    """Division of sizes by a number that is known and not zero."""
    rule = _elementwise(form, True)

    def checked(inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
        by = inputs[1]
        if by is None or by.constant is None or bool((by.constant == 0).any()) or attributes.get("fmod"):
            return None
        return rule(inputs, attributes)

    return checked


def _product(inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
    x = inputs[0]
    if x is None or x.kind != "ints" or not x.length or not x.size:
        return None
    text = "(" + " * ".join(f"{x.text}[{i}]" for i in range(x.length)) + ")"
    keep = attributes.get("keepdims", 1)
    return Value("ints", f"[{text}]", x.dtype, 1, True) if keep else Value("int", text, x.dtype, size=True)


def _logic(form: str) -> _Rule:
    def rule(inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
        if any(value is None or value.kind != "bool" for value in inputs):
            return None
        texts = [value.text for value in inputs if value is not None]
        return Value("bool", form.format(*texts), TensorProto.BOOL)

    return rule


def _where(inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
    """A choice between lists of numbers of one length, by a list of truths."""
    condition = inputs[0]
    if condition is None or condition.kind != "ints" or condition.dtype != TensorProto.BOOL:
        return None
    a, b = [None if value is None else as_numbers(value) for value in inputs[1:]]
    if a is None or b is None or not (condition.length == a.length == b.length) or a.length is None:
        return None
    text = f"[p if c else q for c, p, q in zip({condition.text}, {a.text}, {b.text})]"
    return Value("ints", text, a.dtype, a.length, a.size and b.size)


def _identity(inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
    return inputs[0]


_RULES: dict[str, _Rule] = {
    "Add": _elementwise("({0} + {1})", False),
    "And": _logic("({0} and {1})"),
    "Cast": _cast,
    "Concat": _concat,
    "Div": _divided("({0} // {1})"),
    "Equal": _elementwise("({0} == {1})", False, "bool"),
    "Gather": _gather,
    "Greater": _elementwise("({0} > {1})", False, "bool"),
    "GreaterOrEqual": _elementwise("({0} >= {1})", False, "bool"),
    "Identity": _identity,
    "Less": _elementwise("({0} < {1})", False, "bool"),
    "LessOrEqual": _elementwise("({0} <= {1})", False, "bool"),
    "Max": _elementwise("max({0}, {1})", False),
    "Min": _elementwise("min({0}, {1})", False),
    "Mod": _divided("({0} % {1})"),
    "Mul": _elementwise("({0} * {1})", True),
    "Not": _logic("(not {0})"),
    "Or": _logic("({0} or {1})"),
    "ReduceProd": _product,
    "Reshape": _reshape,
    "Shape": _shape,
    "Size": _size,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Sub": _elementwise("({0} - {1})", False),
    "Unsqueeze": _unsqueeze,
    "Where": _where,
}
