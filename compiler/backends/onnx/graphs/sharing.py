"""Value numbering over nested graphs: what an arm or a loop's body computes again is taken from outside.

before:  m = ReduceMean(x); If(c) { ... } else { m2 = ReduceMean(x); y = Gemm(m2, w) }
after:   m = ReduceMean(x); If(c) { ... } else { y = Gemm(m, w) }
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Hashable, Mapping

import onnx_ir as ir

from adaptc.compiler.backends.onnx.constants import constant_of

_RANDOM = frozenset(
    ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout")
)
"""Operators that give something else each time."""

_Numbers = ChainMap[Hashable, ir.Node]


def share(graph: ir.Graph, rows: Mapping[ir.Value, int]) -> None:
    """Let each node of `graph` and of the graphs inside of it that repeats another before it, in its own graph or in
    one around it, give way to that one.

    `rows` has the rows of the weights file that values stand for. What reads constants and weights alone stays: engines
    compute that once, in the graph where it stands.
    """
    _share(graph, ChainMap(), rows)


def _share(graph: ir.Graph, known: _Numbers, rows: Mapping[ir.Value, int]) -> None:
    for node in list(graph):
        inner = [
            attribute.as_graph() for attribute in node.attributes.values() if attribute.type == ir.AttributeType.GRAPH
        ]
        for each in inner:
            _share(each, known.new_child(), rows)
        if inner or node.op_type in _RANDOM or all(_is_fixed(value, rows) for value in node.inputs):
            continue
        key = _key(node, rows)
        if key is None:
            continue
        earlier = known.setdefault(key, node)
        if earlier is not node and not any(value.is_graph_output() for value in node.outputs):
            for value, same in zip(node.outputs, earlier.outputs, strict=True):
                value.replace_all_uses_with(same)
            graph.remove(node, safe=True)


def _is_fixed(value: ir.Value | None, rows: Mapping[ir.Value, int]) -> bool:
    return value is None or value in rows or constant_of(value) is not None


def _key(node: ir.Node, rows: Mapping[ir.Value, int]) -> Hashable | None:
    """Equal for nodes that compute the same; None for those that cannot be compared."""
    attributes: list[Hashable] = []
    for name, attribute in sorted(node.attributes.items()):
        if attribute.type == ir.AttributeType.TENSOR:
            tensor = attribute.as_tensor()
            attributes.append((name, str(tensor.dtype), tuple(tensor.shape), tensor.tobytes()))
        elif isinstance(attribute.value, Hashable):
            attributes.append((name, attribute.type, attribute.value))
        else:
            return None
    inputs = tuple(_input_key(value, rows) for value in node.inputs)
    return node.domain, node.op_type, node.overload, len(node.outputs), tuple(attributes), inputs


def _input_key(value: ir.Value | None, rows: Mapping[ir.Value, int]) -> Hashable:
    if value is None:
        return None
    if value in rows:
        return "row", rows[value]
    constant = constant_of(value)
    if constant is not None:
        return constant.dtype.str, constant.shape, constant.tobytes()
    return value
