"""Where the weights of a region stand: each in the graph that reads it, so that the engine can prepare it there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from adaptc.compiler.backends.onnx.binding import weight_tensor
from adaptc.compiler.backends.onnx.graphs.scope import Scope
from adaptc.compiler.backends.onnx.weights import WeightTable

_OWN_COPY = frozenset(("Conv", "ConvTranspose", "BatchNormalization"))
"""Operators that ONNX Runtime 1.32 prepares only with weights of their own graph: three `Conv` of 64 channels in arms,
with a weight from outside, took 1.33 times as long, three `MatMul` 1.0 times. The other two are taken to be alike."""


def place_weights(root: Scope, table: WeightTable, folder: Path) -> list[int]:
    """Make the weights that the scopes of `root`'s region read initializers, whose bytes lie in `folder`; gives the
    rows that are read.

    A weight that several graphs read stands in the innermost graph around them, unless an operator needs its own.
    """
    readers: dict[int, list[Scope]] = {}
    for scope in root.family:
        for row, value in scope.weights.items():
            if scope.finished is not None and value.uses():
                readers.setdefault(row, []).append(scope)
    for row, scopes in readers.items():
        values = [scope.weights[row] for scope in scopes]
        if len(scopes) > 1 and not any(use.node.op_type in _OWN_COPY for value in values for use in value.uses()):
            shared, *others = values
            for other in others:
                other.replace_all_uses_with(shared)
            scopes, values = [_around(scopes)], [shared]
        for scope, value in zip(scopes, values):
            graph = scope.finished
            assert graph is not None
            value.name = f"weight_{row}_{scope.family.index(scope)}"
            value.const_value = weight_tensor(value, value.name, table.rows[row], folder)
            graph.initializers[value.name] = value
    return sorted(readers)


def duplicated_bytes(root: Scope, table: WeightTable) -> int:
    """The bytes of the weights that stand in more than one graph, but for one of each."""
    placed: dict[int, int] = {}
    for scope in root.family:
        for row, value in scope.weights.items():
            if scope.finished is not None and value.is_initializer():
                placed[row] = placed.get(row, 0) + 1
    return sum(table.rows[row].size * (count - 1) for row, count in placed.items())


def _around(scopes: Sequence[Scope]) -> Scope:
    """The innermost scope around all of `scopes`."""
    first, *others = (list(scope.ancestors()) for scope in scopes)
    return next(scope for scope in first if all(_holds(other, scope) for other in others))


def _holds(scopes: Iterable[Scope], scope: Scope) -> bool:
    return any(other is scope for other in scopes)
