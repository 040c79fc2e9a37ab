"""What a block of host arithmetic passes on, as expressions of the block before it."""

from __future__ import annotations

from adaptc.compiler.ir.expressions import substitute
from adaptc.compiler.ir.program import Block
from adaptc.runtime.hostprogram import Edge, Expr, Let, names_in


def values_after(block: Block, edge: Edge) -> dict[str, Expr]:
    """The names of `block`, to which `edge` leads, as expressions of the block where the edge begins; without those
    that its code or reads make, or that depend on them."""
    values: dict[str, Expr] = dict(zip((param.name for param in block.params), edge.args, strict=True))
    for step in block.steps:
        if isinstance(step, Let) and values.keys() >= set(names_in(step.expr)):
            values[step.name] = substitute(step.expr, values)
    return values


def through(block: Block, edge: Edge, onward: Edge) -> Edge:
    """The edge that does what `edge` to `block` and then `onward` out of it do."""
    values = values_after(block, edge)
    return Edge(onward.block, tuple(substitute(arg, values) for arg in onward.args))


def expression_size(edge: Edge) -> int:
    """The number of operators in the arguments of an edge."""
    return sum(map(operators_in, edge.args))


def operators_in(expr: Expr) -> int:
    """The number of operators in an expression."""
    args: tuple[Expr, ...] = getattr(expr, "args", ())
    return (1 if args else 0) + sum(map(operators_in, args))
