"""Builds programs by hand: code from small functions through torch.export, blocks in one call each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import fx

from adaptc.compiler.ir.host_types import SCALAR_DTYPES
from adaptc.compiler.ir.program import (
    Block,
    Code,
    Input,
    Output,
    Param,
    Program,
    ScalarType,
    TensorType,
    Terminator,
    Type,
)
from adaptc.runtime.hostprogram import Edge, Expr, Let, Read, Ref, Return, ValueSpec
from adaptc.runtime.manifest import Argument
from adaptc.runtime.tree import Leaf, Tree, TupleNode

from ..preparation import decompositions

DYNAMIC = torch.export.Dim.DYNAMIC

# Distinct primes as example extents, so that export does not take two symbols for one.
EXAMPLE_SIZES = (5, 7, 11, 13, 17, 19)


def tensor(*shape: int | str, dtype: torch.dtype = torch.float32) -> TensorType:
    """A tensor type, float32 unless told."""
    return TensorType(dtype, shape)


BOOL, INT, FLOAT = ScalarType("bool"), ScalarType("int"), ScalarType("float")


def make_code(
    name: str,
    function: Callable[..., tuple[torch.Tensor, ...]],
    inputs: Sequence[Type],
    weights: Sequence[TensorType] = (),
    line: int = 1,
) -> Code:
    """Code of `function`, which takes inputs, then weights, as tensors and returns a tuple of tensors.

    Every node is said to come from "model.py:<line>".
    """

    class Wrapper(torch.nn.Module):
        def forward(self, args: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
            return function(*args)

    sizes: dict[str, int] = {}
    examples, dims = [], []
    for type_ in (*inputs, *weights):
        if isinstance(type_, ScalarType):
            type_ = TensorType(SCALAR_DTYPES[type_.kind], ())
        shape = [
            sizes.setdefault(dim, EXAMPLE_SIZES[len(sizes)]) if isinstance(dim, str) else dim for dim in type_.shape
        ]
        examples.append(torch.ones(shape).to(type_.dtype))
        dims.append({axis: DYNAMIC for axis, dim in enumerate(type_.shape) if isinstance(dim, str)})
    # Export fails on dynamic shapes of no inputs.
    shapes = (dims,) if any(dims) else None
    exported = torch.export.export(Wrapper().eval(), (examples,), dynamic_shapes=shapes, strict=False)
    graph = decompositions().run(exported).graph_module.graph
    for node in list(graph.nodes):
        if node.op == "call_function" and node.meta.get("val") is None:
            graph.erase_node(node)  # an assertion of export's, which computes nothing
    placeholders = [node for node in graph.nodes if node.op == "placeholder"]
    if len(placeholders) != len(examples):
        raise ValueError(f"code '{name}' makes tensors of Python literals; pass them as weights")
    values = [node.meta["val"] for node in placeholders]
    symbols = {
        str(size): dim
        for value, type_ in zip(values, (*inputs, *weights))
        if isinstance(type_, TensorType)
        for size, dim in zip(value.shape, type_.shape)
        if isinstance(dim, str)
    }
    for node in graph.nodes:
        node.meta = {"val": node.meta.get("val"), "loc": f"model.py:{line}"}
    results = next(iter(reversed(graph.nodes))).args[0]
    outputs = tuple(_type_of(node, symbols) for node in results)
    return Code(name, fx.GraphModule(torch.nn.Module(), graph), tuple(inputs), tuple(weights), outputs)


def _type_of(node: fx.Node, symbols: dict[str, str]) -> TensorType:
    value = node.meta["val"]
    sizes = (size if isinstance(size, int) else symbols.get(str(size), str(size)) for size in value.shape)
    return TensorType(value.dtype, tuple(sizes))


class ProgramBuilder:
    """Collects blocks; `build` gives the program.

    Parameters and outputs are written as ``{"name": type}``, names that expressions read as plain strings.
    """

    def __init__(self, name: str, inputs: dict[str, TensorType], entry: str = "entry") -> None:
        self.name = name
        self.inputs = inputs
        self.entry = entry
        self.weights: dict[str, torch.Tensor] = {}
        self.blocks: dict[str, Block] = {}

    def weight(self, name: str, value: torch.Tensor) -> str:
        """Put a tensor into the parameter table; gives its name back."""
        self.weights[name] = value
        return name

    def block(
        self,
        name: str,
        params: dict[str, Type],
        terminator: Terminator,
        *,
        code: Code | None = None,
        inputs: Sequence[str] = (),
        weights: Sequence[str] = (),
        outputs: Sequence[str] = (),
        steps: Sequence[Let | Read] = (),
        line: int = 1,
    ) -> None:
        """Add a block; `outputs` are names, their types the code's own."""
        types = code.outputs if code is not None else ()
        self.blocks[name] = Block(
            name=name,
            params=[Param(param, type_) for param, type_ in params.items()],
            code=code,
            inputs=list(inputs),
            weights=list(weights),
            outputs=[Output(output, type_) for output, type_ in zip(outputs, types, strict=True)],
            steps=list(steps),
            terminator=terminator,
            loc=f"model.py:{line}",
        )

    def build(self) -> Program:
        """The program, its arguments positional and one tensor each."""
        return Program(
            name=self.name,
            arguments=tuple(Argument(name, "positional", Leaf(index)) for index, name in enumerate(self.inputs)),
            inputs=tuple(Input(name, type_) for name, type_ in self.inputs.items()),
            entry=self.entry,
            blocks=self.blocks,
            weights=self.weights,
        )


def edge(block: str, *args: str | Expr) -> Edge:
    """An edge; a string argument is the name of a value."""
    return Edge(block, tuple(Ref(arg) if isinstance(arg, str) else arg for arg in args))


def spec(type_: Type) -> ValueSpec:
    """The spec of an output of this type."""
    if isinstance(type_, ScalarType):
        return ValueSpec(type_.kind)
    return ValueSpec(str(type_.dtype).removeprefix("torch."), type_.shape)


def give(*outputs: tuple[str | Expr, Type], tree: Tree | None = None, line: int = 1) -> Return:
    """A return of (value, type) pairs: the one output itself, a tuple of several, or what `tree` says."""
    if tree is None:
        items = tuple(Leaf(index) for index in range(len(outputs)))
        tree = items[0] if len(items) == 1 else TupleNode(items)
    values = tuple(Ref(value) if isinstance(value, str) else value for value, _ in outputs)
    return Return(values, tuple(spec(type_) for _, type_ in outputs), tree, f"model.py:{line}")
