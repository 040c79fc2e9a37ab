"""Finds the values of a program that are the same in every call.

Sparse conditional constant propagation (Wegman and Zadeck, TOPLAS 1991) over blocks: everything counts as
constant and every edge as never taken until shown otherwise, so that constants are found around loops and
behind tests that only ever go one way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import fx

from adaptc.compiler.ir.evaluate import evaluate_scalar
from adaptc.compiler.ir.expressions import key, literal, map_terminator
from adaptc.compiler.ir.host_types import PYTHON_TYPES, SCALAR_DTYPES, environment
from adaptc.compiler.ir.program import Block, Code, Program, edges
from adaptc.passes.folding import decided, fold
from adaptc.passes.specialise import placeholder_nodes, result_nodes, sources
from adaptc.passes.weight_values import compute, is_repeatable
from adaptc.runtime.hostprogram import Const, Edge, Expr, Let, Read, Ref, successors


@dataclass(frozen=True)
class Weight:
    """A known tensor: the one of this name in the parameter table."""

    name: str


@dataclass(frozen=True)
class Literal:
    """A known tensor that was computed: its dtype, shape and bytes."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    data: bytes

    def tensor(self) -> torch.Tensor:
        """The tensor itself."""
        if not self.data:
            return torch.empty(self.shape, dtype=self.dtype)
        return torch.frombuffer(bytearray(self.data), dtype=self.dtype).reshape(self.shape)


Known = Const | Weight | Literal
"""A host scalar or a tensor that is the same in every call."""


class Constants:
    """`params`: for each block that can be reached its parameters, with their value or None where it varies.

    Tensors of more than `max_bytes` are not computed.
    """

    def __init__(self, program: Program, max_bytes: int) -> None:
        self.program = program
        self.max_bytes = max_bytes
        self.types = {name: environment(block) for name, block in program.blocks.items()}
        self._computed: dict[tuple[object, ...], Literal | None] = {}
        entry = program.blocks[program.entry]
        self.params: dict[str, dict[str, Known | None]] = {
            entry.name: dict.fromkeys(param.name for param in entry.params)
        }
        todo = [entry]
        while todo:
            todo += self._visit(todo.pop())

    def values(self, block: Block) -> dict[str, Known]:
        """The names of a block that can be reached whose values are known."""
        known = {name: value for name, value in self.params[block.name].items() if value is not None}
        if block.code is not None:
            known |= self._outputs(block, block.code, known)
        for step in block.steps:
            if isinstance(step, Read):
                tensor = known.get(step.tensor)
                if isinstance(tensor, Weight | Literal):
                    known[step.name] = literal(self.tensor(tensor).item())
            elif isinstance(step, Let):
                value = self.fold(block, step.expr, known)
                if isinstance(value, Const):
                    known[step.name] = value
        return known

    def fold(self, block: Block, expr: Expr, known: Mapping[str, Known]) -> Expr:
        """An expression of `block` with what is known in place."""
        scalars = {name: value for name, value in known.items() if isinstance(value, Const)}
        return fold(expr, scalars, self.types[block.name])

    def tensor(self, known: Known) -> torch.Tensor:
        """A known value as the tensor that code takes."""
        match known:
            case Weight(name=name):
                return self.program.weights[name]
            case Literal():
                return known.tensor()
            case Const():
                value = evaluate_scalar(known, {})
                kind = next(kind for kind, type_ in PYTHON_TYPES.items() if type(value) is type_)
                return torch.tensor(value, dtype=SCALAR_DTYPES[kind])

    def _visit(self, block: Block) -> list[Block]:
        """Pass on what is known in `block`; gives the blocks about which that says anything new."""
        known = self.values(block)
        terminator = map_terminator(block.terminator, lambda expr: self.fold(block, expr, known))
        taken = decided(terminator)
        told = []
        for edge, folded in zip(edges(block), successors(terminator)):
            if taken is None or taken is folded:
                passed = [_known_argument(arg, value, known) for arg, value in zip(edge.args, folded.args)]
                if self._meet(edge, passed):
                    told.append(self.program.blocks[edge.block])
        return told

    def _meet(self, edge: Edge, passed: list[Known | None]) -> bool:
        """Let values arrive at a block; gives whether that says anything new about it."""
        params = [param.name for param in self.program.blocks[edge.block].params]
        arriving = dict(zip(params, passed, strict=True))
        old = self.params.get(edge.block)
        if old is None:
            self.params[edge.block] = arriving
            return True
        new = {name: value if _same(value, arriving[name]) else None for name, value in old.items()}
        self.params[edge.block] = new
        return any(old[name] is not None and new[name] is None for name in params)

    def _outputs(self, block: Block, code: Code, known: Mapping[str, Known]) -> dict[str, Known]:
        """The outputs of the block's code that depend on weights and known inputs alone."""
        holders = placeholder_nodes(code)
        given: dict[fx.Node, Known] = {node: known[name] for node, name in zip(holders, block.inputs) if name in known}
        given |= {node: Weight(name) for node, name in zip(holders[len(code.inputs) :], block.weights)}
        found: dict[str, Known] = {}
        for node, output in zip(result_nodes(code), block.outputs):
            value = given.get(node)
            if value is None or isinstance(value, Const):
                value = self._compute(node, given)
            if value is not None:
                found[output.name] = value
        return found

    def _compute(self, node: fx.Node, given: Mapping[fx.Node, Known]) -> Literal | None:
        needed = sources([node])
        if not all(used in given if used.op == "placeholder" else is_repeatable(used) for used in needed):
            return None
        fake = cast(torch.Tensor, node.meta["val"])
        if not all(isinstance(dim, int) for dim in fake.shape) or fake.nbytes > self.max_bytes:
            return None
        inputs = {used: given[used] for used in needed if used.op == "placeholder"}
        memo = (node, *sorted(((used.name, _identity(value)) for used, value in inputs.items()), key=repr))
        if memo not in self._computed:
            tensors = {used: self.tensor(value) for used, value in inputs.items()}
            try:
                self._computed[memo] = _literal(compute(node, needed, tensors))
            except (IndexError, RuntimeError):
                self._computed[memo] = None  # the call fails on these values: the code does not run on them, or raises
        return self._computed[memo]


def _known_argument(arg: Expr, folded: Expr, known: Mapping[str, Known]) -> Known | None:
    if isinstance(folded, Const):
        return folded
    return known.get(arg.name) if isinstance(arg, Ref) else None


def _identity(known: Known | None) -> object:
    return key(known) if isinstance(known, Const) else known


def _same(left: Known | None, right: Known | None) -> bool:
    return left is not None and _identity(left) == _identity(right)


def _literal(tensor: torch.Tensor) -> Literal:
    data = tensor.detach().contiguous().view(-1).view(torch.uint8)
    return Literal(tensor.dtype, tuple(tensor.shape), data.numpy().tobytes())
