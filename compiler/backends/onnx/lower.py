"""A block's code as an ONNX model: decompose, make types explicit, translate, clean up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import onnx_ir as ir
import sympy
import torch
from onnx_ir.passes.common import InlinePass
from onnxscript import version_converter
from torch import fx

from adaptc.compiler.backends.onnx import exporter
from adaptc.compiler.backends.onnx.normalize import decompose, drop_assertions
from adaptc.compiler.backends.onnx.precision import round_thresholds, widen
from adaptc.compiler.backends.onnx.problems import complex_border, failure, refusal, untranslated
from adaptc.compiler.backends.onnx.simplify import simplify
from adaptc.compiler.errors import CompileError, Problem
from adaptc.compiler.ir.program import Code, TensorType

LOC = "adaptc.loc"
"""The metadata key under which an ONNX node carries the user's "file:line"."""


def lower(code: Code) -> ir.Model:
    """The ONNX model of `code`: its inputs and weights are the graph's inputs, in that order.

    A host scalar is a 0-d tensor (bool, int64 or float64); a bfloat16 input or output is float32. Raises
    `CompileError` listing every operator of the code that cannot be translated.
    """
    module = fx.GraphModule(code.graph, fx.Graph())
    module.graph.output(module.graph.graph_copy(code.graph.graph, {}))
    # Without this, the fake tensors of dynamic sizes would be tested for sizes 0 and 1, and narrowed.
    any_size = torch.fx.experimental._config.patch(backed_size_oblivious=True)  # type: ignore[attr-defined]
    with exporter.quiet(), any_size:
        drop_assertions(module.graph)
        problems = decompose(module.graph, exporter.operators())
        drop_assertions(module.graph)
        round_thresholds(module.graph)
        module.recompile()
        exporter.promote_types(module)
        widen(module.graph, len(code.inputs))
        model = _translate(module.graph, code, problems)
        InlinePass()(model)
        version_converter.convert_version(model, exporter.OPSET)
        simplify(model)
    _spread_locations(list(model.graph))
    return model


def _translate(graph: fx.Graph, code: Code, problems: Mapping[fx.Node, Problem]) -> ir.Model:
    translator = exporter.Translator(code.name)
    inputs = graph.find_nodes(op="placeholder")[: len(code.inputs)]
    results: Sequence[fx.Node] = graph.output_node().args[0]  # type: ignore[assignment]
    found: list[Problem | None] = [complex_border(node) for node in (*inputs, *results)]
    for node in graph.nodes:
        if node.op == "placeholder":
            translator.placeholder(node)
        elif node.op == "call_function":
            problem = problems.get(node) or refusal(node) or _try_call(translator, node)
            found.append(problem)
            if problem is not None:
                translator.stand_in(node)
    if every := [problem for problem in found if problem is not None]:
        raise CompileError(list(dict.fromkeys(every)))
    model = translator.finish(LOC, _dimension_names(graph, inputs, code))
    _add_outputs(model.graph, [translator.value(result) for result in results])
    for value, type_ in zip(model.graph.outputs, code.outputs, strict=True):
        value.shape = ir.Shape(type_.shape)
    return model


def _try_call(translator: exporter.Translator, node: fx.Node) -> Problem | None:
    if not exporter.operators().translates(node):
        return untranslated(node)
    try:
        translator.call(node)
    except Exception as error:  # noqa: BLE001 (translations raise anything; all of it is reported)
        return failure(node, error, "its translation to ONNX fails")
    return None


def _dimension_names(graph: fx.Graph, inputs: Sequence[fx.Node], code: Code) -> dict[str, str]:
    """The names that the code's types give to the symbols of the graph."""
    names: dict[str, str] = {}
    for node, type_ in zip(inputs, code.inputs, strict=True):
        if isinstance(type_, TensorType):
            for extent, name in zip(node.meta["val"].shape, type_.shape, strict=True):
                if isinstance(name, str) and str(extent).isidentifier():
                    names.setdefault(str(extent), name)
    for node in graph.nodes:  # the graph's own symbols must not have the names of others
        val = node.meta.get("val")
        for extent in val.shape if isinstance(val, torch.Tensor) else ():
            found: set[sympy.Basic] = set() if isinstance(extent, int) else extent.node.expr.free_symbols
            for symbol in found:
                names.setdefault(str(symbol), f"own_{symbol}")
    return names


def _add_outputs(graph: ir.Graph, results: Sequence[ir.Value]) -> None:
    """Make `results` the outputs; one that is an input or an output already is copied, as ONNX demands."""
    taken = set(graph.inputs)
    for result in results:
        value = result
        if value in taken:
            copy = ir.Node("", "Identity", [value], num_outputs=1, version=exporter.OPSET)
            copy.outputs[0].type, copy.outputs[0].shape = value.type, value.shape
            graph.append(copy)
            value = copy.outputs[0]
        taken.add(value)
        graph.outputs.append(value)


def _spread_locations(nodes: list[ir.Node]) -> None:
    """Give each node that has none the line of a node that reads it, else of one that it reads."""
    for node in reversed(nodes):
        _take_location(node, (use.node for output in node.outputs for use in output.uses()))
    for node in nodes:
        _take_location(node, (producer for value in node.inputs if value and (producer := value.producer())))


def _take_location(node: ir.Node, neighbours: Iterable[ir.Node]) -> None:
    if LOC not in node.metadata_props:
        for neighbour in neighbours:
            if loc := neighbour.metadata_props.get(LOC):
                node.metadata_props[LOC] = loc
                return
