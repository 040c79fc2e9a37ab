"""The value of a derived dimension, such as "2*batch + 1", where the sizes it is made of are known."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

from adaptc.compiler.ir.program import Dim

_OPERATORS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def extent(dim: Dim, sizes: Mapping[str, int]) -> int | None:
    """The extent `dim` for `sizes` (name -> size); None where it depends on anything else."""
    if isinstance(dim, int):
        return dim
    if dim in sizes:
        return sizes[dim]
    try:
        return _value(ast.parse(dim, mode="eval").body, sizes)
    except (SyntaxError, ZeroDivisionError):
        return None


def _value(node: ast.expr, sizes: Mapping[str, int]) -> int | None:
    match node:
        case ast.Constant(value=int() as value):
            return int(value)
        case ast.Name(id=name):
            return sizes.get(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _value(operand, sizes)
            return None if inner is None else -inner
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            a, b = _value(left, sizes), _value(right, sizes)
            return None if a is None or b is None else _OPERATORS[type(op)](a, b)
        case _:
            return None
