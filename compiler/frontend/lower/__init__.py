"""Lowering Python functions to register code."""

from __future__ import annotations

import ast
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE
from types import CodeType

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.instructions import FunctionCode, Literal
from adaptc.compiler.frontend.lower import (
    assignments,
    branches,
    calls,
    comprehensions,
    exceptions,
    expressions,
    functions,
    patterns,
    statements,
)
from adaptc.compiler.frontend.lower.function import FunctionLowering, Rules
from adaptc.compiler.frontend.lower.source import Sources, SourceUnavailable

__all__ = ["Lowerer", "SourceUnavailable"]

RULES = Rules(
    expressions={
        ast.Attribute: expressions.attribute,
        ast.Await: expressions.awaited,
        ast.BinOp: expressions.binary,
        ast.BoolOp: branches.boolean,
        ast.Call: calls.call,
        ast.Compare: branches.comparison,
        ast.Constant: expressions.constant,
        ast.Dict: calls.dict_,
        ast.DictComp: comprehensions.comprehension,
        ast.FormattedValue: expressions.formatted,
        ast.GeneratorExp: functions.generator,
        ast.IfExp: branches.conditional,
        ast.JoinedStr: expressions.joined,
        ast.Lambda: functions.lambda_,
        ast.List: calls.list_,
        ast.ListComp: comprehensions.comprehension,
        ast.Name: expressions.name,
        ast.NamedExpr: expressions.walrus,
        ast.Set: calls.set_,
        ast.SetComp: comprehensions.comprehension,
        ast.Slice: expressions.slice_,
        ast.Subscript: expressions.subscript,
        ast.Tuple: calls.tuple_,
        ast.UnaryOp: expressions.unary,
        ast.Yield: expressions.yielded,
        ast.YieldFrom: expressions.delegated_value,
    },
    statements={
        ast.AnnAssign: assignments.annotated,
        ast.Assert: statements.assertion,
        ast.Assign: assignments.assignment,
        ast.AsyncFor: statements.asynchronous,
        ast.AsyncFunctionDef: statements.asynchronous,
        ast.AsyncWith: statements.asynchronous,
        ast.AugAssign: assignments.augmented,
        ast.Break: statements.leave_loop,
        ast.ClassDef: statements.class_definition,
        ast.Continue: statements.leave_loop,
        ast.Delete: assignments.deletion,
        ast.Expr: statements.expression,
        ast.For: statements.for_loop,
        ast.FunctionDef: functions.function_definition,
        ast.Global: statements.nothing,
        ast.If: statements.conditional,
        ast.Import: statements.import_,
        ast.ImportFrom: statements.import_names,
        ast.Match: patterns.match_,
        ast.Nonlocal: statements.nothing,
        ast.Pass: statements.nothing,
        ast.Raise: exceptions.raise_,
        ast.Return: statements.return_,
        ast.Try: exceptions.try_,
        ast.While: statements.while_loop,
        ast.With: exceptions.with_,
    },
)


class Lowerer:
    """Lowers functions, each code object once; the sources it reads are parsed once."""

    def __init__(self) -> None:
        self._sources = Sources()
        self._lowered: dict[int, FunctionCode] = {}  # by identity: equal code objects may stand in different files

    def lower(self, code: CodeType) -> FunctionCode:
        """The register code of a function, lambda or generator expression.

        What cannot be lowered is listed in its `refusals`. Raises SourceUnavailable where the source of `code`
        is not at hand, or has changed.
        """
        if id(code) not in self._lowered:
            self._lowered[id(code)] = self._lower(code)
        return self._lowered[id(code)]

    def _lower(self, code: CodeType) -> FunctionCode:
        source, definition = self._sources.locate(code)
        lowering = FunctionLowering(code, source, definition, RULES)
        node = definition.node
        span = lowering.span(node)
        if code.co_flags & (CO_COROUTINE | CO_ASYNC_GENERATOR):
            why = "asynchronous code is not compiled"
            lowering.refuse(node, f"asynchronous function `{code.co_name}`", why, "write it synchronously")
        elif isinstance(node, ast.Lambda):
            lowering.emit(ins.Return(lowering.span(node.body), lowering.value(node.body)))
        elif isinstance(node, ast.GeneratorExp):
            body = node.elt

            def element() -> None:
                value = lowering.value(body)
                lowering.emit(ins.Yield(lowering.span(body), lowering.temporary(), value))

            comprehensions.iteration(lowering, node.generators, ".0", element)
        else:
            lowering.statements(node.body)
        lowering.emit(ins.Return(span, Literal(None)))
        return lowering.finish()
