"""Makes one product of linear layers that read the same tensor, where the cost model expects that to be faster."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import fx
from torch._ops import OpOverload

from adaptc.compiler.ir.program import Block, Code, Output, Param, Program, TensorType
from adaptc.compiler.plan.learned import LearnedCost
from adaptc.costmodel.prediction import KNOWN_TO
from adaptc.costmodel.shipped import choose
from adaptc.passes.draft import Draft, codes
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.runtime.hostprogram import Return
from adaptc.runtime.tree import TupleNode

aten = torch.ops.aten


@register
@dataclass(frozen=True)
class MergeProjections(ProgramPass):
    """Compute linear layers that read the same tensor as one, and cut its result apart.

    That saves kernels and reading the tensor again, and costs a copy of each part, and the activations that a product
    of matrices would compute along. The cost model in the file `model` decides, without a file the one that prices
    plans here: a call of the layers, with the activations behind them, must be faster by more than what both prices
    may be wrong by where extents that vary are 1, and not slower where these are `extent`. Weights that something else
    reads too stay as they are, and so do programs that call each other in a session, which share theirs.

    before:  q = linear(x, W, b); k = linear(x, V, c)
    after:   y = linear(x, cat(W, V), cat(b, c)); q, k = split(y, [m, n], -1)
    """

    name = "merge-projections"
    model: str = ""
    extent: int = 64

    def run(self, program: Program, rw: Rewriter) -> None:
        """Try the layers of each tensor, one group after another; fold-weights joins their weights."""
        if program.later or program.state:
            return
        cost = LearnedCost(choose(Path(self.model) if self.model else None))
        for code in codes(program):
            draft = Draft(program, code)
            chosen = [layers for layers in _groups(draft) if self._is_faster(layers, cost)]
            for layers in chosen:
                _merge(draft.graph, layers)
            if chosen:
                draft.finish(rw, "joined")
                rw.counts["groups of layers joined"] += len(chosen)

    def _is_faster(self, layers: Sequence[fx.Node], cost: LearnedCost) -> bool:
        graph, copies = _alone(layers)
        apart = _unit(graph)
        _merge(graph, copies)
        joined = _unit(graph)
        # Both prices may be wrong, and those of a part of a unit no less than those of a small call.
        call = cost.call + cost.value * (1 + len(layers))
        few = call + cost.of(*joined) < (1 - 2 * KNOWN_TO) * (call + cost.of(*apart))
        return few and cost.of(*joined, self.extent) <= cost.of(*apart, self.extent)


def _groups(draft: Draft) -> list[list[fx.Node]]:
    """Linear layers that read the same tensor, each of at least two, with weights that nothing else reads."""
    found: dict[tuple[fx.Node, bool], list[fx.Node]] = {}
    for node in draft.graph.nodes:
        if node.target is aten.linear.default and node.users and _owns_weights(draft, node):
            found.setdefault((node.args[0], len(node.args) > 2), []).append(node)
    return [layers for layers in found.values() if len(layers) > 1]


def _owns_weights(draft: Draft, layer: fx.Node) -> bool:
    given, *weights = layer.args
    matrix = weights[0]
    return (
        isinstance(given, fx.Node)
        and isinstance(matrix, fx.Node)
        and not layer.kwargs
        and not _takes_sum(layer)
        and matrix.meta["val"].dim() == 2
        and all(isinstance(each, fx.Node) and each in draft.weights and draft.exclusive(each) for each in weights)
    )


def _takes_sum(layer: fx.Node) -> bool:
    """Whether the engine computes the sum behind a layer along, as its bias; of a part of a product it does not."""
    (user, *others) = layer.users
    return len(layer.args) == 2 and not others and user.target is aten.add.Tensor


def _merge(graph: fx.Graph, layers: Sequence[fx.Node]) -> None:
    first = layers[0]
    given = first.args[0]
    assert isinstance(given, fx.Node)
    widths = [layer.meta["val"].shape[-1] for layer in layers]

    def call(target: object, args: tuple[object, ...], value: object) -> fx.Node:
        made = graph.call_function(target, args)  # type: ignore[arg-type]
        made.meta = {**{key: first.meta[key] for key in ("loc", "pass") if key in first.meta}, "val": value}
        return made

    with graph.inserting_before(first):
        weights = []
        for parts in zip(*(layer.args[1:] for layer in layers)):
            value = parts[0].meta["val"]
            weights.append(call(aten.cat.default, (list(parts),), value.new_empty((sum(widths), *value.shape[1:]))))
        result = first.meta["val"]
        whole = result.new_empty((*result.shape[:-1], sum(widths)))
        joined = call(aten.linear.default, (given, *weights), whole)
        pieces = whole.split(widths, -1)
        cut = call(aten.split_with_sizes.default, (joined, widths, -1), pieces)
        copies = []
        for place, layer in enumerate(layers):
            piece = call(operator.getitem, (cut, place), pieces[place])
            # what reads it may take for granted that it is contiguous
            copies.append(call(aten.clone.default, (piece,), layer.meta["val"]))
            copies[-1].kwargs = {"memory_format": torch.contiguous_format}
    for layer, copy in zip(layers, copies):
        layer.replace_all_uses_with(copy)
        graph.erase_node(layer)


def _alone(layers: Sequence[fx.Node]) -> tuple[fx.Graph, list[fx.Node]]:
    """A graph of copies of `layers`, which come with it, and of what decides how they run: activations that alone read
    one, and whether their tensors come from outside and go there. Where they do not, a negation stands for what the
    code has around them."""
    first = layers[0].all_input_nodes[0]
    weights = [node for layer in layers for node in layer.all_input_nodes[1:]]
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for number, node in enumerate((first, *weights)):
        copies[node] = graph.placeholder(f"given_{number}")
        copies[node].meta = {"val": node.meta["val"]}
    if first.op != "placeholder":
        copies[first] = _negated(graph, copies[first])
    results = []
    for layer in layers:
        copies[layer] = graph.node_copy(layer, copies.__getitem__)
        (user, *others) = layer.users
        if not others and isinstance(user.target, OpOverload) and torch.Tag.pointwise in user.target.tags:
            if user.all_input_nodes == [layer]:
                results.append(graph.node_copy(user, copies.__getitem__))
                continue
        goes_out = any(each.op == "output" for each in layer.users)
        results.append(copies[layer] if goes_out else _negated(graph, copies[layer]))
    graph.output(tuple(results))
    return graph, [copies[layer] for layer in layers]


def _negated(graph: fx.Graph, node: fx.Node) -> fx.Node:
    made = graph.call_function(aten.neg.default, (node,))
    made.meta = dict(node.meta)
    return made


def _unit(graph: fx.Graph) -> tuple[Program, Block]:
    """A program of a copy of `graph` alone, and its block."""
    own = fx.Graph()
    own.output(own.graph_copy(graph, {}))
    given, *weights = (node for node in own.nodes if node.op == "placeholder")
    outputs = own.output_node().args[0]
    assert isinstance(outputs, tuple)
    held = {f"weight_{number}": node.meta["val"] for number, node in enumerate(weights)}
    results = [Output(f"y{number}", _type(node)) for number, node in enumerate(outputs)]
    code = Code(
        name="layers",
        graph=fx.GraphModule(torch.nn.Module(), own),
        inputs=(_type(given),),
        weights=tuple(map(_type, weights)),
        outputs=tuple(each.type for each in results),
    )
    end = Return((), (), TupleNode(()))
    block = Block("layers", [Param("given", _type(given))], code, ["given"], list(held), results, [], end)
    return Program("layers", (), (), "layers", {"layers": block}, held), block


def _type(node: fx.Node) -> TensorType:
    value = node.meta["val"]
    return TensorType(value.dtype, tuple(each if isinstance(each, int) else str(each) for each in value.shape))
