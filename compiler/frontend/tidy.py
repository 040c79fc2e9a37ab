"""Exported graphs, cleared of what no engine needs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import fx

from adaptc.compiler.errors import Problem

_ASSERTIONS = {
    torch.ops.aten._assert_tensor_metadata.default,
    torch.ops.aten._assert_scalar.default,
    torch.ops.aten._assert_async.msg,
    torch.ops.aten.sym_constrain_range_for_size.default,
    torch.ops.aten.sym_constrain_range.default,
}


_REDUCE_ALL = {torch.ops.aten.amax.default, torch.ops.aten.amin.default}
"""Reductions that take no dimensions to mean all; written out, every engine knows them."""


class Unexportable(Exception):
    """Code cannot be exported, for the reason that `problem` tells."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def tidy(program: torch.export.ExportedProgram, loc: str) -> tuple[fx.Graph, dict[str, torch.Tensor]]:
    """The graph with its own outputs only, without assertions and dead code, every call with a source line."""
    graph = program.graph
    constants = {
        spec.arg.name: program.constants[spec.target]
        for spec in program.graph_signature.input_specs
        if spec.kind.name == "CONSTANT_TENSOR" and spec.target is not None
    }
    for node in list(graph.nodes):
        if node.target in _ASSERTIONS:
            graph.erase_node(node)
    output = next(node for node in graph.nodes if node.op == "output")
    kept = [
        node
        for node, spec in zip(output.args[0], program.graph_signature.output_specs, strict=True)
        if spec.kind.name == "USER_OUTPUT"
    ]
    output.args = (tuple(kept),)
    for node in list(graph.nodes):
        if node.target is torch.ops.aten.clone.default and node.kwargs.get("memory_format") is None:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    for node in graph.nodes:
        if node.target in _REDUCE_ALL and not (node.args[1:2] and node.args[1]):
            node.args = (node.args[0], list(range(node.args[0].meta["val"].dim())), *node.args[2:])
    graph.eliminate_dead_code()
    last = loc
    for node in graph.nodes:
        custom = node.meta.get("custom") or {}
        last = custom.get("loc", last)
        node.meta = {"val": node.meta.get("val"), "loc": last}
        if node.op == "call_function" and _is_random(node):
            raise Unexportable(_random_problem(last, node))
    graph.lint()
    return graph, constants


def _is_random(node: fx.Node) -> bool:
    """Whether a node draws random numbers: dropout that is switched off, or has probability 0, does not."""
    target = node.target
    if not isinstance(target, torch._ops.OpOverload) or torch.Tag.nondeterministic_seeded not in target.tags:
        return False
    given = {argument.name: argument.default_value for argument in target._schema.arguments}
    given.update(zip(given, node.args, strict=False))
    given.update(node.kwargs)
    if any(name in given and given[name] is False for name in ("train", "training")):
        return False
    return not any(name in given and given[name] == 0 for name in ("dropout", "dropout_p", "p"))


def _random_problem(loc: str, node: fx.Node) -> Problem:
    file, _, line = loc.rpartition(":")
    return Problem(
        file,
        int(line),
        f"{node.target} draws random numbers",
        "it is none of those that adaptc has a stream for",
        "draw with rand, randn, randint, randperm, bernoulli, multinomial, normal or exponential_, or call "
        "model.eval() if this is dropout",
    )


def reorder(graph: fx.Graph, placeholders: Sequence[fx.Node], order: Sequence[fx.Node]) -> None:
    """Let `order` be the graph's placeholders, in this order."""
    first = next(iter(graph.nodes))
    for node in placeholders:
        if node not in order:
            graph.erase_node(node)
    anchor = next((node for node in graph.nodes if node.op != "placeholder"), first)
    for node in order:
        anchor.prepend(node)
