"""Host expressions: evaluated as Python evaluates their texts, typed as Python types them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptc.compiler.ir.errors import ExpressionError
from adaptc.compiler.ir.evaluate import FUNCTIONS, evaluate
from adaptc.compiler.ir.expressions import key, literal, substitute
from adaptc.compiler.ir.host_types import PYTHON_TYPES, arity, infer
from adaptc.compiler.ir.program import ScalarType, TensorType
from adaptc.runtime.hostprogram import OPERATORS, Apply, Const, Expr, Ref, Size

VALUES: Mapping[str, bool | int | float] = {
    "b": True,
    "c": False,
    "i": 3,
    "j": -2,
    "z": 0,
    "f": 0.75,
    "g": -1.5,
}
TYPES = {
    name: ScalarType(next(kind for kind, type_ in PYTHON_TYPES.items() if type(value) is type_))
    for name, value in VALUES.items()
}


def text(expr: Expr) -> str:
    """The Python text that stands for an expression, as a host is synthesized from it."""
    match expr:
        case Const(value=value, kind="float") if isinstance(value, str):
            return f"float('{value}')"
        case Const(value=value):
            return f"({value!r})"
        case Ref(name=name):
            return name
        case Apply(function=function, args=args):
            return f"({OPERATORS[function].format(*map(text, args))})"
    raise AssertionError(expr)


def expressions() -> st.SearchStrategy[Expr]:
    constants = st.one_of(st.booleans(), st.integers(-3, 4), st.floats(width=32, allow_nan=True)).map(literal)
    leaves = st.one_of(constants, st.sampled_from(sorted(VALUES)).map(Ref))

    def apply(args: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
        return st.sampled_from(sorted(OPERATORS)).flatmap(
            lambda function: st.tuples(*[args] * arity(function)).map(lambda given: Apply(function, given))
        )

    return st.recursive(leaves, apply, max_leaves=8)


def outcome(run: object) -> object:
    try:
        value = run()  # type: ignore[operator]
    except (ArithmeticError, ValueError, TypeError) as error:
        return type(error)
    return type(value), repr(value)


@settings(max_examples=300, deadline=None)
@given(expressions())
def test_evaluates_as_the_text_does(expr: Expr) -> None:
    expected = outcome(lambda: eval(text(expr), {"math": math}, dict(VALUES)))
    assert outcome(lambda: evaluate(expr, VALUES)) == expected


@settings(max_examples=300, deadline=None)
@given(expressions())
def test_the_type_holds_every_value(expr: Expr) -> None:
    try:
        kind = infer(expr, TYPES)
    except ExpressionError:
        assert text_functions(expr) & {"bitand", "bitor", "bitxor", "lshift", "rshift"}
        return
    assert isinstance(kind, ScalarType)
    try:
        value = evaluate(expr, VALUES)
    except (ArithmeticError, ValueError, TypeError):
        return
    if isinstance(value, complex):  # a fractional power of a negative number, which no network's host computes
        return
    order = ["bool", "int", "float"]
    found = next(name for name, type_ in PYTHON_TYPES.items() if type(value) is type_)
    if "pow" not in text_functions(expr):
        # A mixed min, max, and, or, select gives one of its operands; the kind is the wider one.
        assert order.index(found) <= order.index(kind.kind)


def text_functions(expr: Expr) -> set[str]:
    if isinstance(expr, Apply):
        return {expr.function}.union(*map(text_functions, expr.args))
    return set()


@pytest.mark.parametrize(
    ("function", "args", "kind"),
    [
        ("add", (True, True), "int"),
        ("add", (1, 0.5), "float"),
        ("truediv", (4, 2), "float"),
        ("floordiv", (4.0, 2), "float"),
        ("pow", (2, 3), "int"),
        ("pow", (2, -3), "float"),
        ("neg", (True,), "int"),
        ("bitand", (True, False), "bool"),
        ("bitand", (True, 2), "int"),
        ("lshift", (True, 2), "int"),
        ("max", (0, 0.5), "float"),
        ("select", (True, 1, 2), "int"),
        ("select", (True, 1, 2.0), "float"),
        ("floor", (2.5,), "int"),
        ("round", (2.5,), "int"),
        ("lt", (1, 2.0), "bool"),
    ],
)
def test_kinds(function: str, args: tuple[float, ...], kind: str) -> None:
    assert infer(Apply(function, tuple(map(literal, args))), {}) == ScalarType(kind)  # type: ignore[arg-type]


def test_every_operator_has_a_meaning_and_a_type() -> None:
    assert set(FUNCTIONS) | {"and", "or", "select"} == set(OPERATORS)
    for function in OPERATORS:
        infer(Apply(function, (Const(True),) * arity(function)), {})


def test_sizes() -> None:
    types = {"x": TensorType(torch.float32, ("n", 3))}
    assert infer(Size("x", 0), types) == ScalarType("int")
    assert evaluate(Size("x", 1), {"x": torch.ones(2, 3)}) == 3


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        (Ref("lost"), "'lost' is read but not defined in the block"),
        (
            Apply("add", (Ref("x"), Const(1))),
            r"'x' is a tensor, float32\[n, 3\], where a host scalar is asked for",
        ),
        (Size("x", 2), r"size 2 of 'x', which is float32\[n, 3\]"),
        (Const(None), "the literal None is no bool, int or float"),
        (Const("1.5", "float"), "the literal '1.5' is no bool, int or float"),
        (Apply("lshift", (Const(1.0), Const(1))), "a bit operation on a float"),
    ],
)
def test_what_has_no_type(expr: Expr, message: str) -> None:
    with pytest.raises(ExpressionError, match=f"^{message}$"):
        infer(expr, {"x": TensorType(torch.float32, ("n", 3))})


def test_identity_tells_types_apart() -> None:
    numbers = [True, 1, 1.0, 0.0, -0.0, False, 0]
    assert len({key(literal(number)) for number in numbers}) == len(numbers)
    assert key(literal(math.nan)) == key(literal(math.nan))
    assert evaluate(literal(-math.inf), {}) == -math.inf


def test_substitution() -> None:
    expr = Apply("add", (Ref("n"), Size("x", 0)))
    assert substitute(expr, {"n": Const(2), "x": Ref("y")}) == Apply("add", (Const(2), Size("y", 0)))
    with pytest.raises(TypeError, match="by its name"):
        substitute(Size("x", 0), {"x": Const(1)})
