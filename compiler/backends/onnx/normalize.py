"""A block's ATen graph before translation: without assertions, untranslatable operators decomposed."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx
from torch._dispatch.python import enable_python_dispatcher
from torch._guards import detect_fake_mode
from torch._subclasses.functional_tensor import FunctionalTensorMode, dispatch_functionalize
from torch.fx.experimental.proxy_tensor import make_fx

from adaptc.compiler.backends.onnx.exporter import Operators
from adaptc.compiler.backends.onnx.problems import failure
from adaptc.compiler.errors import Problem


def decompose(graph: fx.Graph, operators: Operators) -> dict[fx.Node, Problem]:
    """Replace, in place, each call that has no translation but a decomposition by the calls it consists of.

    A call with neither is left as it is, and so is one whose decomposition fails: those are returned with the
    reason. New nodes take the metadata of the node that they replace.
    """
    problems: dict[fx.Node, Problem] = {}
    for node in list(graph.nodes):
        if node.op != "call_function" or node.target is operator.getitem or operators.translates(node):
            continue
        if node.target in operators.decompositions:
            try:
                _replace(node, _trace(node, operators))
            except Exception as error:  # noqa: BLE001 (decompositions raise anything; all of it is reported)
                problems[node] = failure(node, error, "its decomposition into simpler operators fails")
    return problems


def drop_assertions(graph: fx.Graph) -> None:
    """Erase, in place, the checks that torch.export leaves in a graph: they compute nothing."""
    aten = torch.ops.aten
    checks = {
        aten._assert_async.default,
        aten._assert_async.msg,
        aten._assert_scalar.default,
        aten._assert_tensor_metadata.default,
        aten.sym_constrain_range.default,
        aten.sym_constrain_range_for_size.default,
    }
    for node in reversed(graph.nodes):
        if node.target in checks:
            graph.erase_node(node)
    graph.eliminate_dead_code()


def _trace(node: fx.Node, operators: Operators) -> fx.GraphModule:
    """The decomposed graph of one call; its placeholders are the nodes that the call reads, in order."""
    reads = node.all_input_nodes
    target: Callable[..., Any] = node.target  # type: ignore[assignment]

    def call(*values: Any) -> Any:
        env = dict(zip(reads, values, strict=True))
        args, kwargs = fx.map_arg((node.args, node.kwargs), env.__getitem__)
        return target(*args, **kwargs)

    values = [read.meta["val"] for read in reads]
    mode = detect_fake_mode(values) or detect_fake_mode([node.meta["val"]])
    if mode is None:
        raise RuntimeError(f"node {node.name} carries no fake tensor")
    functional = dispatch_functionalize(call, FunctionalTensorMode())
    guards = mode.shape_env.guards if mode.shape_env is not None else []
    known = len(guards)
    with mode, enable_python_dispatcher(), torch.no_grad():
        module = make_fx(functional, decomposition_table=dict(operators.decompositions))(*values)
    if len(guards) > known:
        raise NotImplementedError(f"it holds for some sizes only: {guards[known].expr}")
    return module


def _replace(node: fx.Node, module: fx.GraphModule) -> None:
    graph = node.graph
    placeholders = [inner for inner in module.graph.nodes if inner.op == "placeholder"]
    values: dict[fx.Node, fx.Node] = dict(zip(placeholders, node.all_input_nodes, strict=True))
    before = node.prev
    with graph.inserting_before(node):
        result: Any = graph.graph_copy(module.graph, values)
    inherited = {key: value for key, value in node.meta.items() if key != "val"}
    new = before.next
    while new is not node:
        new.meta.update(inherited)
        new = new.next
    if isinstance(result, (tuple, list)):
        for user in list(node.users):
            index: Any = user.args[1]
            user.replace_all_uses_with(result[index])
            graph.erase_node(user)
    else:
        node.replace_all_uses_with(result)
    graph.erase_node(node)
