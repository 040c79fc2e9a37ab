"""Conditions: tests that jump, and the expressions whose value depends on one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.instructions import Operand, Register
from adaptc.compiler.frontend.lower.emitter import Label
from adaptc.compiler.frontend.lower.function import FunctionLowering, last_effect

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Is: "is_",
    ast.IsNot: "is_not",
    ast.In: "contains",
    ast.NotIn: "not_contains",
}


def constant_truth(node: ast.expr) -> bool | None:
    """The truth of a test that is known when Python compiles it, else None."""
    if isinstance(node, ast.Constant):
        return bool(node.value)
    if isinstance(node, ast.Name) and node.id == "__debug__":
        return __debug__
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        truth = constant_truth(node.operand)
        return None if truth is None else not truth
    return None


def branch(lowering: FunctionLowering, node: ast.expr, then: Label, orelse: Label) -> None:
    """Go to `then` if `node` is true, else to `orelse`."""
    truth = constant_truth(node)
    if truth is not None:
        lowering.goto(then if truth else orelse, lowering.span(node))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        branch(lowering, node.operand, orelse, then)
    elif isinstance(node, ast.BoolOp):
        for value in node.values[:-1]:
            following = lowering.label()
            if isinstance(node.op, ast.And):
                branch(lowering, value, following, orelse)
            else:
                branch(lowering, value, then, following)
            lowering.place(following)
        branch(lowering, node.values[-1], then, orelse)
    elif isinstance(node, ast.IfExp):
        first, second = lowering.label(), lowering.label()
        branch(lowering, node.test, first, second)
        lowering.place(first)
        branch(lowering, node.body, then, orelse)
        lowering.place(second)
        branch(lowering, node.orelse, then, orelse)
    elif isinstance(node, ast.Compare):
        for result, more in compare(lowering, node, None):
            lowering.test(lowering.span(node), result, more or then, orelse)
    else:
        lowering.test(lowering.span(node), lowering.value(node), then, orelse)


def compare(
    lowering: FunctionLowering, node: ast.Compare, result: Register | None
) -> Iterator[tuple[Register, Label | None]]:
    """Emit the links of a comparison. The caller tests each of them, and goes on at the label, if one comes.

    With `result`, every link is put into that register, else each into one of its own.
    """
    span = lowering.span(node)
    left = lowering.operand(node.left, last_effect(node.comparators) >= 0)
    for index, (operator, comparator) in enumerate(zip(node.ops, node.comparators)):
        right = lowering.operand(comparator, last_effect(node.comparators[index + 1 :]) >= 0)
        link = result or lowering.temporary()
        lowering.emit(ins.Binary(span, link, COMPARISONS[type(operator)], left, right))
        following = lowering.label() if index + 1 < len(node.ops) else None
        yield link, following
        if following is not None:
            lowering.place(following)
        left = right


def comparison(lowering: FunctionLowering, node: ast.Compare, into: Register | None) -> Operand:
    """``a < b < c``"""
    if len(node.ops) == 1:
        (result, _), *_ = compare(lowering, node, into)
        return result
    span, end = lowering.span(node), lowering.label()
    result = lowering.temporary()
    for _, following in compare(lowering, node, result):
        if following is not None:
            lowering.test(span, result, following, end)
    lowering.place(end)
    return moved(lowering, node, result, into)


def boolean(lowering: FunctionLowering, node: ast.BoolOp, into: Register | None) -> Operand:
    """``a and b``, ``a or b``: the value is the operand that decides"""
    result, end = lowering.temporary(), lowering.label()
    settle(lowering, node, result, end, end)
    lowering.place(end)
    return moved(lowering, node, result, into)


def settle(lowering: FunctionLowering, node: ast.expr, result: Register, then: Label, orelse: Label) -> None:
    """Put the value of `node` into `result` and go on by its truth, asked for only where it matters."""
    if isinstance(node, ast.BoolOp):
        for value in node.values[:-1]:
            following = lowering.label()
            if isinstance(node.op, ast.And):
                settle(lowering, value, result, following, orelse)
            else:
                settle(lowering, value, result, then, following)
            lowering.place(following)
        settle(lowering, node.values[-1], result, then, orelse)
        return
    lowering.value(node, result)
    if then is orelse:
        lowering.goto(then, lowering.span(node))
    else:
        lowering.test(lowering.span(node), result, then, orelse)


def conditional(lowering: FunctionLowering, node: ast.IfExp, into: Register | None) -> Operand:
    """``a if test else b``"""
    result = into or lowering.temporary()
    then, orelse, end = lowering.label(), lowering.label(), lowering.label()
    branch(lowering, node.test, then, orelse)
    lowering.place(then)
    lowering.value(node.body, result)
    lowering.goto(end, lowering.span(node.body))
    lowering.place(orelse)
    lowering.value(node.orelse, result)
    lowering.place(end)
    return result


def moved(lowering: FunctionLowering, node: ast.expr, value: Operand, into: Register | None) -> Operand:
    """`value`, moved to `into` where that is asked for."""
    if into is None or into == value:
        return value
    lowering.emit(ins.Move(lowering.span(node), into, value))
    return into
