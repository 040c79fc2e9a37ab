"""A lowered code bound to one block: its names, and its weights as initializers that lie in one file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx_ir as ir

from adaptc.compiler.backends.onnx.exporter import rename_dimensions
from adaptc.compiler.backends.onnx.precision import border_type
from adaptc.compiler.backends.onnx.weights import WeightTable
from adaptc.compiler.ir.host_types import SCALAR_DTYPES, dtype_name
from adaptc.compiler.ir.program import Block, Code, Dim, ScalarType, TensorType, Type
from adaptc.runtime.manifest import TensorSpec, Weight

WEIGHTS_FILE = "weights.bin"
"""The file of weights, beside the units."""


def used_weights(model: ir.Model, code: Code) -> tuple[int, ...]:
    """Which of the code's weights its lowered model reads, by position."""
    values = model.graph.inputs[len(code.inputs) :]
    return tuple(index for index, value in enumerate(values) if value.uses() or value.is_graph_output())


def bind(model: ir.Model, name: str, block: Block, used: Sequence[int], table: WeightTable, folder: Path) -> ir.Model:
    """The lowered `model` as the unit called `name`: weights in place, values named as `block` names them.

    `used` are the positions of the weights that the model reads; their bytes lie in `folder`.
    """
    code = block.code
    assert code is not None
    bound = model.clone()
    graph = bound.graph
    graph.name = name
    if block.loc:
        bound.metadata_props["adaptc.loc"] = block.loc
    rename_dimensions(bound, dimension_names(block))
    inputs, weights = graph.inputs[: len(code.inputs)], graph.inputs[len(code.inputs) :]
    del graph.inputs[len(code.inputs) :]
    taken: set[str] = set()
    names = list(_unique([*block.inputs, *(output.name for output in block.outputs)], taken))
    initializers: dict[int, ir.Value] = {}
    for index in used:
        row = table.index[block.weights[index]]
        if row in initializers:
            weights[index].replace_all_uses_with(initializers[row], replace_graph_outputs=True)
            continue
        initializers[row] = weights[index]
        (weight_name,) = _unique([block.weights[index]], taken)
        weights[index].const_value = weight_tensor(weights[index], weight_name, table.rows[row], folder)
        names.append(weight_name)
    ours = [*inputs, *graph.outputs, *initializers.values()]
    _rename_inner(graph, set(ours), taken)
    for value, new in zip(ours, names, strict=True):
        value.name = new
    for value in initializers.values():
        graph.register_initializer(value)
    return bound


def specs(block: Block) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """What the unit of `block` takes and gives, under the names that `bind` gives them."""
    code = block.code
    assert code is not None
    names = list(_unique([*block.inputs, *(output.name for output in block.outputs)], set()))
    dimensions = dimension_names(block)
    all_specs = [
        _spec(name, type_, dimensions) for name, type_ in zip(names, (*code.inputs, *code.outputs), strict=True)
    ]
    return tuple(all_specs[: len(code.inputs)]), tuple(all_specs[len(code.inputs) :])


def dimension_names(block: Block) -> dict[str, str]:
    """The code's symbols -> the block's own names for them, where it has one name for each."""
    assert block.code is not None
    types = {param.name: param.type for param in block.params}
    found: dict[str, set[Dim]] = {}
    for name, formal in zip(block.inputs, block.code.inputs, strict=True):
        actual = types[name]
        if isinstance(formal, TensorType) and isinstance(actual, TensorType):
            for symbol, dim in zip(formal.shape, actual.shape, strict=True):
                if isinstance(symbol, str):
                    found.setdefault(symbol, set()).add(dim)
    names = {}
    for symbol, dims in found.items():
        dim = dims.pop()
        if not dims and isinstance(dim, str) and dim.isidentifier() and symbol.isidentifier():
            names[symbol] = dim
    # Two symbols of one name would claim that they are equal.
    return names if len(set(names.values())) == len(names) else {}


def _spec(name: str, type_: Type, dimensions: Mapping[str, str]) -> TensorSpec:
    if isinstance(type_, ScalarType):
        return TensorSpec(name, dtype_name(SCALAR_DTYPES[type_.kind]), ())
    shape = tuple(
        re.sub(r"[A-Za-z_]\w*", lambda match: dimensions.get(match[0], match[0]), dim) if isinstance(dim, str) else dim
        for dim in type_.shape
    )
    return TensorSpec(name, dtype_name(border_type(type_.dtype)), shape)


def weight_tensor(value: ir.Value, name: str, row: Weight, folder: Path) -> ir.TensorProtocol:
    """The tensor called `name` for `value`, whose bytes are those of `row` in the weights file in `folder`."""
    assert value.dtype is not None
    assert value.shape is not None
    shape = ir.Shape(value.shape)
    if row.size == 0:  # an engine cannot map a range of no bytes
        return ir.Tensor(np.zeros(shape.numpy(), value.dtype.numpy()), dtype=value.dtype, name=name)
    tensor = ir.ExternalTensor(WEIGHTS_FILE, row.offset, row.size, value.dtype, shape=shape, name=name, base_dir=folder)
    if (value.dtype.is_integer() or value.dtype == ir.DataType.BOOL) and shape.numpy() in ((), (1,)):
        # ONNX Runtime lets equal numbers share one tensor, and cannot take the axes of an operator from another file,
        # nor the test of an If: it looks for that file in the folder in which the process works
        return ir.Tensor(np.array(tensor.numpy()), dtype=value.dtype, name=name)
    return tensor


def _unique(names: Sequence[str], taken: set[str]) -> Iterator[str]:
    """Each name, with a number where it was taken before."""
    for name in names:
        unique, count = name, 2
        while unique in taken:
            unique, count = f"{name}_{count}", count + 1
        taken.add(unique)
        yield unique


def _rename_inner(graph: ir.Graph, ours: set[ir.Value], taken: set[str]) -> None:
    """Give the inner values of the graph names that are not taken."""
    inner = [value for node in graph.all_nodes() for value in node.outputs if value not in ours]
    inner += [value for value in graph.initializers.values() if value not in ours]
    for value in inner:
        (name,) = _unique([value.name or "value"], taken)
        if name != value.name:
            value.name = name
