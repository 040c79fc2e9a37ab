"""Sizes within tensor code that only data tells: how many places are not zero, how many rows were taken out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import fx
from torch.fx.experimental.symbolic_shapes import free_unbacked_symbols

from adaptc.compiler.ir.program import Block, Program


def hidden_extent(program: Program, block: Block, samples: Sequence[Sequence[np.ndarray[Any, Any]]]) -> int | None:
    """The mean of the extents that the code of `block` leaves open between what it takes and what it gives, over runs
    on the arrays of `samples`; None where there are none."""
    code = block.code
    assert code is not None
    if not any(_is_hidden(node) for node in code.graph.graph.nodes):
        return None
    weights = [program.weights[name] for name in block.weights]
    found: list[int] = []
    for arrays in samples:
        noting = _Noting(code.graph, found)
        with torch.no_grad():
            noting.run(*(torch.from_numpy(array) for array in arrays), *weights)
    return round(sum(found) / len(found)) if found else None


class _Noting(fx.Interpreter):
    """Runs code, and notes the extents that come up in it."""

    def __init__(self, graph: fx.GraphModule, found: list[int]) -> None:
        super().__init__(graph)
        self._found = found

    def run_node(self, n: fx.Node) -> Any:
        """Run a node, and note the open extents of its result."""
        result = super().run_node(n)
        if _is_hidden(n) and isinstance(result, torch.Tensor):
            declared = n.meta["val"].shape
            self._found += [size for size, extent in zip(result.shape, declared) if not isinstance(extent, int)]
        return result


def _is_hidden(node: fx.Node) -> bool:
    """Whether the size of a result is not that of an argument of the code."""
    value = node.meta.get("val")
    if node.op != "call_function" or not isinstance(value, torch.Tensor):
        return False
    return bool(free_unbacked_symbols(value))
