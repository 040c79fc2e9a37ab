"""What of the host's work a graph can do exactly as the host does it.

Python's integers have no bounds and its arithmetic raises where tensors overflow or give infinities. An expression
that could show the difference stays with the host.
"""

from __future__ import annotations

from collections.abc import Mapping

from adaptc.compiler.ir.expressions import tested
from adaptc.compiler.ir.host_types import infer_scalar
from adaptc.compiler.ir.program import Block, Program, ScalarType, Type, edges
from adaptc.runtime.hostprogram import Apply, Const, Draw, Expr, Let, Raise, Return, Size

_TOTAL = frozenset(
    (
        *("add", "sub", "neg", "abs", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"),
        *("bitand", "bitor", "bitxor", "min", "max", "bool", "float", "select"),
    )
)
"""Functions that never raise, and whose results a 64-bit integer or float holds where it holds the operands but for
sums of numbers near its bounds, which no size, counter or index comes near."""

_SMALL = 1 << 31
"""Factors up to this keep a product of an extent within 64 bits."""


def host_reasons(program: Program) -> dict[str, str]:
    """Blocks that only the host can do, with the reason; returns and raises on their own are left out."""
    found: dict[str, str] = {}
    for block in program.blocks.values():
        reason = _reason(block)
        if reason:
            found[block.name] = reason
    return found


def is_end(block: Block) -> bool:
    """Whether the block does nothing but return or raise."""
    return isinstance(block.terminator, Return | Raise) and block.code is None and not block.steps


def _reason(block: Block) -> str:
    if isinstance(block.terminator, Return | Raise):
        return "" if is_end(block) else "it returns or raises"
    types: dict[str, Type] = {param.name: param.type for param in block.params}
    types |= {output.name: output.type for output in block.outputs}
    for step in block.steps:
        if isinstance(step, Draw):
            return "it draws random numbers"
        if isinstance(step, Let):
            if reason := inexact(step.expr, types):
                return reason
            types[step.name] = ScalarType(infer_scalar(step.expr, types))
        else:
            types[step.name] = ScalarType(step.kind)
    passed = [arg for edge in edges(block) for arg in edge.args]
    return next((reason for expr in (*tested(block.terminator), *passed) if (reason := inexact(expr, types))), "")


def inexact(expr: Expr, types: Mapping[str, Type]) -> str:
    """Why a graph cannot compute `expr` as Python does; empty where it can."""
    if not isinstance(expr, Apply):
        return ""
    for arg in expr.args:
        if reason := inexact(arg, types):
            return reason
    function = expr.function
    if function in _TOTAL:
        return ""
    kinds = [infer_scalar(arg, types) for arg in expr.args]
    match function:
        case "mul" if "float" in kinds or any(_is_small(arg) for arg in expr.args):
            return ""
        case "floordiv" | "mod" if "float" not in kinds and _is_positive(expr.args[1]):
            return ""
        case "truediv" if _is_nonzero(expr.args[1]):
            return ""
        case "int" if kinds != ["float"]:
            return ""
    return f"'{function}' of host scalars may raise or leave 64 bits, which only Python does right"


def _is_small(expr: Expr) -> bool:
    if isinstance(expr, Const):
        return isinstance(expr.value, int) and abs(expr.value) <= _SMALL
    return isinstance(expr, Size)


def _is_positive(expr: Expr) -> bool:
    return isinstance(expr, Const) and isinstance(expr.value, int) and 0 < expr.value <= _SMALL


def _is_nonzero(expr: Expr) -> bool:
    return isinstance(expr, Const) and isinstance(expr.value, int | float) and expr.value != 0
