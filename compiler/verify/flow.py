"""What reaches the reads and outputs of a path through tensor code: data of the inputs, and which precision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import fx

from adaptc.compiler.ir.program import Block, Code, Program, ScalarType, edges
from adaptc.runtime.hostprogram import Branch, Draw, Expr, Read, Ref, Return, Switch, names_in

_PRECISIONS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
_ROUNDED_LIKE = {torch.complex128: torch.float64, torch.complex64: torch.float32}
SHAPE_ONLY = ("zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "randint_like", "new_")
"""Operators, by how their names begin, that take no data from their first argument."""


@dataclass(frozen=True)
class Origin:
    """Where a value comes from: `data` tells that tensor code made it from tensor inputs of the network. `coarsest` is
    the number in `_PRECISIONS` of the least precise dtype on the way of its floats."""

    data: bool = False
    coarsest: int = 0

    @property
    def dtype(self) -> torch.dtype:
        """The least precise dtype on the way, float64 where there is none."""
        return _PRECISIONS[self.coarsest]


@dataclass(frozen=True)
class Flow:
    """The origins of the reads of a path that eager PyTorch has too, in order, and of the outputs that it returns."""

    reads: tuple[Origin, ...]
    outputs: tuple[Origin, ...]

    @property
    def coarsest(self) -> torch.dtype:
        """The least precise dtype of all."""
        return _PRECISIONS[max((origin.coarsest for origin in (*self.reads, *self.outputs)), default=0)]


@dataclass(frozen=True)
class _Result:
    """What reaches a result of code: the numbers of the inputs that do, of those that do through floats alone, and
    the coarsest of the dtypes within the code."""

    inputs: frozenset[int] = frozenset()
    floats: frozenset[int] = frozenset()
    coarsest: int = 0


class Flows:
    """Follows values along paths of one program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._results: dict[int, tuple[_Result, ...]] = {}

    def along(self, blocks: Sequence[str], edge_indices: Sequence[int]) -> Flow:
        """The flow of the path through `blocks`, on which branches and switches take the edges of these indices."""
        arriving = [Origin(True, _rank(given.type.dtype)) for given in self._program.inputs]
        reads: list[Origin] = []
        indices = iter(edge_indices)
        for name in blocks:
            block = self._program.blocks[name]
            known = self._known(block, arriving, reads)
            if isinstance(block.terminator, Return):
                return Flow(tuple(reads), tuple(_origin(output, known) for output in block.terminator.outputs))
            following = edges(block)
            if following:
                taken = next(indices) if isinstance(block.terminator, (Branch, Switch)) else 0
                arriving = [_origin(arg, known) for arg in following[taken].args]
        return Flow(tuple(reads), ())

    def _known(self, block: Block, arriving: Sequence[Origin], reads: list[Origin]) -> dict[str, Origin]:
        """The origins of the names of `block`; those of its reads are appended to `reads`."""
        known = {param.name: origin for param, origin in zip(block.params, arriving)}
        if block.code is not None:
            given = [known[name] for name in block.inputs]
            for output, result in zip(block.outputs, self._of(block.code)):
                data = any(given[i].data for i in result.inputs)
                coarsest = max([result.coarsest, *(given[i].coarsest for i in result.floats)])
                known[output.name] = Origin(data, coarsest)
        for step in block.steps:
            if isinstance(step, Read):
                if step.loc:
                    reads.append(known[step.tensor])
                known[step.name] = Origin(False, known[step.tensor].coarsest)
            elif isinstance(step, Draw):
                known[step.name] = Origin(True, _PRECISIONS.index(torch.float32) if "float" in step.dtype else 0)
            else:
                known[step.name] = _origin(step.expr, known)
        return known

    def _of(self, code: Code) -> tuple[_Result, ...]:
        key = id(code.graph)
        if key not in self._results:
            self._results[key] = tuple(_results(code))
        return self._results[key]


def _origin(expr: Expr, known: Mapping[str, Origin]) -> Origin:
    if isinstance(expr, Ref):
        return known[expr.name]
    return Origin(False, max((known[name].coarsest for name in names_in(expr)), default=0))


def _results(code: Code) -> Iterator[_Result]:
    found: dict[fx.Node, _Result] = {}
    inputs = 0
    for node in code.graph.graph.nodes:
        value = node.meta.get("val")
        own = max((_rank(tensor.dtype) for tensor in _tensors(value)), default=0)
        if node.op == "placeholder":
            numbers = frozenset({inputs} if inputs < len(code.inputs) else ())
            floats = numbers if numbers and (_floats(value) or _is_scalar(code, inputs)) else frozenset()
            found[node] = _Result(numbers, floats, 0 if numbers else own)
            inputs += 1
        elif node.op == "call_function":
            name = getattr(node.target, "__name__", "")
            skipped = node.args[:1] if name.startswith(SHAPE_ONLY) else ()
            args = [found[arg] for arg in node.all_input_nodes if arg not in skipped and arg in found]
            # A number or size that code takes is none of the data that eager PyTorch sees go through tensors.
            is_tensor = any(True for _ in _tensors(value))
            reaching = frozenset[int]().union(*(arg.inputs for arg in args if is_tensor))
            if isinstance(value, torch.SymFloat) or _floats(value):
                floats = frozenset[int]().union(*(arg.floats for arg in args))
                found[node] = _Result(reaching, floats, max([own, *(arg.coarsest for arg in args)]))
            else:
                found[node] = _Result(reaching)
        elif node.op == "output":
            for result in node.args[0]:
                yield found.get(result, _Result())


def _is_scalar(code: Code, index: int) -> bool:
    kind = code.inputs[index]
    return isinstance(kind, ScalarType) and kind.kind == "float"


def _tensors(value: object) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors(item)


def _floats(value: object) -> bool:
    return any(tensor.is_floating_point() or tensor.is_complex() for tensor in _tensors(value))


def _rank(dtype: torch.dtype) -> int:
    """The number of a dtype in `_PRECISIONS`; numbers that are no floats are exact."""
    dtype = _ROUNDED_LIKE.get(dtype, dtype)
    return _PRECISIONS.index(dtype) if dtype in _PRECISIONS else 0
