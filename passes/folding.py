"""Simplifies host expressions of which some values are known."""

from __future__ import annotations

from collections.abc import Mapping

from adaptc.compiler.ir.evaluate import Number, evaluate_scalar
from adaptc.compiler.ir.expressions import literal
from adaptc.compiler.ir.program import TensorType, Type
from adaptc.runtime.hostprogram import (
    Apply,
    Branch,
    Const,
    Edge,
    Expr,
    Ref,
    Size,
    Switch,
    Terminator,
    names_in,
)


def constant_value(expr: Expr) -> Number | None:
    """The value of an expression that reads nothing; None where it reads something or raises."""
    if names_in(expr):
        return None
    try:
        return evaluate_scalar(expr, {})
    except (ArithmeticError, ValueError):
        return None


def decided(terminator: Terminator) -> Edge | None:
    """The edge that a branch or switch on a constant takes; None where it is no constant, or no choice."""
    match terminator:
        case Branch(test=test, then=then, orelse=orelse):
            value = constant_value(test)
            return None if value is None else then if value else orelse
        case Switch(index=index, keys=keys, edges=edges, default=default):
            value = constant_value(index)
            if value is None:
                return None
            return next((edge for key, edge in zip(keys, edges) if key == value), default)
        case _:
            return None


def fold(expr: Expr, values: Mapping[str, Const], types: Mapping[str, Type]) -> Expr:
    """`expr` with the known `values` and known sizes in place and everything constant evaluated.

    What would raise stays as it is, to raise when it runs.
    """
    match expr:
        case Ref(name=name):
            return values.get(name, expr)
        case Size(name=name, dim=dim):
            type_ = types[name]
            extent = type_.shape[dim] if isinstance(type_, TensorType) else dim
            return Const(extent) if isinstance(extent, int) else expr
        case Apply(function=function, args=args):
            folded = tuple(fold(arg, values, types) for arg in args)
            return _apply(function, folded)
        case _:
            return expr


def _apply(function: str, args: tuple[Expr, ...]) -> Expr:
    first = constant_value(args[0])
    if first is not None:
        # These read their second operand only if the first asks for it.
        match function:
            case "and":
                return args[1] if first else args[0]
            case "or":
                return args[0] if first else args[1]
            case "select":
                return args[1] if first else args[2]
    whole = Apply(function, args)
    value = constant_value(whole)
    return whole if value is None else literal(value)
