"""``raise``, ``try`` and ``with``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.instructions import Literal, Operand, Register, Span
from adaptc.compiler.frontend.lower.assignments import assign, unbind
from adaptc.compiler.frontend.lower.calls import literal_call
from adaptc.compiler.frontend.lower.emitter import Label
from adaptc.compiler.frontend.lower.function import FunctionLowering, Pending
from adaptc.compiler.frontend.lower.names import Kind
from adaptc.compiler.frontend.lower.natives import special_method


def raise_(lowering: FunctionLowering, node: ast.Raise) -> None:
    """``raise error from cause``"""
    span = lowering.span(node)
    if node.exc is None:
        if lowering.exceptions:
            lowering.emit(ins.Raise(span, lowering.exceptions[-1], Literal(None)))
        else:
            why = "which exception it raises again depends on the caller"
            lowering.refuse(node, "`raise` outside of an `except` clause", why, "raise the exception by its name")
        return
    nodes = [node.exc] if node.cause is None else [node.exc, node.cause]
    exception, *causes = lowering.sequence(nodes)
    cause: Operand = Literal(None)
    if causes:
        # A literal None stands for no `from`, so that of `from None` goes by a register.
        cause = causes[0]
        if isinstance(cause, Literal):
            value, cause = cause, lowering.temporary()
            lowering.emit(ins.Move(span, cause, value))
    lowering.emit(ins.Raise(span, exception, cause))


def protected(
    lowering: FunctionLowering,
    span: Span,
    body: Callable[[], None],
    cleanup: Callable[[], None],
    after_exception: Callable[[Register, Label], None],
) -> None:
    """Emit `body`, and `cleanup` on every way out of it.

    On exceptions `after_exception` runs instead, with the exception and the label that follows the whole: where
    it lets control through, the exception is raised again.
    """
    handler, end = lowering.label(), lowering.label()
    pending = Pending(lowering.handler, lowering.exceptions, cleanup)
    with lowering.handled_by(handler), lowering.around(pending):
        body()
    cleanup()
    lowering.goto(end, span)
    lowering.place(handler)
    exception = lowering.temporary()
    lowering.emit(ins.Catch(span, exception))
    with lowering.handling(exception):
        after_exception(exception, end)
    lowering.emit(ins.Raise(span, exception, Literal(None)))
    lowering.place(end)


def try_(lowering: FunctionLowering, node: ast.Try) -> None:
    """``try: ... except E as e: ... else: ... finally: ...``"""

    def body() -> None:
        if node.handlers:
            try_except(lowering, node)
        else:
            lowering.statements(node.body)

    def cleanup() -> None:
        lowering.statements(node.finalbody)

    if node.finalbody:
        span = lowering.span(node.finalbody[0])
        protected(lowering, span, body, cleanup, lambda exception, end: cleanup())
    else:
        body()


def try_except(lowering: FunctionLowering, node: ast.Try) -> None:
    """The part of a ``try`` without its ``finally``."""
    handler, end = lowering.label(), lowering.label()
    span = lowering.span(node.handlers[0])
    with lowering.handled_by(handler):
        lowering.statements(node.body)
    lowering.statements(node.orelse)
    lowering.goto(end, span)
    lowering.place(handler)
    exception = lowering.temporary()
    lowering.emit(ins.Catch(span, exception))
    for clause in node.handlers:
        following = lowering.label()
        with lowering.handling(exception):
            except_clause(lowering, clause, exception, following)
        lowering.goto(end, lowering.span(clause))
        lowering.place(following)
    lowering.emit(ins.Raise(span, exception, Literal(None)))
    lowering.place(end)


def except_clause(lowering: FunctionLowering, clause: ast.ExceptHandler, exception: Register, following: Label) -> None:
    """One ``except`` clause; goes to `following` where it does not take the exception."""
    span = lowering.span(clause)
    if clause.type is not None:
        kind_span, matches, taken = lowering.span(clause.type), lowering.temporary(), lowering.label()
        lowering.emit(ins.MatchException(kind_span, matches, exception, lowering.value(clause.type)))
        lowering.test(kind_span, matches, taken, following)
        lowering.place(taken)
    if clause.name is None:
        lowering.statements(clause.body)
        return
    name = lowering.mangled(clause.name)
    variable = lowering.variable(name)
    lowering.store(variable, exception, span)

    def body() -> None:
        lowering.statements(clause.body)

    def cleanup() -> None:
        unbind(lowering, clause, name, span)

    if variable.kind is Kind.REGISTER and lowering.handler is None:
        # An exception leaves the frame, and the variable with it: only the other ways out unbind it.
        with lowering.around(Pending(None, lowering.exceptions, cleanup)):
            body()
        cleanup()
    else:
        protected(lowering, span, body, cleanup, lambda exception, end: cleanup())


def with_(lowering: FunctionLowering, node: ast.With) -> None:
    """``with manager as target, ...: ...``"""
    with_items(lowering, node.items, node.body)


def with_items(lowering: FunctionLowering, items: Sequence[ast.withitem], statements: Sequence[ast.stmt]) -> None:
    """The context managers `items` around `statements`."""
    if not items:
        lowering.statements(statements)
        return
    first, *rest = items
    span = lowering.span(first.context_expr)
    manager = lowering.value(first.context_expr)
    enter = literal_call(lowering, span, special_method, manager, Literal("__enter__"))
    exit_ = literal_call(lowering, span, special_method, manager, Literal("__exit__"))
    entered = lowering.temporary()
    lowering.emit(ins.Call(span, entered, enter, (), ()))

    def body() -> None:
        if first.optional_vars is not None:
            assign(lowering, first.optional_vars, entered)
        with_items(lowering, rest, statements)

    def call_exit(*arguments: Operand) -> Register:
        result = lowering.temporary()
        lowering.emit(ins.Call(span, result, exit_, tuple(map(ins.Item, arguments)), ()))
        return result

    def cleanup() -> None:
        call_exit(Literal(None), Literal(None), Literal(None))

    def after_exception(exception: Register, end: Label) -> None:
        kind = literal_call(lowering, span, type, exception)
        traceback = lowering.temporary()
        lowering.emit(ins.GetAttr(span, traceback, exception, "__traceback__"))
        again = lowering.label()
        lowering.test(span, call_exit(kind, exception, traceback), end, again)
        lowering.place(again)

    protected(lowering, span, body, cleanup, after_exception)
