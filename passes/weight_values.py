"""The values of code that depend on weights alone, for each of the blocks that share it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import fx
from torch._ops import OpOverload

from adaptc.compiler.ir.program import Program
from adaptc.passes.specialise import sources


class WeightValues:
    """Computes nodes of one graph whose weight placeholders are `weights`: node -> the weight's name in each block."""

    def __init__(self, program: Program, weights: Mapping[fx.Node, tuple[str, ...]]) -> None:
        self._program = program
        self._weights = weights
        self._known: dict[fx.Node, tuple[torch.Tensor, ...]] = {}

    def names(self, holder: fx.Node) -> tuple[str, ...]:
        """The weights that a placeholder stands for, one for each block; none for an input."""
        return self._weights.get(holder, ())

    def constant(self, node: fx.Node) -> bool:
        """Whether `node` depends on weights, on at least one, and on nothing else that may vary."""
        needed = sources([node])
        return any(used in self._weights for used in needed) and all(
            used in self._weights if used.op == "placeholder" else is_repeatable(used) for used in needed
        )

    def sources(self, node: fx.Node) -> set[str]:
        """The names of the weights, in any block, on which `node` depends; none where it depends on more."""
        if not self.constant(node):
            return set()
        return {name for used in sources([node]) for name in self.names(used)}

    def tensors(self, node: fx.Node) -> tuple[torch.Tensor, ...]:
        """The value of `node` in each block, computed by torch; none where it depends on more than weights."""
        if node in self._weights:
            return tuple(self._program.weights[name] for name in self._weights[node])
        if node not in self._known:
            if not self.constant(node):
                return ()
            needed = sources([node])
            self._known[node] = tuple(self._run(node, needed, index) for index in range(self._blocks()))
        return self._known[node]

    def _blocks(self) -> int:
        return len(next(iter(self._weights.values())))

    def _run(self, node: fx.Node, needed: set[fx.Node], index: int) -> torch.Tensor:
        known = {used: self._program.weights[self._weights[used][index]] for used in needed if used in self._weights}
        return compute(node, needed, known)


def compute(node: fx.Node, needed: set[fx.Node], tensors: Mapping[fx.Node, torch.Tensor]) -> torch.Tensor:
    """The value of `node`, computed by torch from those of placeholders; `needed` are the nodes that it depends on."""
    values: dict[fx.Node, Any] = dict(tensors)
    with torch.no_grad():
        for each in node.graph.nodes:
            if each in needed and each.op == "call_function":
                args, kwargs = fx.map_arg((each.args, each.kwargs), values.__getitem__)
                values[each] = cast(Callable[..., Any], each.target)(*args, **kwargs)
    result = values[node]
    assert isinstance(result, torch.Tensor)
    return result


def is_repeatable(node: fx.Node) -> bool:
    """Whether a node gives the same for the same inputs: random numbers do not."""
    return not (isinstance(node.target, OpOverload) and torch.Tag.nondeterministic_seeded in node.target.tags)
