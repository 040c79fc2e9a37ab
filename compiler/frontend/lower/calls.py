"""Calls and displays: expressions over items, some of them starred."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.instructions import Item, Literal, Operand, Register, Span
from adaptc.compiler.frontend.lower.function import FunctionLowering, last_effect
from adaptc.compiler.frontend.lower.natives import merge_keywords


def last_code(lowering: FunctionLowering, nodes: Sequence[ast.expr]) -> int:
    """The index of the last of `nodes` whose evaluation runs code, -1 where none does."""
    for index in range(len(nodes) - 1, -1, -1):
        node = nodes[index]
        if not lowering.is_plain(node.value if isinstance(node, ast.Starred) else node):
            return index
    return -1


def items(
    lowering: FunctionLowering, nodes: Sequence[ast.expr], following: Sequence[ast.expr], span: Span
) -> tuple[Item, ...]:
    """The items of a call or display, evaluated in order; `following` is evaluated before they are used.

    Python iterates a starred item before it evaluates what comes after it: the items so far become a list then.
    """
    everything = [*nodes, *following]
    effects, code = last_effect(everything), last_code(lowering, everything)
    found: list[Item] = []
    for index, node in enumerate(nodes):
        if not isinstance(node, ast.Starred):
            found.append(Item(lowering.operand(node, index < effects)))
            continue
        found.append(Item(lowering.operand(node.value, index < effects), star=True))
        if index < code:
            start = lowering.temporary()
            lowering.emit(ins.BuildList(span, start, tuple(found)))
            found = [Item(start, star=True)]
    return tuple(found)


def call(lowering: FunctionLowering, node: ast.Call, into: Register | None) -> Operand:
    """``f(x, *xs, key=y, **options)``"""
    span = lowering.span(node)
    values = [keyword.value for keyword in node.keywords]
    func = lowering.operand(node.func, last_effect([*node.args, *values]) >= 0)
    args = items(lowering, node.args, values, span)
    effects, code = last_effect(values), last_code(lowering, values)
    kwargs: list[tuple[str | None, Operand]] = []
    for index, keyword in enumerate(node.keywords):
        value = lowering.operand(keyword.value, index < effects)
        if keyword.arg is None and index < code:  # Python merges it before it evaluates what comes after
            start = lowering.temporary()
            pairs = [(None if name is None else Literal(name), given) for name, given in kwargs]
            lowering.emit(ins.BuildDict(span, start, tuple(pairs)))
            kwargs = [(None, literal_call(lowering, span, merge_keywords, start, value))]
        else:
            kwargs.append((keyword.arg, value))
    result = into or lowering.temporary()
    lowering.emit(ins.Call(span, result, func, args, tuple(kwargs)))
    return result


def tuple_(lowering: FunctionLowering, node: ast.Tuple, into: Register | None) -> Operand:
    """``(x, *xs)``"""
    span = lowering.span(node)
    elements = items(lowering, node.elts, (), span)
    result = into or lowering.temporary()
    lowering.emit(ins.BuildTuple(span, result, elements))
    return result


def list_(lowering: FunctionLowering, node: ast.List, into: Register | None) -> Operand:
    """``[x, *xs]``"""
    span = lowering.span(node)
    elements = items(lowering, node.elts, (), span)
    result = into or lowering.temporary()
    lowering.emit(ins.BuildList(span, result, elements))
    return result


def set_(lowering: FunctionLowering, node: ast.Set, into: Register | None) -> Operand:
    """``{x, *xs}``"""
    span = lowering.span(node)
    elements = items(lowering, node.elts, (), span)
    result = into or lowering.temporary()
    lowering.emit(ins.BuildSet(span, result, elements))
    return result


def dict_(lowering: FunctionLowering, node: ast.Dict, into: Register | None) -> Operand:
    """``{key: value, **mapping}``"""
    span = lowering.span(node)
    nodes = [part for pair in zip(node.keys, node.values) for part in pair if part is not None]
    effects, code = last_effect(nodes), last_code(lowering, nodes)
    pairs: list[tuple[Operand | None, Operand]] = []
    index = 0
    for key_node, value_node in zip(node.keys, node.values):
        key: Operand | None = None
        if key_node is not None:
            key = lowering.operand(key_node, index < effects)
            index += 1
        pairs.append((key, lowering.operand(value_node, index < effects)))
        if key is None and index < code:
            start = lowering.temporary()
            lowering.emit(ins.BuildDict(span, start, tuple(pairs)))
            pairs = [(None, start)]
        index += 1
    result = into or lowering.temporary()
    lowering.emit(ins.BuildDict(span, result, tuple(pairs)))
    return result


def literal_call(
    lowering: FunctionLowering,
    span: Span,
    function: object,
    *arguments: Operand,
    into: Register | None = None,
) -> Register:
    """Emit a call of `function` itself, whatever the program binds its name to."""
    result = into or lowering.temporary()
    lowering.emit(ins.Call(span, result, Literal(function), tuple(map(Item, arguments)), ()))
    return result
