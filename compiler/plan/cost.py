"""What running code costs, in µs: the interface by which the plan compares its candidates, and an analytical model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import fx

from adaptc.compiler.ir.program import Code
from adaptc.passes.costs import node_flops


class Cost(Protocol):
    """Expected times in µs on one engine and machine."""

    @property
    def call(self) -> float:
        """A call of a unit by the host, without its kernels."""
        ...

    @property
    def branch(self) -> float:
        """An `If` in a graph, without what its arm does."""
        ...

    @property
    def iteration(self) -> float:
        """An iteration of a `Loop` in a graph, without what its body does."""
        ...

    def of(self, unit: Code) -> float:
        """The kernels of one run of a unit that is made of this code."""
        ...

    def copy(self, size: float) -> float:
        """A copy of `size` bytes, as an arm makes of what it hands on unchanged."""
        ...


@dataclass(frozen=True)
class AnalyticalCost:
    """A roofline: each operator takes `operator` µs, and what its arithmetic or its memory traffic takes, whichever is
    more. `flops` and `bytes` are per µs, of one core; an extent that is not known counts as 1.

    `call` is what `benchmarks/host_overhead.py` printed on the x86-64 machine of the README, `branch` and `iteration`
    what one `If` and one iteration of a `Loop` took there. `operator`, `flops` and `bytes` are estimates: they stand on
    both sides of each comparison, but for copies.
    """

    call: float = 6.4
    branch: float = 1.0
    iteration: float = 0.9
    operator: float = 0.6
    flops: float = 40_000.0
    bytes: float = 10_000.0

    def of(self, unit: Code) -> float:
        """The kernels of one run of a unit that is made of this code."""
        return sum(self._node(node) for node in unit.graph.graph.nodes if node.op == "call_function")

    def copy(self, size: float) -> float:
        """A copy of `size` bytes."""
        return self.operator + size / self.bytes

    def _node(self, node: fx.Node) -> float:
        work = node_flops(node)
        if not work:
            return 0.0
        values = [node.meta.get("val"), *(read.meta.get("val") for read in node.all_input_nodes)]
        traffic = sum(_bytes(value) for value in values if isinstance(value, torch.Tensor))
        return self.operator + max(work / self.flops, traffic / self.bytes)


def _bytes(value: torch.Tensor) -> int:
    return value.element_size() * math.prod(extent if isinstance(extent, int) else 1 for extent in value.shape)
