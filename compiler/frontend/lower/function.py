"""Lowering one function: its variables, how a node is lowered, and what must run when control leaves."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType
from typing import Any, TypeGuard

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.instructions import Literal, Operand, Register, Span
from adaptc.compiler.frontend.lower.emitter import Emitter, Label
from adaptc.compiler.frontend.lower.names import Kind, Variable, local_names, mangle, parameters, walrus_names
from adaptc.compiler.frontend.lower.source import (
    Definition,
    SourceFile,
    code_constants,
    code_name,
    first_line,
    is_constant,
)

COMPREHENSION_CODES = (
    "<listcomp>",
    "<setcomp>",
    "<dictcomp>",
)  # functions of their own up to Python 3.11, inlined here


@dataclass(frozen=True, slots=True)
class Pending:
    """What stands around the code being lowered and matters when control leaves it.

    A loop has labels to go to; a ``finally``, a ``with`` and an ``except ... as`` have a cleanup, which is
    emitted on every way out, under the handler and the handled exceptions outside of it.
    """

    handler: Label | None
    exceptions: tuple[Register, ...]
    cleanup: Callable[[], None] | None = None
    leave: Label | None = None
    again: Label | None = None


Expression = Callable[["FunctionLowering", Any, Register | None], Operand]
Statement = Callable[["FunctionLowering", Any], None]


@dataclass(frozen=True, slots=True)
class Rules:
    """How each class of node is lowered."""

    expressions: Mapping[type[ast.expr], Expression]
    statements: Mapping[type[ast.stmt], Statement]


class FunctionLowering(Emitter):
    """Lowers the body of one code object."""

    def __init__(self, code: CodeType, source: SourceFile, definition: Definition, rules: Rules) -> None:
        super().__init__(code)
        self.source = source
        self.definition = definition
        self.rules = rules
        self.scopes: list[dict[str, Variable]] = []  # of the comprehensions around, outermost first
        self.pending: tuple[Pending, ...] = ()
        self.exceptions: tuple[Register, ...] = ()  # being handled here, outermost first
        node = definition.node
        if isinstance(node, ast.GeneratorExp):
            self.locals = {*code.co_varnames, *code.co_cellvars}
            self.walrus: set[str] = set()
        else:
            body = node.body if isinstance(node.body, list) else [node.body]
            self.locals = {*map(self.mangled, local_names(body)), *parameters(code)}
            self.walrus = set(map(self.mangled, walrus_names(body)))
        self.bound = {name for name in parameters(code) if name not in code.co_cellvars}
        self._children: dict[tuple[str, int], list[CodeType]] = {}
        self._collect_children(code)

    def _collect_children(self, code: CodeType) -> None:
        for child in code_constants(code):
            if child.co_name in COMPREHENSION_CODES:
                self._collect_children(child)
            else:
                self._children.setdefault((child.co_name, child.co_firstlineno), []).append(child)

    def child_code(self, node: ast.FunctionDef | ast.Lambda | ast.GeneratorExp) -> CodeType | None:
        """The code object of a function defined in this one, None where CPython dropped it as unreachable."""
        name = code_name(node)
        assert name is not None
        for child in self._children.get((name, first_line(node)), ()):
            owner = self.source.owner(child)
            if owner is not None and (owner.node is node or is_constant(node, child)):
                return child
        return None

    def span(self, node: ast.AST) -> Span:
        """Where `node` stands in the source."""
        return self.source.span(node)

    # Variables

    def mangled(self, name: str) -> str:
        """`name` as it is called in this function's class."""
        return mangle(name, self.definition.private)

    def variable(self, name: str, inner: bool = True) -> Variable:
        """What the mangled `name` stands for here; without `inner`, outside of comprehensions."""
        for scope in reversed(self.scopes if inner else ()):
            if name in scope:
                return scope[name]
        if name in self.code.co_freevars or (name in self.code.co_cellvars and name in self.locals):
            return Variable(Kind.CELL, name)
        return Variable(Kind.REGISTER if name in self.locals else Kind.GLOBAL, name)

    def store(self, variable: Variable, value: Operand, span: Span) -> None:
        """Bind a variable."""
        if variable.kind is Kind.CELL:
            self.emit(ins.StoreCell(span, variable.name, value))
        elif variable.kind is Kind.GLOBAL:
            self.emit(ins.StoreGlobal(span, variable.name, value))
        elif value != variable.name:
            self.emit(ins.Move(span, variable.name, value))
        else:
            self.check_bound(value, span)

    def check_bound(self, operand: Operand, span: Span) -> None:
        """Raise here where `operand` may be an unbound variable."""
        if is_variable(operand) and operand not in self.bound:
            self.emit(ins.Move(span, self.temporary(), operand))

    def copied(self, operand: Operand, span: Span) -> Operand:
        """`operand`, in a temporary of its own where it is a variable."""
        if not is_variable(operand):
            return operand
        copy = self.temporary()
        self.emit(ins.Move(span, copy, operand))
        return copy

    # Nodes

    def value(self, node: ast.expr, into: Register | None = None) -> Operand:
        """Lower an expression; its value is what is returned, and with `into` that is that register."""
        rule = self.rules.expressions.get(type(node))
        if rule is not None:
            return rule(self, node, into)
        found = f"`{type(node).__name__}` expression"
        return self.refuse(node, found, "it is not part of the supported language", "write it without this construct")

    def operand(self, node: ast.expr, more: bool) -> Operand:
        """The value of `node`, kept as it is now where `more` code runs before it is used."""
        value = self.value(node)
        if more and is_variable(value) and (value not in self.bound or value in self.walrus):
            return self.copied(value, self.span(node))
        return value

    def sequence(self, nodes: Sequence[ast.expr], more: bool = False) -> list[Operand]:
        """The values of `nodes`, evaluated in order; `more`: other code runs before they are used."""
        last = len(nodes) if more else last_effect(nodes)
        return [self.operand(node, index < last) for index, node in enumerate(nodes)]

    def is_plain(self, node: ast.expr) -> bool:
        """Whether evaluating `node` has no effect and cannot fail."""
        if isinstance(node, ast.Constant):
            return True
        if not isinstance(node, ast.Name):
            return False
        variable = self.variable(self.mangled(node.id))
        return variable.kind is Kind.REGISTER and variable.name in self.bound

    def statements(self, nodes: Sequence[ast.stmt]) -> None:
        """Lower statements, up to the first that control cannot reach."""
        for node in nodes:
            if not self.reachable:
                return
            rule = self.rules.statements.get(type(node))
            if rule is not None:
                rule(self, node)
            else:
                found = f"`{type(node).__name__}` statement"
                why = "it is not part of the supported language"
                self.refuse(node, found, why, "write it without this construct")

    def refuse(self, node: ast.AST, found: str, why: str, instead: str) -> Operand:
        """Note that `node` cannot be lowered; returns an operand to go on with."""
        if self.reachable:
            span = self.span(node)
            refusal = ins.Refusal(span, found, why, instead)
            if refusal not in self.refusals:  # a ``finally`` is lowered once for each way out
                self.refusals.append(refusal)
            self.emit(ins.Refuse(span, refusal))
        return Literal(None)

    # Leaving

    @contextmanager
    def around(self, pending: Pending) -> Iterator[None]:
        """Lower what stands inside of `pending`."""
        outer = self.pending
        self.pending = (*outer, pending)
        yield
        self.pending = outer

    @contextmanager
    def handling(self, exception: Register) -> Iterator[None]:
        """Lower what runs while `exception` is being handled."""
        outer = self.exceptions
        self.exceptions = (*outer, exception)
        yield
        self.exceptions = outer

    def unwind(self, depth: int) -> None:
        """Emit the cleanups inside of the outermost `depth` entries of `pending`, innermost first."""
        saved = self.pending, self.handler, self.exceptions
        for index in range(len(saved[0]) - 1, depth - 1, -1):
            pending = saved[0][index]
            if pending.cleanup is not None:
                self.pending, self.handler = saved[0][:index], pending.handler
                self.exceptions = pending.exceptions
                pending.cleanup()
        self.pending, self.handler, self.exceptions = saved


def is_variable(operand: Operand) -> TypeGuard[Register]:
    """Whether an operand is the register of a variable, which may be unbound or change later."""
    return isinstance(operand, str) and not operand.startswith("%")


def last_effect(nodes: Sequence[ast.expr]) -> int:
    """The index of the last of `nodes` that is not a constant, -1 where all are."""
    for index in range(len(nodes) - 1, -1, -1):
        if not isinstance(nodes[index], ast.Constant):
            return index
    return -1
