"""Names for the values and nodes of a graph with graphs inside: each once, since inner graphs see outer names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import onnx_ir as ir


def name_values(graph: ir.Graph, inputs: Sequence[str], outputs: Sequence[str] | None = None) -> None:
    """Name the inputs and outputs of `graph` as given (outputs ``out_0`` and so on without names), and all else so
    that no name is there twice."""
    taken: set[str] = set()
    for value, name in zip(graph.inputs, inputs, strict=True):
        value.name = name
        taken.add(name)
    for number, value in enumerate(graph.outputs):
        value.name = _unique(f"out_{number}" if outputs is None else outputs[number], taken)
    named = {*graph.inputs, *graph.outputs}
    for each in (graph, *graph.subgraphs()):
        for value in _defined(each):
            if value not in named:
                value.name = _unique(value.name or "value", taken)
    names: set[str] = set()
    for node in graph.all_nodes():
        node.name = _unique(node.name or node.op_type, names)


def _defined(graph: ir.Graph) -> Iterable[ir.Value]:
    yield from graph.inputs
    yield from list(graph.initializers.values())  # naming one changes its key
    for node in graph:
        yield from node.outputs


def _unique(name: str, taken: set[str]) -> str:
    unique, count = name, 2
    while unique in taken:
        unique, count = f"{name}_{count}", count + 1
    taken.add(unique)
    return unique
