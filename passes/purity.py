"""Which host expressions cannot raise, so that where and how often they are computed does not matter."""

from __future__ import annotations

from collections.abc import Mapping

from adaptc.compiler.ir.host_types import infer_scalar
from adaptc.compiler.ir.program import Block, Type
from adaptc.runtime.hostprogram import Apply, Draw, Expr, Let, Read

_TOTAL = frozenset(
    {"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "bool", "min", "max", "select", "neg", "abs", "tanh"}
)
_ARITHMETIC = frozenset({"add", "sub", "mul"})
"""These raise only where an integer meets a float that cannot hold it."""


def never_raises(expr: Expr, types: Mapping[str, Type]) -> bool:
    """Whether `expr` has a value whatever the names of `types` are."""
    if not isinstance(expr, Apply):
        return True
    if not all(never_raises(arg, types) for arg in expr.args):
        return False
    if expr.function in _ARITHMETIC:
        kinds = {infer_scalar(arg, types) for arg in expr.args}
        return kinds == {"float"} or "float" not in kinds
    return expr.function in _TOTAL


def only_names(block: Block, types: Mapping[str, Type]) -> bool:
    """Whether `block` has neither code nor steps but host arithmetic that cannot raise."""
    return block.code is None and all(isinstance(step, Let) and never_raises(step.expr, types) for step in block.steps)


def reads_or_draws(block: Block) -> bool:
    """Whether `block` has a step that is no host arithmetic."""
    return any(isinstance(step, (Read, Draw)) for step in block.steps)
