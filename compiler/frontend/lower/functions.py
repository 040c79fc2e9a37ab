"""Functions defined inside the function: ``def``, ``lambda`` and generator expressions."""

from __future__ import annotations

import ast

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.instructions import Item, Literal, Operand, Register
from adaptc.compiler.frontend.lower.calls import items
from adaptc.compiler.frontend.lower.function import FunctionLowering
from adaptc.compiler.frontend.lower.names import Kind


def make_function(
    lowering: FunctionLowering,
    node: ast.FunctionDef | ast.Lambda | ast.GeneratorExp,
    defaults: Operand,
    kwdefaults: Operand,
    into: Register | None,
) -> Operand:
    """Emit the making of a function object."""
    code = lowering.child_code(node)
    if code is None:
        why = "Python compiled the function without it, because it is never reached"
        return lowering.refuse(node, "a function without code", why, "remove it")
    cells: list[tuple[str, str]] = []
    for name in code.co_freevars:
        variable = lowering.variable(name)
        # Where a comprehension binds the name too, Python 3.12 and later hand on an empty cell of this function.
        cells.append((name, variable.name if variable.kind is Kind.CELL else name))
    result = into or lowering.temporary()
    lowering.emit(ins.MakeFunction(lowering.span(node), result, code, tuple(cells), defaults, kwdefaults))
    return result


def default_operands(lowering: FunctionLowering, node: ast.FunctionDef | ast.Lambda) -> tuple[Operand, Operand]:
    """Evaluate the default values: a tuple and a dict, or None where there are none."""
    defaults: Operand = Literal(None)
    kwdefaults: Operand = Literal(None)
    arguments, span = node.args, lowering.span(node)
    if arguments.defaults:
        defaults = lowering.temporary()
        lowering.emit(ins.BuildTuple(span, defaults, items(lowering, arguments.defaults, (), span)))
    named = [(arg, value) for arg, value in zip(arguments.kwonlyargs, arguments.kw_defaults) if value is not None]
    if named:
        kwdefaults = lowering.temporary()
        values = lowering.sequence([value for _, value in named])
        keys = [Literal(lowering.mangled(arg.arg)) for arg, _ in named]
        lowering.emit(ins.BuildDict(span, kwdefaults, tuple(zip(keys, values))))
    return defaults, kwdefaults


def function_definition(lowering: FunctionLowering, node: ast.FunctionDef) -> None:
    """``def f(x=1): ...``"""
    if getattr(node, "type_params", None):
        why = "type parameters of nested functions are not compiled"
        lowering.refuse(node, f"generic function `{node.name}`", why, "leave out the type parameters")
        return
    decorators = lowering.sequence(node.decorator_list, more=True)
    function = make_function(lowering, node, *default_operands(lowering, node), None)
    for decorator, decorator_node in zip(reversed(decorators), reversed(node.decorator_list)):
        result = lowering.temporary()
        lowering.emit(ins.Call(lowering.span(decorator_node), result, decorator, (Item(function),), ()))
        function = result
    lowering.store(lowering.variable(lowering.mangled(node.name)), function, lowering.span(node))


def lambda_(lowering: FunctionLowering, node: ast.Lambda, into: Register | None) -> Operand:
    """``lambda x: x``"""
    return make_function(lowering, node, *default_operands(lowering, node), into)


def generator(lowering: FunctionLowering, node: ast.GeneratorExp, into: Register | None) -> Operand:
    """``(f(x) for x in xs)``: a generator function, called with the first iterator"""
    if any(part.is_async for part in node.generators):
        why = "asynchronous code is not compiled"
        return lowering.refuse(node, "asynchronous generator", why, "iterate synchronously")
    function = make_function(lowering, node, Literal(None), Literal(None), None)
    iterable, iterator = node.generators[0].iter, lowering.temporary()
    lowering.emit(ins.GetIter(lowering.span(iterable), iterator, lowering.value(iterable)))
    result = into or lowering.temporary()
    lowering.emit(ins.Call(lowering.span(node), result, function, (Item(iterator),), ()))
    return result
