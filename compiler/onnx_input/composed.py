"""Standard operators that ONNX defines by others: those that the table lacks are replaced by their definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, TypeProto

from adaptc.compiler.onnx_input import operators  # noqa: F401 (fills the table)
from adaptc.compiler.onnx_input.registry import TABLE

DOMAIN = "adaptc.composed"
"""The domain of the functions that stand for such operators."""


def with_functions(model: ModelProto) -> ModelProto | None:
    """`model` with such operators as calls of functions of its own; None where it has none of them."""
    made = ModelProto()
    made.CopyFrom(model)
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 1)
    _replace(made, made.graph, {}, opset)
    if not made.functions:
        return None
    made.opset_import.append(onnx.helper.make_opsetid(DOMAIN, 1))
    return made


def _replace(model: ModelProto, graph: GraphProto, outer: Mapping[str, TypeProto], opset: int) -> None:
    types = {**outer, **{info.name: info.type for info in (*graph.input, *graph.value_info, *graph.output)}}
    for tensor in graph.initializer:
        types[tensor.name] = onnx.helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _replace(model, attribute.g, types, opset)
        if node.domain in ("", "ai.onnx") and node.op_type not in TABLE and onnx.defs.has(node.op_type):
            body = _definition(node, types, opset)
            if body is not None:
                body.name = f"{node.op_type}_{len(model.functions)}"
                body.domain = DOMAIN
                model.functions.append(body)
                node.op_type, node.domain = body.name, DOMAIN


def _definition(node: NodeProto, types: Mapping[str, TypeProto], opset: int) -> FunctionProto | None:
    """What ONNX defines a node by; None where it does not, or the types of the node's inputs are not known."""
    try:
        schema: Any = onnx.defs.get_schema(node.op_type, opset, "")
    except onnx.defs.SchemaError:
        return None
    body = FunctionProto()
    if schema.has_context_dependent_function:
        known = [types.get(name, TypeProto()).SerializeToString() for name in node.input]
        versions = [version for version in schema.context_dependent_function_opset_versions if version <= opset]
        if not versions:
            return None
        version = max(versions)
        text = schema.get_context_dependent_function_with_opset_version(version, node.SerializeToString(), known)
        body.ParseFromString(text)
    elif schema.has_function:
        versions = [version for version in schema.function_opset_versions if version <= opset]
        if not versions:
            return None
        body.ParseFromString(schema.get_function_with_opset_version(max(versions)))
    return body if body.node else None
