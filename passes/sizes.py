"""How large code is, for passes that duplicate it."""

from __future__ import annotations

from adaptc.compiler.ir.program import Block, Program


def operators(block: Block) -> int:
    """The number of operators in a block's code."""
    return sum(node.op == "call_function" for node in block.code.graph.graph.nodes) if block.code else 0


def weight_bytes(program: Program, block: Block) -> int:
    """The bytes of the weights that a block's code takes."""
    return sum(program.weights[name].nbytes for name in set(block.weights))
