"""``match`` statements."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.instructions import Item, Literal, Operand, Register
from adaptc.compiler.frontend.lower import natives
from adaptc.compiler.frontend.lower.branches import branch
from adaptc.compiler.frontend.lower.calls import literal_call
from adaptc.compiler.frontend.lower.emitter import Label
from adaptc.compiler.frontend.lower.function import FunctionLowering

Captures = dict[str, Operand]  # what the pattern binds; nothing is bound before the whole of it matches


def match_(lowering: FunctionLowering, node: ast.Match) -> None:
    """``match subject: case pattern if guard: ...``"""
    subject = lowering.copied(lowering.value(node.subject), lowering.span(node.subject))
    end = lowering.label()
    for case in node.cases:
        following = lowering.label()
        captures: Captures = {}
        pattern(lowering, case.pattern, subject, captures, following)
        span = lowering.span(case.pattern)
        for name, value in captures.items():
            lowering.store(lowering.variable(lowering.mangled(name)), value, span)
        if case.guard is not None:
            holds = lowering.label()
            branch(lowering, case.guard, holds, following)
            lowering.place(holds)
        lowering.statements(case.body)
        lowering.goto(end, span)
        lowering.place(following)
    lowering.place(end)


def pattern(lowering: FunctionLowering, node: ast.pattern, subject: Operand, captures: Captures, fails: Label) -> None:
    """Match `subject`: go on where it matches, adding to `captures`, else go to `fails`."""
    if isinstance(node, ast.MatchAs):
        if node.pattern is not None:
            pattern(lowering, node.pattern, subject, captures, fails)
        if node.name is not None:
            captures[node.name] = subject
    elif isinstance(node, ast.MatchValue):
        value = lowering.value(node.value)
        check(lowering, node, binary(lowering, node, "eq", subject, value), fails)
    elif isinstance(node, ast.MatchSingleton):
        check(lowering, node, binary(lowering, node, "is_", subject, Literal(node.value)), fails)
    elif isinstance(node, ast.MatchOr):
        alternatives(lowering, node, subject, captures, fails)
    elif isinstance(node, ast.MatchSequence):
        sequence(lowering, node, subject, captures, fails)
    elif isinstance(node, ast.MatchMapping):
        mapping(lowering, node, subject, captures, fails)
    elif isinstance(node, ast.MatchClass):
        instance(lowering, node, subject, captures, fails)
    else:
        found = f"`{type(node).__name__}` pattern"
        lowering.refuse(node, found, "it is not part of the supported language", "use `if` instead")


def binary(lowering: FunctionLowering, node: ast.AST, function: str, a: Operand, b: Operand) -> Register:
    """Emit a binary operation."""
    result = lowering.temporary()
    lowering.emit(ins.Binary(lowering.span(node), result, function, a, b))
    return result


def check(lowering: FunctionLowering, node: ast.AST, test: Operand, fails: Label) -> None:
    """Go on where `test` is true."""
    holds = lowering.label()
    lowering.test(lowering.span(node), test, holds, fails)
    lowering.place(holds)


def alternatives(
    lowering: FunctionLowering, node: ast.MatchOr, subject: Operand, captures: Captures, fails: Label
) -> None:
    """``a | b``: all alternatives bind the same names."""
    matched = lowering.label()
    span = lowering.span(node)
    common: dict[str, Register] = {}
    for index, alternative in enumerate(node.patterns):
        following = fails if index + 1 == len(node.patterns) else lowering.label()
        found: Captures = {}
        pattern(lowering, alternative, subject, found, following)
        for name, value in found.items():
            if name not in common:
                common[name] = lowering.temporary()
            lowering.emit(ins.Move(span, common[name], value))
        lowering.goto(matched, span)
        if following is not fails:
            lowering.place(following)
    lowering.place(matched)
    captures.update(common)


def is_wildcard(node: ast.pattern) -> bool:
    """Whether a pattern is ``_`` or ``*_``."""
    if isinstance(node, ast.MatchStar):
        return node.name is None
    return isinstance(node, ast.MatchAs) and node.pattern is None and node.name is None


def sequence(
    lowering: FunctionLowering, node: ast.MatchSequence, subject: Operand, captures: Captures, fails: Label
) -> None:
    """``[a, *rest]``"""
    span, patterns = lowering.span(node), node.patterns
    check(lowering, node, literal_call(lowering, span, natives.is_sequence, subject), fails)
    star = next((index for index, inner in enumerate(patterns) if isinstance(inner, ast.MatchStar)), None)
    count = len(patterns) - (star is not None)
    length: Operand = Literal(None)
    if count or star is None:
        length = literal_call(lowering, span, len, subject)
        function = "eq" if star is None else "ge"
        check(lowering, node, binary(lowering, node, function, length, Literal(count)), fails)
    if all(map(is_wildcard, patterns)):
        return
    if star is not None and is_wildcard(patterns[star]):
        for index, inner in enumerate(patterns):
            if is_wildcard(inner):
                continue
            position: Operand = Literal(index)
            if index > star:
                size = literal_call(lowering, span, len, subject)
                position = binary(lowering, inner, "sub", size, Literal(len(patterns) - index))
            element = lowering.temporary()
            lowering.emit(ins.GetItem(lowering.span(inner), element, subject, position))
            pattern(lowering, inner, element, captures, fails)
        return
    elements = [lowering.temporary() for _ in patterns]
    lowering.emit(ins.Unpack(span, tuple(elements), star, subject))
    for inner, element in zip(patterns, elements):
        if not isinstance(inner, ast.MatchStar):
            pattern(lowering, inner, element, captures, fails)
        elif inner.name is not None:
            captures[inner.name] = element


def mapping(
    lowering: FunctionLowering, node: ast.MatchMapping, subject: Operand, captures: Captures, fails: Label
) -> None:
    """``{"key": pattern, **rest}``"""
    span = lowering.span(node)
    check(lowering, node, literal_call(lowering, span, natives.is_mapping, subject), fails)
    if node.keys:
        size = literal_call(lowering, span, len, subject)
        check(lowering, node, binary(lowering, node, "ge", size, Literal(len(node.keys))), fails)
    if not node.keys and node.rest is None:
        return
    keys = lowering.temporary()
    lowering.emit(ins.BuildTuple(span, keys, tuple(map(Item, lowering.sequence(node.keys)))))
    values = literal_call(lowering, span, natives.match_keys, subject, keys)
    unpacked(lowering, node, values, node.patterns, captures, fails)
    if node.rest is not None:
        captures[node.rest] = literal_call(lowering, span, natives.rest_of_mapping, subject, keys)


def instance(
    lowering: FunctionLowering, node: ast.MatchClass, subject: Operand, captures: Captures, fails: Label
) -> None:
    """``Class(pattern, attribute=pattern)``"""
    span = lowering.span(node)
    kind = lowering.operand(node.cls, more=True)
    literal_call(lowering, span, natives.require_class, kind)
    check(lowering, node, literal_call(lowering, span, isinstance, subject, kind), fails)
    patterns = [*node.patterns, *node.kwd_patterns]
    if patterns:
        names = Literal(tuple(map(lowering.mangled, node.kwd_attrs)))
        count = Literal(len(node.patterns))
        values = literal_call(lowering, span, natives.match_attributes, subject, kind, count, names)
        unpacked(lowering, node, values, patterns, captures, fails)


def unpacked(
    lowering: FunctionLowering,
    node: ast.pattern,
    values: Operand,
    patterns: Sequence[ast.pattern],
    captures: Captures,
    fails: Label,
) -> None:
    """Match the elements of `values` with `patterns`; where it is None, nothing matches."""
    check(lowering, node, binary(lowering, node, "is_not", values, Literal(None)), fails)
    elements = [lowering.temporary() for _ in patterns]
    lowering.emit(ins.Unpack(lowering.span(node), tuple(elements), None, values))
    for inner, element in zip(patterns, elements):
        pattern(lowering, inner, element, captures, fails)
