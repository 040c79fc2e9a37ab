"""Makes one product of linear layers that read the same tensor, where the cost model expects that to be faster."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import fx

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
    plans here: the whole code must be faster by more than what the model may be wrong by on the layers, with extents
    that vary at 1 and at `extent`. Weights that something else reads too stay as they are, and so do programs that
    call each other in a session, which share theirs.

    before:  q = linear(x, W, b); k = linear(x, V, c)
    after:   y = linear(x, cat(W, V), cat(b, c)); q, k = split(y, [m, n], -1)
    """

    name = "merge-projections"
    model: str = ""
    extent: int = 16

    def run(self, program: Program, rw: Rewriter) -> None:
        """Try the layers of each tensor, one group after another; fold-weights joins their weights."""
        if program.later or program.state:
            return
        cost = LearnedCost(choose(Path(self.model) if self.model else None))
        for code in codes(program):
            groups = _groups(Draft(program, code))
            taken: list[int] = []
            for number, layers in enumerate(groups):
                before = _merged(Draft(program, code), taken).preview("joined")
                after = _merged(Draft(program, code), [*taken, number]).preview("joined")
                if all(_is_faster(after, before, _alone(layers), cost, extent) for extent in (1, self.extent)):
                    taken.append(number)
            if taken:
                _merged(Draft(program, code), taken).finish(rw, "joined")
                rw.counts["groups of layers joined"] += len(taken)


def _groups(draft: Draft) -> list[list[fx.Node]]:
    """Linear layers that read the same tensor, each of at least two, with weights that nothing else reads."""
    found: dict[tuple[fx.Node, bool], list[fx.Node]] = {}
    for node in draft.graph.nodes:
        if node.target is aten.linear.default and _owns_weights(draft, node):
            found.setdefault((node.args[0], len(node.args) > 2), []).append(node)
    return [layers for layers in found.values() if len(layers) > 1]


def _owns_weights(draft: Draft, layer: fx.Node) -> bool:
    given, *weights = layer.args
    matrix = weights[0]
    return (
        isinstance(given, fx.Node)
        and isinstance(matrix, fx.Node)
        and not layer.kwargs
        and matrix.meta["val"].dim() == 2
        and all(isinstance(each, fx.Node) and each in draft.weights and draft.exclusive(each) for each in weights)
    )


def _merged(draft: Draft, numbers: Sequence[int]) -> Draft:
    """`draft` with these of its groups computed as one layer each."""
    groups = _groups(draft)
    for number in numbers:
        _merge(draft.graph, groups[number])
    return draft


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


Unit = tuple[Program, str]
"""A program and the name of a block of it."""


def _is_faster(after: Unit, before: Unit, layers: Unit, cost: LearnedCost, extent: int) -> bool:
    """Whether the code `after` is faster than `before`, by more than the error on the `layers` that differ."""

    def price(unit: Unit) -> float:
        program, name = unit
        return cost.of(program, program.blocks[name], extent)

    return price(before) - price(after) > KNOWN_TO * price(layers)


def _alone(layers: Sequence[fx.Node]) -> Unit:
    """A program of `layers` without the code around them."""
    graph = fx.Graph()
    given = [*dict.fromkeys(node for layer in layers for node in layer.all_input_nodes)]
    copies: dict[fx.Node, fx.Node] = {}
    for number, node in enumerate(given):
        copies[node] = graph.placeholder(f"given_{number}")
        copies[node].meta = {"val": node.meta["val"]}
    for layer in layers:
        copies[layer] = graph.node_copy(layer, copies.__getitem__)
    graph.output(tuple(copies[layer] for layer in layers))
    types = [TensorType(node.meta["val"].dtype, tuple(map(_extent, node.meta["val"].shape))) for node in given]
    results = tuple(TensorType(each.meta["val"].dtype, tuple(map(_extent, each.meta["val"].shape))) for each in layers)
    code = Code("layers", fx.GraphModule(torch.nn.Module(), graph), (types[0],), tuple(types[1:]), results)
    names = [f"weight_{number}" for number in range(len(given) - 1)]
    block = Block(
        "layers",
        [Param("given", types[0])],
        code,
        ["given"],
        names,
        [Output(f"y{number}", type_) for number, type_ in enumerate(results)],
        [],
        Return((), (), TupleNode(())),
    )
    weights = {name: node.meta["val"] for name, node in zip(names, given[1:])}
    return Program("layers", (), (), "layers", {"layers": block}, weights), block.name


def _extent(extent: object) -> int | str:
    return extent if isinstance(extent, int) else str(extent)
