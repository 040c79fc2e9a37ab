"""Host scalars in a graph: bool, int64 and float64 tensors without dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from adaptc.compiler.backends.onnx.graphs.scope import Scope
from adaptc.compiler.ir.evaluate import evaluate_scalar
from adaptc.compiler.ir.host_types import infer_scalar
from adaptc.compiler.ir.program import Type
from adaptc.runtime.hostprogram import Apply, Const, Expr, Ref, Scalar, Size

DTYPES: Mapping[Scalar, ir.DataType] = {
    "bool": ir.DataType.BOOL,
    "int": ir.DataType.INT64,
    "float": ir.DataType.DOUBLE,
}
"""The element type of a host scalar."""

_ARITHMETIC = {"add": "Add", "sub": "Sub", "mul": "Mul"}
_COMPARISONS = {"lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual", "eq": "Equal"}
_BITS = {"bitand": ("And", "BitwiseAnd"), "bitor": ("Or", "BitwiseOr"), "bitxor": ("Xor", "BitwiseXor")}


def number(scope: Scope, value: bool | int | float) -> ir.Value:
    """A constant host scalar."""
    if isinstance(value, bool):
        return scope.constant(np.bool_(value))
    return scope.constant(np.int64(value) if isinstance(value, int) else np.float64(value))


def cast(scope: Scope, value: ir.Value, kind: Scalar) -> ir.Value:
    """A scalar as one of another kind, as Python's bool(), int() and float() make it."""
    dtype = DTYPES[kind]
    return value if value.dtype == dtype else scope.apply("Cast", [value], dtype, to=dtype.value)


def element(scope: Scope, tensor: ir.Value, kind: Scalar, loc: str = "") -> ir.Value:
    """The one element of a tensor as a host scalar."""
    if tensor.shape is None or len(tensor.shape):
        assert tensor.dtype is not None
        tensor = scope.apply("Reshape", [tensor, scope.constant(np.zeros(0, np.int64))], tensor.dtype, loc=loc)
    return cast(scope, tensor, kind)


def emit(scope: Scope, expr: Expr, values: Mapping[str, ir.Value], types: Mapping[str, Type]) -> ir.Value:
    """The value of `expr`, a tensor's name or a host expression that `exactness.inexact` finds nothing in."""
    match expr:
        case Const():
            return number(scope, evaluate_scalar(expr, {}))
        case Ref(name=name):
            return values[name]
        case Size(name=name, dim=dim):
            extent = scope.apply("Shape", [values[name]], ir.DataType.INT64, [1], start=dim, end=dim + 1)
            return scope.apply("Squeeze", [extent], ir.DataType.INT64)
        case Apply(function=function, args=args):
            kinds = [infer_scalar(arg, types) for arg in args]
            given = [emit(scope, arg, values, types) for arg in args]
            return _apply(scope, function, given, kinds, infer_scalar(expr, types))


def _apply(scope: Scope, function: str, given: Sequence[ir.Value], kinds: Sequence[Scalar], kind: Scalar) -> ir.Value:
    dtype = DTYPES[kind]
    if function in ("and", "or"):
        test = cast(scope, given[0], "bool")
        first, second = (cast(scope, value, kind) for value in given)
        if kind == "bool":
            return scope.apply("And" if function == "and" else "Or", [first, second], dtype)
        return scope.apply("Where", [test, *((second, first) if function == "and" else (first, second))], dtype)
    if function == "select":
        test, then, orelse = cast(scope, given[0], "bool"), cast(scope, given[1], kind), cast(scope, given[2], kind)
        if kind == "bool":  # ONNX Runtime has no Where for booleans
            other = scope.apply("And", [scope.apply("Not", [test], dtype), orelse], dtype)
            return scope.apply("Or", [scope.apply("And", [test, then], dtype), other], dtype)
        return scope.apply("Where", [test, then, orelse], dtype)
    if function in _BITS:
        operator = _BITS[function][0 if kind == "bool" else 1]
        return scope.apply(operator, [cast(scope, value, kind) for value in given], dtype)
    if function in _COMPARISONS or function == "ne":
        wide = _wider(kinds)
        both = [cast(scope, value, wide) for value in given]
        result = scope.apply(_COMPARISONS.get(function, "Equal"), both, dtype)
        return scope.apply("Not", [result], dtype) if function == "ne" else result
    if function in ("bool", "int", "float"):
        return cast(scope, given[0], kind)
    if function == "not":
        return scope.apply("Not", [cast(scope, given[0], "bool")], dtype)
    operands = [cast(scope, value, kind) for value in given]
    match function:
        case "neg" | "abs":
            return scope.apply("Neg" if function == "neg" else "Abs", operands, dtype)
        case "min" | "max":  # Python gives the second where it is beyond the first: that settles NaN
            beyond = scope.apply("Less" if function == "min" else "Greater", [operands[1], operands[0]], DTYPES["bool"])
            return scope.apply("Where", [beyond, operands[1], operands[0]], dtype)
        case "truediv":
            return scope.apply("Div", operands, dtype)
        case "mod":  # of integers: ONNX takes the sign of the divisor, as Python does
            return scope.apply("Mod", operands, dtype)
        case "floordiv":
            rest = scope.apply("Mod", operands, dtype)
            return scope.apply("Div", [scope.apply("Sub", [operands[0], rest], dtype), operands[1]], dtype)
        case _:
            return scope.apply(_ARITHMETIC[function], operands, dtype)


def _wider(kinds: Sequence[Scalar]) -> Scalar:
    if "float" in kinds:
        return "float"
    # Booleans compare as numbers; ONNX orders none.
    return "int"
