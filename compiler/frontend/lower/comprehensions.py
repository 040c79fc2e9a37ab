"""Comprehensions: inlined as loops, their variables renamed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.instructions import Item, Operand, Register
from adaptc.compiler.frontend.lower.assignments import assign_next
from adaptc.compiler.frontend.lower.branches import branch, moved
from adaptc.compiler.frontend.lower.function import FunctionLowering
from adaptc.compiler.frontend.lower.names import Kind, Variable, target_names

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp


def iteration(
    lowering: FunctionLowering,
    generators: Sequence[ast.comprehension],
    iterator: Register,
    body: Callable[[], None],
) -> None:
    """Emit the loops of a comprehension around `body`; `iterator` is the one of the first."""
    first, *rest = generators
    if first.is_async:
        why = "asynchronous code is not compiled"
        lowering.refuse(first.iter, "`async for`", why, "iterate synchronously")
    exhausted = lowering.label()
    with lowering.loop(set()) as header:
        assign_next(lowering, first.target, iterator, exhausted, lowering.span(first.iter))
        for condition in first.ifs:
            taken = lowering.label()
            branch(lowering, condition, taken, header)
            lowering.place(taken)
        if rest:
            span = lowering.span(rest[0].iter)
            inner = lowering.temporary()
            lowering.emit(ins.GetIter(span, inner, lowering.value(rest[0].iter)))
            iteration(lowering, rest, inner, body)
        else:
            body()
        lowering.goto(header, lowering.span(first.target))
    lowering.place(exhausted)


def captured_names(lowering: FunctionLowering, node: Comprehension) -> set[str]:
    """The names that functions inside a comprehension take from around them."""
    names: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Lambda | ast.GeneratorExp):
            code = lowering.child_code(inner)
            if code is not None:
                names.update(code.co_freevars)
    return names


def comprehension(lowering: FunctionLowering, node: Comprehension, into: Register | None) -> Operand:
    """``[f(x) for x in xs if test]``, and the same for sets and dicts"""
    span = lowering.span(node)
    iterable = node.generators[0].iter
    iterator, result = lowering.temporary(), lowering.temporary()
    lowering.emit(ins.GetIter(lowering.span(iterable), iterator, lowering.value(iterable)))

    captured = captured_names(lowering, node)
    scope: dict[str, Variable] = {}
    for name in sorted(map(lowering.mangled, target_names(node.generators))):
        kind = Kind.CELL if name in captured else Kind.REGISTER
        scope[name] = Variable(kind, lowering.temporary(name))
        if kind is Kind.CELL:
            lowering.emit(ins.MakeCell(span, scope[name].name))
    if isinstance(node, ast.DictComp):
        lowering.emit(ins.BuildDict(span, result, ()))
    elif isinstance(node, ast.SetComp):
        lowering.emit(ins.BuildSet(span, result, ()))
    else:
        lowering.emit(ins.BuildList(span, result, ()))

    lowering.scopes.append(scope)
    iteration(lowering, node.generators, iterator, lambda: collect(lowering, node, result))
    lowering.scopes.pop()
    return moved(lowering, node, result, into)


def collect(lowering: FunctionLowering, node: Comprehension, result: Register) -> None:
    """Put one element into the list, set or dict that a comprehension makes."""
    if isinstance(node, ast.DictComp):
        key, value = lowering.sequence([node.key, node.value])
        lowering.emit(ins.SetItem(lowering.span(node.key), result, key, value))
        return
    span = lowering.span(node.elt)
    element = lowering.value(node.elt)
    method = lowering.temporary()
    lowering.emit(ins.GetAttr(span, method, result, "append" if isinstance(node, ast.ListComp) else "add"))
    lowering.emit(ins.Call(span, lowering.temporary(), method, (Item(element),), ()))
