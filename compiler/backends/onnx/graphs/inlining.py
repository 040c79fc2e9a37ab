"""Puts the lowered code of a block into a graph."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from adaptc.compiler.backends.onnx.graphs.scope import Scope


def inline(scope: Scope, model: ir.Model, inputs: Sequence[ir.Value], rows: Sequence[int | None]) -> list[ir.Value]:
    """Add the nodes of a lowered code to `scope`; gives the values of its outputs.

    `rows` are the rows of the weights file for the code's weights, None for those that it does not read.
    """
    graph = model.clone().graph
    _forget_dimensions(graph)
    outputs = list(graph.outputs)
    graph.outputs.clear()
    given = list(inputs)
    for value, row in zip(graph.inputs[len(inputs) :], rows, strict=True):
        given.append(value if row is None else scope.weight(row, value))
    taken: dict[ir.Value, ir.Value] = {}
    for value, new in zip(graph.inputs, given, strict=True):
        value.replace_all_uses_with(new)
        taken[value] = new
    for value in list(graph.initializers.values()):
        graph.initializers.pop(str(value.name))
        scope.initializer(value)
    nodes = list(graph)
    graph.remove(nodes)
    for node in nodes:
        scope.append(node)
    return [_source(taken.get(value, value)) for value in outputs]


def _source(value: ir.Value) -> ir.Value:
    """What an output is a copy of: within a graph a value needs no copy to be given twice."""
    producer = value.producer()
    if producer is not None and producer.op_type == "Identity" and producer.domain == "":
        source = producer.inputs[0]
        assert source is not None
        return source
    return value


def _forget_dimensions(graph: ir.Graph) -> None:
    """Forget the names of dimensions, which are the code's own and would be taken for those of other codes."""
    for node in graph.all_nodes():
        for value in node.outputs:
            if value.shape is not None:
                value.shape = ir.Shape([dim if isinstance(dim, int) else None for dim in value.shape])
