"""Which kernels ONNX Runtime runs for a unit: the nodes of the graph after its own optimisations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ExecutedKernel:
    """`name` is ``domain::Op`` with the domain "ai.onnx" spelled out; `shapes` is ``f32[1,16,8,8],f32[]->f32[1,16]``
    with ``?`` for what is not known."""

    name: str
    shapes: str


_TYPES = {1: "f32", 2: "u8", 3: "i8", 5: "i16", 6: "i32", 7: "i64", 9: "bool", 10: "f16", 11: "f64", 16: "bf16"}
"""TensorProto's numbers of element types (onnx.proto)."""


def executed_kernels(file: Path) -> tuple[ExecutedKernel, ...]:
    """The kernels of the model in `file`, an optimised one, in order of execution; those of inner graphs follow the
    node that holds them."""
    import onnx

    model = onnx.load(str(file), load_external_data=False)
    return tuple(_kernels(model.graph, {}))


def _kernels(graph: Any, outer: Mapping[str, str]) -> Iterable[ExecutedKernel]:
    known = dict(outer)
    for value in (*graph.input, *graph.value_info, *graph.output):
        known[value.name] = _type(value.type.tensor_type)
    for tensor in graph.initializer:
        known[tensor.name] = _text(tensor.data_type, [str(dim) for dim in tensor.dims])
    for node in graph.node:
        read = ",".join(known.get(name, "?") if name else "" for name in node.input)
        made = ",".join(known.get(name, "?") for name in node.output if name)
        yield ExecutedKernel(f"{node.domain or 'ai.onnx'}::{node.op_type}", f"{read}->{made}")
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _kernels(attribute.g, known)


def _type(tensor: Any) -> str:
    if not tensor.HasField("shape"):
        return f"{_TYPES.get(tensor.elem_type, '?')}[...]"
    dims = [str(dim.dim_value) if dim.HasField("dim_value") else "?" for dim in tensor.shape.dim]
    return _text(tensor.elem_type, dims)


def _text(element: int, dims: list[str]) -> str:
    return f"{_TYPES.get(element, '?')}[{','.join(dims)}]"
