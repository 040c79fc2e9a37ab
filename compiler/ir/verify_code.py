"""The rules of tensor code: functional ATen operators over placeholders that match the declared types."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator

import torch
from torch import fx
from torch._ops import OpOverload

from adaptc.compiler.ir.host_types import SCALAR_DTYPES, show
from adaptc.compiler.ir.program import Code, Dim, ScalarType, TensorType, Type

_SYMBOLIC_MODULES = {operator.__name__, "_operator", math.__name__, "builtins", "torch"}


def code_faults(code: Code) -> Iterator[str]:
    """Every rule of tensor code that `code` breaks, as text."""
    nodes = list(code.graph.graph.nodes)
    placeholders = [node for node in nodes if node.op == "placeholder"]
    declared = (*code.inputs, *code.weights)
    if len(placeholders) != len(declared):
        yield (
            f"code '{code.name}' has {len(placeholders)} placeholders for "
            f"{len(code.inputs)} inputs and {len(code.weights)} weights"
        )
    for node, type_ in zip(placeholders, declared):
        yield from _value_faults(code, node, type_, "placeholder")
    for weight in code.weights:
        if any(isinstance(dim, str) for dim in weight.shape):
            yield f"code '{code.name}' declares a weight of unknown size: {show(weight)}"
    for node in nodes:
        if node.op == "call_function":
            yield from call_faults(code, node)
        elif node.op not in ("placeholder", "output"):
            yield f"code '{code.name}': node '{node.name}' is a {node.op}; only ATen calls may stand here"
    yield from _output_faults(code, nodes[-1])


def call_faults(code: Code, node: fx.Node) -> Iterator[str]:
    """Every rule that a call in `code` breaks, as text."""
    where = f"code '{code.name}': node '{node.name}'"
    for key in ("val", "loc"):
        if key not in node.meta:
            yield f"{where} ({node.target}) lacks meta[{key!r}]"
    target = node.target
    if isinstance(target, OpOverload):
        if target._schema.is_mutable:
            yield f"{where} calls {target}, which changes its arguments; code must be functional"
        if not target._schema.returns:
            yield f"{where} calls {target}, which computes nothing"
    elif target is not operator.getitem and getattr(target, "__module__", None) not in _SYMBOLIC_MODULES:
        yield f"{where} calls {target}, which is no ATen operator"


def _output_faults(code: Code, output: fx.Node) -> Iterator[str]:
    if output.op != "output":
        yield f"code '{code.name}' does not end in an output node"
        return
    results = output.args[0]
    if not isinstance(results, tuple) or not all(isinstance(result, fx.Node) for result in results):
        yield f"code '{code.name}' must return a flat tuple of tensors, not {results}"
        return
    if len(results) != len(code.outputs):
        yield f"code '{code.name}' returns {len(results)} tensors and declares {len(code.outputs)}"
    for node, type_ in zip(results, code.outputs):
        assert isinstance(node, fx.Node)
        yield from _value_faults(code, node, type_, "output")


def _value_faults(code: Code, node: fx.Node, declared: Type, role: str) -> Iterator[str]:
    where = f"code '{code.name}': {role} '{node.name}'"
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor):
        yield f"{where} carries no fake tensor in meta['val'] but {value!r}"
        return
    found = TensorType(value.dtype, tuple(dim if isinstance(dim, int) else str(dim) for dim in value.shape))
    if isinstance(declared, ScalarType):
        declared = TensorType(SCALAR_DTYPES[declared.kind], ())
    same = (
        found.dtype == declared.dtype
        and len(found.shape) == len(declared.shape)
        # A symbol must be one on both sides: a number in the graph would hold for one size alone.
        and all(a == b or (isinstance(a, str) and isinstance(b, str)) for a, b in zip(found.shape, declared.shape))
    )
    if not same:
        yield f"{where} is {show(found)} and is declared {show(declared)}"


def _same_dim(found: Dim, declared: Dim) -> bool:
    # A symbol must be one on both sides: a number in the graph would hold for one size alone.
    return found == declared or (isinstance(found, str) and isinstance(declared, str))
