"""Simplifies a unit's graph: onnxscript's folding of constants and rewrite rules, the inexact ones replaced.

onnxscript's rules for ``x + 0``, ``x - 0``, ``x * 1`` and ``x / 1`` also take numbers close to 0 and 1: they would drop
the 1e-8 that keeps a division finite.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import onnx_ir as ir
from onnx_ir.passes import common
from onnxscript import optimizer, rewriter
from onnxscript.rewriter import pattern
from onnxscript.rewriter.rules.common import _no_op

from adaptc.compiler.backends.onnx.indices import simplify_indices
from adaptc.compiler.backends.onnx.reshapes import drop_whole_slices, split_once

FOLDED_ELEMENTS = 1024
"""The largest constant that is computed here; larger ones would swell the unit, and the engine folds them."""
_ROUNDS = 2


def simplify(model: ir.Model) -> None:
    """Simplify `model` in place. What it computes stays the same, to the bit where constants are not folded."""
    for _ in range(_ROUNDS):
        folded = optimizer.fold_constants_ir(
            model,
            onnx_shape_inference=True,
            input_size_limit=FOLDED_ELEMENTS,
            output_size_limit=FOLDED_ELEMENTS,
        ).modified
        rewritten = rewriter.RewritePass(_rules())(model).modified
        common.RemoveUnusedNodesPass()(model)
        common.RemoveUnusedFunctionsPass()(model)  # type: ignore[no-untyped-call]
        common.RemoveUnusedOpsetsPass()(model)
        if not (folded or rewritten):
            break
    if split_once(model.graph):
        rewriter.RewritePass(_rules())(model)  # transpositions may meet
    simplify_indices(model.graph)
    drop_whole_slices(model.graph)
    for tidying in (
        common.RemoveUnusedNodesPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.LiftSubgraphInitializersToMainGraphPass(),
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
        common.OutputFixPass(),
        common.NameFixPass(),
    ):
        tidying(model)


@cache
def _rules() -> list[pattern.RewriteRule]:
    inexact = {id(rule) for rule in _no_op.rules}
    others = [rule for rule in rewriter._DEFAULT_REWRITE_RULES if id(rule) not in inexact]
    zero, one = (pattern.Constant(number, rel_tol=0.0, abs_tol=0.0) for number in (0, 1))

    def unchanged(op: Any, x: Any, **_: Any) -> Any:
        return op.Identity(x)

    exact: list[pattern.RewriteRule] = []
    for name, of in {
        "add_0": lambda op, x: x + zero,
        "0_add": lambda op, x: op.Add(zero, x),
        "sub_0": lambda op, x: x - zero,
        "mul_by_1": lambda op, x: x * one,
        "1_mul": lambda op, x: op.Mul(one, x),
        "div_by_1": lambda op, x: x / one,
    }.items():
        exact.append(pattern.RewriteRule(of, unchanged, name=name))
    return [*exact, *others]
