"""Which variable a name stands for: scope analysis of one function, and mangling of private names."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from types import CodeType


class Kind(Enum):
    """Where a variable lives."""

    REGISTER = "register"
    CELL = "cell"
    GLOBAL = "global"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable: the register, cell or global called `name`."""

    kind: Kind
    name: str


def mangle(name: str, private: str | None) -> str:
    """The name that `name` has inside class `private`."""
    if private is None or not name.startswith("__") or name.endswith("__") or "." in name:
        return name
    owner = private.lstrip("_")
    return f"_{owner}{name}" if owner else name


def parameters(code: CodeType) -> tuple[str, ...]:
    """The names of the arguments of `code`, ``*args`` and ``**kwargs`` last."""
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)
    return code.co_varnames[:count]


def scope_nodes(nodes: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """All nodes whose names belong to the scope of `nodes`: not the bodies of functions and classes inside.

    Comprehensions and generator expressions are entered for their ``:=``, but their targets are left out.
    """
    pending = list(nodes)
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, ast.Lambda):
            pending += default_values(node.args)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            pending += [*node.decorator_list, *default_values(node.args)]
        elif isinstance(node, ast.ClassDef):
            pending += [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]
        elif isinstance(node, ast.comprehension):
            pending += [node.iter, *node.ifs]
        else:
            pending += ast.iter_child_nodes(node)


def default_values(arguments: ast.arguments) -> list[ast.expr]:
    """The expressions of the default values, in the order in which they are evaluated."""
    return [*arguments.defaults, *(value for value in arguments.kw_defaults if value is not None)]


def stored_names(node: ast.AST) -> Iterator[str]:
    """The names that `node` itself binds or unbinds."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.alias(name=name, asname=alias):
            yield alias or name.partition(".")[0]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name


def local_names(body: Sequence[ast.AST]) -> set[str]:
    """The names that belong to a function with this body by being bound in it (not mangled)."""
    names: set[str] = set()
    foreign: set[str] = set()
    for node in scope_nodes(body):
        if isinstance(node, ast.Global | ast.Nonlocal):
            foreign.update(node.names)
        else:
            names.update(stored_names(node))
    return names - foreign


def walrus_names(nodes: Sequence[ast.AST]) -> set[str]:
    """The names that ``:=`` binds in the scope of `nodes` (not mangled)."""
    return {node.target.id for node in scope_nodes(nodes) if isinstance(node, ast.NamedExpr)}


def unbound_names(nodes: Sequence[ast.AST]) -> set[str]:
    """The names that the statements `nodes` may unbind (not mangled)."""
    names: set[str] = set()
    for node in scope_nodes(nodes):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del):
            names.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name is not None:
            names.add(node.name)
    return names


def target_names(generators: Sequence[ast.comprehension]) -> set[str]:
    """The names that the targets of a comprehension bind (not mangled)."""
    return {
        node.id
        for generator in generators
        for node in ast.walk(generator.target)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
