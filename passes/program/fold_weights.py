"""Computes at compile time what depends on weights alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import fx

from adaptc.compiler.ir.program import Program
from adaptc.passes.draft import Draft, codes
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.passes.specialise import sources


@register
@dataclass(frozen=True)
class FoldWeights(ProgramPass):
    """Replace what is computed from weights alone by new weights, for each block from its own.

    A new weight that is more than `max_bytes` bytes larger than the weights that it makes superfluous is left to be
    computed: the artifact would grow.

    before:  y = conv(x, w * scale)
    after:   y = conv(x, W)            W = w * scale
    """

    name = "fold-weights"
    max_bytes: int = 65536

    def run(self, program: Program, rw: Rewriter) -> None:
        """Choose what to compute for the whole program, since blocks share weights; then compute it."""
        drafts = [draft for draft in (Draft(program, code) for code in codes(program)) if draft.weights]
        chosen = {draft: _candidates(draft) for draft in drafts}
        while not self._settle(program, chosen):
            pass
        for draft, nodes in chosen.items():
            if nodes:
                _fold(draft, nodes, rw)
        rw.drop_unused_weights()

    def _settle(self, program: Program, chosen: dict[Draft, list[fx.Node]]) -> bool:
        """Take what makes the weights too large out of `chosen`; gives whether there was nothing of that kind."""
        own = {id(block) for draft in chosen for block in draft.blocks}
        staying = {name for block in program.blocks.values() if id(block) not in own for name in block.weights}
        for draft, nodes in chosen.items():
            for node in _read_without(draft, nodes):
                staying |= set(draft.values.names(node))
        credited: set[str] = set()
        everything = [(draft, node) for draft, nodes in chosen.items() for node in nodes]
        settled = True
        for draft, node in sorted(everything, key=lambda pair: -_bytes(pair[1])):
            held = [each for each in sources([node]) if each in draft.weights]
            variants = set(zip(*(draft.weights[holder] for holder in held)))
            going = {name for names in variants for name in names} - staying - credited
            grown = len(variants) * _bytes(node) - sum(program.weights[name].nbytes for name in going)
            if grown > self.max_bytes:
                chosen[draft].remove(node)
                settled = False
            else:
                credited |= going
        return settled


def _candidates(draft: Draft) -> list[fx.Node]:
    """The calls that depend on weights alone and are read by something that does not."""
    constant: set[fx.Node] = set()
    for node in draft.graph.nodes:
        if node.op == "call_function" and all(
            used in constant or used in draft.weights for used in node.all_input_nodes
        ):
            if node.all_input_nodes and draft.values.constant(node):
                constant.add(node)
    return [
        node
        for node in draft.graph.nodes
        if node in constant and _has_known_size(node) and any(user not in constant for user in node.users)
    ]


def _has_known_size(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and all(isinstance(extent, int) for extent in value.shape)


def _bytes(node: fx.Node) -> int:
    value = node.meta["val"]
    return int(value.numel() * value.element_size())


def _read_without(draft: Draft, cut: Collection[fx.Node]) -> set[fx.Node]:
    """What the results need once the nodes `cut` are known."""
    seen: set[fx.Node] = set()
    todo = [node for node in draft.graph.output_node().all_input_nodes if node not in cut]
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += [used for used in node.all_input_nodes if used not in cut]
    return seen


def _fold(draft: Draft, nodes: Collection[fx.Node], rw: Rewriter) -> None:
    for node in nodes:
        held = [each for each in draft.weights if each in sources([node])]
        names: dict[tuple[str, ...], str] = {}
        for number, tensor in enumerate(draft.values.tensors(node)):
            given = tuple(draft.weights[holder][number] for holder in held)
            if given not in names:
                names[given] = rw.add_weight(f"{given[0]}.folded", tensor.contiguous())
        blocks = range(len(draft.blocks))
        made = tuple(names[tuple(draft.weights[holder][number] for holder in held)] for number in blocks)
        node.replace_all_uses_with(draft.add_weight(node, made))
    draft.finish(rw, "folded")
