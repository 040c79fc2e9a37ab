"""Host expressions and steps as MLIR: ``arith`` where it means the same as Python, ``adaptc`` elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from adaptc.compiler.ir.errors import ExpressionError
from adaptc.compiler.ir.evaluate import Number, evaluate_scalar
from adaptc.compiler.ir.host_types import infer_scalar, step_type
from adaptc.compiler.ir.mlir_text import SCALAR_TYPES, Lines, Operand, float_literal, mlir_type, quoted
from adaptc.compiler.ir.program import ScalarType, TensorType, Type
from adaptc.runtime.hostprogram import Apply, Const, Draw, Expr, Let, Read, Ref, Scalar, Size

UNDEFINED = "!adaptc.undefined"
"""The type of a value that is read but not defined: it prints, so that a broken program can be looked at."""

# (function, kind of both operands) -> the arith operation of the same meaning, in its custom form.
_ARITH: Mapping[tuple[str, Scalar], str] = {
    ("add", "int"): "addi",
    ("sub", "int"): "subi",
    ("mul", "int"): "muli",
    ("floordiv", "int"): "floordivsi",
    ("min", "int"): "minsi",
    ("max", "int"): "maxsi",
    ("bitand", "int"): "andi",
    ("bitor", "int"): "ori",
    ("bitxor", "int"): "xori",
    ("lshift", "int"): "shli",
    ("rshift", "int"): "shrsi",
    ("lt", "int"): "cmpi slt,",
    ("le", "int"): "cmpi sle,",
    ("gt", "int"): "cmpi sgt,",
    ("ge", "int"): "cmpi sge,",
    ("eq", "int"): "cmpi eq,",
    ("ne", "int"): "cmpi ne,",
    ("add", "float"): "addf",
    ("sub", "float"): "subf",
    ("mul", "float"): "mulf",
    ("truediv", "float"): "divf",
    ("lt", "float"): "cmpf olt,",
    ("le", "float"): "cmpf ole,",
    ("gt", "float"): "cmpf ogt,",
    ("ge", "float"): "cmpf oge,",
    ("eq", "float"): "cmpf oeq,",
    ("ne", "float"): "cmpf une,",
    ("and", "bool"): "andi",
    ("or", "bool"): "ori",
    ("bitand", "bool"): "andi",
    ("bitor", "bool"): "ori",
    ("bitxor", "bool"): "xori",
    ("eq", "bool"): "cmpi eq,",
    ("ne", "bool"): "cmpi ne,",
}

# (function, kind of the operand) -> the arith conversion of the same meaning.
_CONVERSIONS: Mapping[tuple[str, Scalar], str] = {
    ("int", "bool"): "extui",
    ("float", "bool"): "uitofp",
    ("float", "int"): "sitofp",
}


class HostPrinter:
    """Prints the host's part of one block. `values` maps the block's names to their operands."""

    def __init__(self, lines: Lines, values: dict[str, Operand], types: dict[str, Type]) -> None:
        self.lines = lines
        self.values = values
        self.types = types
        self._literals: dict[str, Operand] = {}

    def expression(self, expr: Expr, loc: str, hint: str = "") -> Operand:
        """Print what `expr` needs; gives the operand that holds its value."""
        match expr:
            case Ref(name=name):
                return self.values.get(name, Operand(f"%undefined.{name}", UNDEFINED))
            case Size(name=name, dim=dim):
                tensor = self.expression(Ref(name), loc)
                attributes = {"dim": f"{dim} : i64"}
                return self.lines.one(
                    "adaptc.size", [tensor], hint or f"{name}.size{dim}", "i64", loc, attributes=attributes
                )
            case Const():
                return self._literal(expr, loc)
            case Apply(function=function, args=args):
                operands = [self.expression(arg, loc) for arg in args]
                return self._apply(function, args, operands, loc, hint or function, self._kind(expr))

    def test(self, expr: Expr, loc: str) -> Operand:
        """Print a test as an i1: a number is true where it is not zero."""
        if self._kind(expr) in ("int", "float"):
            expr = Apply("bool", (expr,))
        return self.expression(expr, loc, "test")

    def step(self, step: Let | Read | Draw) -> None:
        """Print a step and define its name."""
        if isinstance(step, Draw):
            self._draw(step)
            return
        kind: Scalar
        if isinstance(step, Let):
            kind = self._kind(step.expr) or "float"
            self.values[step.name] = self.expression(step.expr, step.loc, step.name)
        else:
            kind = step.kind
            tensor = self.expression(Ref(step.tensor), step.loc)
            # The attribute keeps the name of the decision, which the text's own names may lose.
            self.values[step.name] = self.lines.one(
                "adaptc.read",
                [tensor],
                step.name,
                SCALAR_TYPES[kind],
                step.loc,
                attributes={"name": quoted(step.name)},
            )
        self.types[step.name] = ScalarType(kind)

    def _draw(self, step: Draw) -> None:
        try:
            type_ = step_type(step, self.types)
        except ExpressionError:
            type_ = TensorType(getattr(torch, step.dtype), ())
        operands = [self.expression(expr, step.loc) for expr in (*step.shape, *step.args)]
        attributes = {"kind": quoted(step.kind)}
        self.values[step.name] = self.lines.one(
            "adaptc.draw", operands, step.name, mlir_type(type_), step.loc, attributes=attributes
        )
        self.types[step.name] = type_

    def _kind(self, expr: Expr) -> Scalar | None:
        try:
            return infer_scalar(expr, self.types)
        except ExpressionError:
            return None

    def _literal(self, expr: Const, loc: str) -> Operand:
        try:
            value = evaluate_scalar(expr, {})
        except ExpressionError:
            return Operand("%undefined", UNDEFINED)
        text, hint, type_ = _literal_text(value)
        if text not in self._literals:
            self._literals[text] = self.lines.custom(f"arith.constant {text}", hint, type_, loc)
        return self._literals[text]

    def _apply(
        self,
        function: str,
        args: Sequence[Expr],
        operands: Sequence[Operand],
        loc: str,
        hint: str,
        kind: Scalar | None,
    ) -> Operand:
        kinds = [self._kind(arg) for arg in args]
        result = SCALAR_TYPES[kind] if kind else UNDEFINED
        names = [operand.name for operand in operands]
        first = kinds[0]
        same = first is not None and all(other == first for other in kinds)
        if first is not None and same:
            if (function, first) in _ARITH:
                text = f"arith.{_ARITH[function, first]} {', '.join(names)} : {operands[0].type}"
                return self.lines.custom(text, hint, result, loc)
            if (function, first) in _CONVERSIONS:
                text = f"arith.{_CONVERSIONS[function, first]} {names[0]} : {operands[0].type} to {result}"
                return self.lines.custom(text, hint, result, loc)
            if function == "neg" and first == "float":
                return self.lines.custom(f"arith.negf {names[0]} : f64", hint, result, loc)
            if function == "not" and first == "bool":
                true = self._literal(Const(True), loc)
                return self.lines.custom(f"arith.xori {names[0]}, {true.name} : i1", hint, result, loc)
            if function == "bool" and first in ("int", "float"):
                zero = self._literal(Const(0 if first == "int" else 0.0), loc)
                compare = "cmpi ne" if first == "int" else "cmpf une"
                text = f"arith.{compare}, {names[0]}, {zero.name} : {operands[0].type}"
                return self.lines.custom(text, hint, result, loc)
        if function == "select" and first == "bool" and kinds[1] == kinds[2]:
            return self.lines.custom(f"arith.select {', '.join(names)} : {result}", hint, result, loc)
        return self.lines.one(f"adaptc.{function}", operands, hint, result, loc)


def _literal_text(value: Number) -> tuple[str, str, str]:
    """The literal, a hint for its name, and its type."""
    if isinstance(value, bool):
        return str(value).lower(), str(value).lower(), "i1"
    if isinstance(value, int):
        return f"{value} : i64", f"c{value}".replace("-", "m"), "i64"
    return f"{float_literal(value)} : f64", "cst", "f64"
