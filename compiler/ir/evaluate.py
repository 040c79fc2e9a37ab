"""The meaning of host expressions: Python's own, as the texts of `hostprogram.OPERATORS` spell it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch

from adaptc.compiler.ir.errors import ExpressionError
from adaptc.runtime.hostprogram import Apply, Const, Expr, Ref, Size

Number = bool | int | float
Value = torch.Tensor | bool | int | float
"""A value of a running program: a tensor or a host scalar."""

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
    "neg": operator.neg,
    "abs": abs,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
    "not": operator.not_,
    "lshift": operator.lshift,
    "rshift": operator.rshift,
    "bitand": operator.and_,
    "bitor": operator.or_,
    "bitxor": operator.xor,
    "min": min,
    "max": max,
    "int": int,
    "float": float,
    "bool": bool,
    "round": round,
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "log2": math.log2,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
}
"""The host functions that evaluate all their operands; "and", "or" and "select" evaluate what they need."""


def evaluate(expr: Expr, environment: Mapping[str, Value]) -> Value:
    """The value of `expr`, given the values of names; raises what Python's arithmetic raises."""
    match expr:
        case Const(value=value, kind=kind):
            if kind == "float" and isinstance(value, str):
                return float(value)
            if value is None or isinstance(value, str):
                raise ExpressionError(f"the literal {value!r} is no bool, int or float")
            return value
        case Ref(name=name):
            return environment[name]
        case Size(name=name, dim=dim):
            tensor = environment[name]
            if not isinstance(tensor, torch.Tensor):
                raise ExpressionError(f"size of '{name}', which is no tensor but {tensor!r}")
            return int(tensor.shape[dim])
        case Apply(function="and", args=(left, right)):
            first = evaluate_scalar(left, environment)
            return evaluate_scalar(right, environment) if first else first
        case Apply(function="or", args=(left, right)):
            first = evaluate_scalar(left, environment)
            return first if first else evaluate_scalar(right, environment)
        case Apply(function="select", args=(test, then, orelse)):
            return evaluate_scalar(then if evaluate_scalar(test, environment) else orelse, environment)
        case Apply(function=function, args=args):
            if function not in FUNCTIONS:
                raise ExpressionError(f"'{function}' is no host function")
            result: Number = FUNCTIONS[function](*(evaluate_scalar(arg, environment) for arg in args))
            return result


def evaluate_scalar(expr: Expr, environment: Mapping[str, Value]) -> Number:
    """The value of a scalar expression; raises ExpressionError where it is a tensor."""
    value = evaluate(expr, environment)
    if isinstance(value, torch.Tensor):
        raise ExpressionError(f"{expr} is a tensor where a host scalar is asked for")
    return value
