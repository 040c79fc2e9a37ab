"""Programs without tensor code: control flow alone, for the search of paths."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from adaptc.compiler.ir.program import Block, Input, Output, Param, Program, ScalarType, TensorType
from adaptc.runtime.hostprogram import (
    Apply,
    Branch,
    Const,
    Edge,
    Expr,
    Let,
    Read,
    Ref,
    Return,
    Scalar,
    Size,
    Terminator,
    ValueSpec,
)
from adaptc.runtime.tree import Leaf, TupleNode

DTYPES = {"bool": torch.bool, "int": torch.int64, "float": torch.float32}


def op(function: str, *args: object) -> Apply:
    """A host function of expressions; strings are names, numbers are constants."""
    return Apply(function, tuple(expr(arg) for arg in args))


def expr(value: object) -> Expr:
    """An expression; strings are names, numbers are constants."""
    if isinstance(value, str):
        return Ref(value)
    if isinstance(value, (bool, int, float)):
        return Const(value)
    assert isinstance(value, (Const, Ref, Size, Apply))
    return value


def to(block: str, *args: object) -> Edge:
    """An edge with arguments."""
    return Edge(block, tuple(expr(arg) for arg in args))


def done(*outputs: object) -> Return:
    """A return of host scalars."""
    return Return(
        tuple(expr(output) for output in outputs),
        tuple(ValueSpec("int64") for _ in outputs),
        TupleNode(tuple(Leaf(i) for i, _ in enumerate(outputs))),
    )


def branch(test: object, then: Edge, orelse: Edge, line: int = 1) -> Branch:
    """A branch at "net.py:<line>"."""
    return Branch(expr(test), then, orelse, f"net.py:{line}")


def block(
    name: str,
    terminator: Terminator,
    params: str = "",
    reads: dict[str, Scalar] | None = None,
    lets: Sequence[tuple[str, object]] = (),
    rows: Sequence[str] = (),
) -> Block:
    """A block with scalar parameters, reads of tensors that its (left out) code makes, and lets after them.

    `rows` are further tensors that the code makes, of shape (?, 4).
    """
    reads = reads or {}
    return Block(
        name=name,
        params=[Param(param, ScalarType("int")) for param in params.split()],
        code=None,
        inputs=[],
        weights=[],
        outputs=[
            *(Output(f"{read}_tensor", TensorType(DTYPES[kind], ())) for read, kind in reads.items()),
            *(Output(row, TensorType(torch.float32, ("found", 4))) for row in rows),
        ],
        steps=[
            *(Read(read, f"{read}_tensor", kind, f"net.py:{read}") for read, kind in reads.items()),
            *(Let(let, expr(value)) for let, value in lets),
        ],
        terminator=terminator,
    )


def program(*blocks: Block, shape: tuple[int | str, ...] = (1, 4)) -> Program:
    """The program that begins in the first block, with one input x."""
    blocks[0].params.insert(0, Param("x", TensorType(torch.float32, shape)))
    return Program(
        name="skeleton",
        arguments=(),
        inputs=(Input("x", TensorType(torch.float32, shape)),),
        entry=blocks[0].name,
        blocks={item.name: item for item in blocks},
        weights={},
    )
