"""Host expressions as Python text."""

from __future__ import annotations

import math
from collections.abc import Mapping

from adaptc.runtime.hostprogram import OPERATORS, Apply, Const, Expr, Ref, Size

DEEPEST = 60
"""CPython refuses more than 200 nested parentheses; deeper expressions are to be named by `Let`."""

NON_FINITE = {"inf": "math.inf", "-inf": "-math.inf", "nan": "math.nan"}

ARITY = {name: text.count("{") for name, text in OPERATORS.items()}
"""Function name -> number of arguments."""


def text_of(expr: Expr, names: Mapping[str, str]) -> str:
    """`expr` as Python text over the identifiers `names`; compound expressions are not in parentheses."""
    match expr:
        case Const():
            return _constant(expr)
        case Ref(name=name):
            return names[name]
        case Size(name=name, dim=dim):
            return f"{names[name]}.shape[{int(dim)}]"
        case Apply(function=function, args=args):
            return OPERATORS[function].format(*(_operand(arg, names) for arg in args))


def depth_of(expr: Expr) -> int:
    """How deep applications nest in `expr`."""
    deepest = 0
    waiting = [(expr, 0)]
    while waiting:
        inner, depth = waiting.pop()
        deepest = max(deepest, depth)
        if isinstance(inner, Apply):
            waiting.extend((arg, depth + 1) for arg in inner.args)
    return deepest


def _operand(expr: Expr, names: Mapping[str, str]) -> str:
    text = text_of(expr, names)
    compound = isinstance(expr, Apply) or (isinstance(expr, Const) and text.startswith("-"))
    return f"({text})" if compound else text


def literal(value: bool | int | float | str | None) -> str:
    """`repr` in ASCII, so that no value can become code; non-finite floats by their names in `math`."""
    if isinstance(value, float) and not math.isfinite(value):
        return NON_FINITE[repr(value)]
    return ascii(value)


def _constant(constant: Const) -> str:
    value = constant.value
    if constant.kind == "float":
        if isinstance(value, str):
            return NON_FINITE[value]
        assert value is not None, "checked when the artifact is opened"
        value = float(value)
    return literal(value)
