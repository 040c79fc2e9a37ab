"""Expressions without control flow of their own."""

from __future__ import annotations

import ast

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.instructions import Literal, Operand, Register
from adaptc.compiler.frontend.lower.branches import moved
from adaptc.compiler.frontend.lower.function import FunctionLowering
from adaptc.compiler.frontend.lower.names import Kind

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.MatMult: "matmul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
    ast.BitAnd: "and_",
    ast.BitOr: "or_",
    ast.BitXor: "xor",
}
UNARY: dict[type[ast.unaryop], str] = {
    ast.USub: "neg",
    ast.UAdd: "pos",
    ast.Invert: "invert",
    ast.Not: "not_",
}


def constant(lowering: FunctionLowering, node: ast.Constant, into: Register | None) -> Operand:
    """``3``"""
    return moved(lowering, node, Literal(node.value), into)


def name(lowering: FunctionLowering, node: ast.Name, into: Register | None) -> Operand:
    """``x``"""
    if node.id == "__debug__":
        return moved(lowering, node, Literal(__debug__), into)
    variable = lowering.variable(lowering.mangled(node.id))
    if variable.kind is Kind.REGISTER:
        if into == variable.name:
            lowering.check_bound(into, lowering.span(node))
        return moved(lowering, node, variable.name, into)
    result = into or lowering.temporary()
    if variable.kind is Kind.CELL:
        lowering.emit(ins.LoadCell(lowering.span(node), result, variable.name))
    else:
        lowering.emit(ins.LoadGlobal(lowering.span(node), result, variable.name))
    return result


def attribute(lowering: FunctionLowering, node: ast.Attribute, into: Register | None) -> Operand:
    """``x.name``"""
    obj = lowering.value(node.value)
    result = into or lowering.temporary()
    lowering.emit(ins.GetAttr(lowering.span(node), result, obj, lowering.mangled(node.attr)))
    return result


def subscript(lowering: FunctionLowering, node: ast.Subscript, into: Register | None) -> Operand:
    """``x[index]``"""
    obj, index = lowering.sequence([node.value, node.slice])
    result = into or lowering.temporary()
    lowering.emit(ins.GetItem(lowering.span(node), result, obj, index))
    return result


def slice_(lowering: FunctionLowering, node: ast.Slice, into: Register | None) -> Operand:
    """``lower:upper:step`` inside a subscript"""
    given = [part for part in (node.lower, node.upper, node.step) if part is not None]
    values = iter(lowering.sequence(given))
    lower, upper, step = (
        Literal(None) if part is None else next(values) for part in (node.lower, node.upper, node.step)
    )
    result = into or lowering.temporary()
    lowering.emit(ins.BuildSlice(lowering.span(node), result, lower, upper, step))
    return result


def unary(lowering: FunctionLowering, node: ast.UnaryOp, into: Register | None) -> Operand:
    """``-x``"""
    if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        if type(node.operand.value) in (int, float, complex):
            return moved(lowering, node, Literal(-node.operand.value), into)  # type: ignore[operator]
    value = lowering.value(node.operand)
    result = into or lowering.temporary()
    lowering.emit(ins.Unary(lowering.span(node), result, UNARY[type(node.op)], value))
    return result


def binary(lowering: FunctionLowering, node: ast.BinOp, into: Register | None) -> Operand:
    """``a + b``"""
    a, b = lowering.sequence([node.left, node.right])
    result = into or lowering.temporary()
    lowering.emit(ins.Binary(lowering.span(node), result, BINARY[type(node.op)], a, b))
    return result


def walrus(lowering: FunctionLowering, node: ast.NamedExpr, into: Register | None) -> Operand:
    """``(x := value)``"""
    variable = lowering.variable(lowering.mangled(node.target.id), inner=False)
    span = lowering.span(node)
    if variable.kind is Kind.REGISTER:
        return moved(lowering, node, lowering.value(node.value, variable.name), into)
    value = lowering.value(node.value)
    lowering.store(variable, value, span)
    return moved(lowering, node, value, into)


def joined(lowering: FunctionLowering, node: ast.JoinedStr, into: Register | None) -> Operand:
    """``f"{x}, {y}"``"""
    if not node.values:
        return moved(lowering, node, Literal(""), into)
    if len(node.values) == 1:
        return lowering.value(node.values[0], into)
    parts = lowering.sequence(node.values)
    result = into or lowering.temporary()
    lowering.emit(ins.Join(lowering.span(node), result, tuple(parts)))
    return result


def formatted(lowering: FunctionLowering, node: ast.FormattedValue, into: Register | None) -> Operand:
    """``{x!r:>10}`` inside an f-string"""
    spec: Operand = Literal("")
    if node.format_spec is None:
        value = lowering.value(node.value)
    else:
        value, spec = lowering.sequence([node.value, node.format_spec])
    conversion = "" if node.conversion == -1 else chr(node.conversion)
    result = into or lowering.temporary()
    lowering.emit(ins.Format(lowering.span(node), result, value, conversion, spec))
    return result


def yielded(lowering: FunctionLowering, node: ast.Yield, into: Register | None) -> Operand:
    """``yield x``"""
    value = Literal(None) if node.value is None else lowering.value(node.value)
    result = into or lowering.temporary()
    lowering.emit(ins.Yield(lowering.span(node), result, value))
    return result


def delegated(lowering: FunctionLowering, node: ast.YieldFrom) -> None:
    """``yield from x``: a loop, without handing on what is sent or thrown in."""
    span = lowering.span(node)
    iterator, element = lowering.temporary(), lowering.temporary()
    lowering.emit(ins.GetIter(span, iterator, lowering.value(node.value)))
    exhausted = lowering.label()
    with lowering.loop(set()) as header:
        lowering.emit(ins.Next(span, element, iterator, exhausted.number))
        lowering.emit(ins.Yield(span, lowering.temporary(), element))
        lowering.goto(header, span)
    lowering.place(exhausted)


def delegated_value(lowering: FunctionLowering, node: ast.YieldFrom, into: Register | None) -> Operand:
    """``x = yield from y``"""
    found = "the value of a `yield from`"
    why = "generators are run as loops over what they yield, which drops the value they return"
    value = lowering.refuse(node, found, why, "use `yield from` as a statement, and return the value another way")
    return moved(lowering, node, value, into)


def awaited(lowering: FunctionLowering, node: ast.Await, into: Register | None) -> Operand:
    """``await x``"""
    value = lowering.refuse(node, "`await`", "asynchronous code is not compiled", "call it synchronously")
    return moved(lowering, node, value, into)
