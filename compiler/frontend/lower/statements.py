"""Statements, except assignments, exceptions and patterns."""

from __future__ import annotations

import ast

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.instructions import Literal, Operand
from adaptc.compiler.frontend.lower.assignments import assign_next
from adaptc.compiler.frontend.lower.branches import branch, constant_truth
from adaptc.compiler.frontend.lower.calls import literal_call
from adaptc.compiler.frontend.lower.expressions import delegated
from adaptc.compiler.frontend.lower.function import FunctionLowering, Pending
from adaptc.compiler.frontend.lower.names import Kind, unbound_names
from adaptc.compiler.frontend.lower.natives import import_from
from adaptc.compiler.frontend.lower.source import optimized


def expression(lowering: FunctionLowering, node: ast.Expr) -> None:
    """An expression whose value is dropped."""
    if isinstance(node.value, ast.YieldFrom):
        delegated(lowering, node.value)
    elif not isinstance(node.value, ast.Constant):
        lowering.check_bound(lowering.value(node.value), lowering.span(node.value))


def nothing(lowering: FunctionLowering, node: ast.stmt) -> None:
    """``pass``, and declarations of names"""


def conditional(lowering: FunctionLowering, node: ast.If) -> None:
    """``if test: ... else: ...``"""
    then, orelse, end = lowering.label(), lowering.label(), lowering.label()
    branch(lowering, node.test, then, orelse)
    lowering.place(then)
    lowering.statements(node.body)
    lowering.goto(end, lowering.span(node.test))
    lowering.place(orelse)
    lowering.statements(node.orelse)
    lowering.place(end)


def while_loop(lowering: FunctionLowering, node: ast.While) -> None:
    """``while test: ... else: ...``"""
    span = lowering.span(node.test)
    body, orelse, end = lowering.label(), lowering.label(), lowering.label()
    if constant_truth(node.test) is False:
        lowering.statements(node.orelse)
        return
    with lowering.loop(set(map(lowering.mangled, unbound_names([node])))) as header:
        branch(lowering, node.test, body, orelse)  # of a constant only the jump, which serves as the header
        lowering.place(body)
        with lowering.around(Pending(lowering.handler, lowering.exceptions, leave=end, again=header)):
            lowering.statements(node.body)
        lowering.goto(header, span)
    lowering.place(orelse)
    lowering.statements(node.orelse)
    lowering.place(end)


def for_loop(lowering: FunctionLowering, node: ast.For) -> None:
    """``for x in xs: ... else: ...``"""
    span = lowering.span(node.iter)
    exhausted, end = lowering.label(), lowering.label()
    iterator = lowering.temporary()
    lowering.emit(ins.GetIter(span, iterator, lowering.value(node.iter)))
    with lowering.loop(set(map(lowering.mangled, unbound_names([node])))) as header:
        assign_next(lowering, node.target, iterator, exhausted, span)
        with lowering.around(Pending(lowering.handler, lowering.exceptions, leave=end, again=header)):
            lowering.statements(node.body)
        lowering.goto(header, span)
    lowering.place(exhausted)
    lowering.statements(node.orelse)
    lowering.place(end)


def leave_loop(lowering: FunctionLowering, node: ast.Break | ast.Continue) -> None:
    """``break`` and ``continue``"""
    depth = max(index for index, pending in enumerate(lowering.pending) if pending.leave is not None)
    loop = lowering.pending[depth]
    lowering.unwind(depth + 1)
    target = loop.leave if isinstance(node, ast.Break) else loop.again
    assert target is not None
    lowering.goto(target, lowering.span(node))


def return_(lowering: FunctionLowering, node: ast.Return) -> None:
    """``return value``"""
    value: Operand = Literal(None)
    if isinstance(node.value, ast.expr):
        value = lowering.value(node.value)
        span = lowering.span(node.value)
        if any(pending.cleanup is not None for pending in lowering.pending):
            value = lowering.copied(value, span)  # a cleanup may bind the variable anew
        elif lowering.handler is not None:
            lowering.check_bound(value, span)
    lowering.unwind(0)
    with lowering.handled_by(None):
        lowering.emit(ins.Return(lowering.span(node), value))


def assertion(lowering: FunctionLowering, node: ast.Assert) -> None:
    """``assert test, message``"""
    if optimized():
        return
    holds, fails = lowering.label(), lowering.label()
    branch(lowering, node.test, holds, fails)
    lowering.place(fails)
    error: Operand = Literal(AssertionError)
    if node.msg is not None:
        error = literal_call(lowering, lowering.span(node), AssertionError, lowering.value(node.msg))
    lowering.emit(ins.Raise(lowering.span(node), error, Literal(None)))
    lowering.place(holds)


def import_(lowering: FunctionLowering, node: ast.Import) -> None:
    """``import a.b, c as d``"""
    span = lowering.span(node)
    for alias in node.names:
        module = lowering.temporary()
        lowering.emit(ins.Import(span, module, lowering.mangled(alias.name), (), 0))
        first, *rest = alias.name.split(".")
        if alias.asname is not None:
            for name in rest:
                module = literal_call(lowering, span, import_from, module, Literal(lowering.mangled(name)))
        lowering.store(lowering.variable(lowering.mangled(alias.asname or first)), module, span)


def import_names(lowering: FunctionLowering, node: ast.ImportFrom) -> None:
    """``from a import b as c``"""
    span = lowering.span(node)
    module = lowering.temporary()
    names = tuple(alias.name for alias in node.names)
    lowering.emit(ins.Import(span, module, lowering.mangled(node.module or ""), names, node.level))
    for alias in node.names:
        variable = lowering.variable(lowering.mangled(alias.asname or alias.name))
        into = variable.name if variable.kind is Kind.REGISTER else None
        name = Literal(lowering.mangled(alias.name))
        lowering.store(variable, literal_call(lowering, span, import_from, module, name, into=into), span)


def class_definition(lowering: FunctionLowering, node: ast.ClassDef) -> None:
    """``class C: ...``"""
    why = "classes are made when a module is imported, not by compiled code"
    lowering.refuse(node, f"class `{node.name}` inside a function", why, "define the class at the top of the module")


def asynchronous(lowering: FunctionLowering, node: ast.stmt) -> None:
    """``async def``, ``async for`` and ``async with``"""
    found = {ast.AsyncFunctionDef: "`async def`", ast.AsyncFor: "`async for`"}.get(type(node), "`async with`")
    lowering.refuse(node, found, "asynchronous code is not compiled", "write it synchronously")
