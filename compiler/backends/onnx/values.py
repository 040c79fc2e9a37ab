"""What is known of values of an ONNX graph: constants, the nodes that make values, and what they are copies of."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
from numpy.typing import NDArray


def constant_of(value: ir.Value | None) -> NDArray[Any] | None:
    """What the value always is; None where that is not known, and for weights."""
    if value is None:
        return None
    node = producer(value, "Constant")
    if node is not None:
        tensor = node.attributes["value"].as_tensor() if "value" in node.attributes else None
        return None if tensor is None else tensor.numpy()
    known = value.const_value if value.is_initializer() else None
    return None if known is None or isinstance(known, ir.ExternalTensor) else known.numpy()


def producer(value: ir.Value | None, operator: str) -> ir.Node | None:
    """The node that makes the value, where it is of this standard operator."""
    node = value.producer() if value is not None else None
    return node if node is not None and node.op_type == operator and node.domain == "" else None


def source_of(value: ir.Value) -> ir.Value:
    """What an output of an arm is a copy of."""
    copy = producer(value, "Identity")
    while copy is not None and copy.inputs[0] is not None:
        value = copy.inputs[0]
        copy = producer(value, "Identity")
    return value


def own_output(graph: ir.Graph, value: ir.Value) -> ir.Value:
    """`value` as one more output of `graph`: of a node of it, and only once."""
    maker = value.producer()
    if maker is not None and maker.graph is graph and not value.is_graph_output():
        return value
    made = ir.Node("", "Identity", [value])
    graph.append(made)
    made.outputs[0].type, made.outputs[0].shape = value.type, value.shape
    return made.outputs[0]
