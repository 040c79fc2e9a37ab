"""What running code costs, in µs: the interface by which the plan compares its candidates, and an analytical model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import fx

from adaptc.compiler.ir.program import Block, Program
from adaptc.passes.costs import node_flops


class Cost(Protocol):
    """Expected times in µs on one engine and machine."""

    @property
    def call(self) -> float:
        """A call of a unit by the host, without its kernels and what goes in and comes out."""
        ...

    @property
    def value(self) -> float:
        """An array that goes into a unit or comes out of it."""
        ...

    @property
    def branch(self) -> float:
        """An `If` in a graph, without what its arm does."""
        ...

    @property
    def iteration(self) -> float:
        """An iteration of a `Loop` in a graph, without what its body does."""
        ...

    @property
    def number(self) -> float:
        """An operator on numbers in a graph, which has a kernel for it."""
        ...

    def of(self, program: Program, block: Block) -> float:
        """The kernels of one run of a unit that is made of the code of `block`, which has some."""
        ...

    def copy(self, size: float) -> float:
        """A copy of `size` bytes, as an arm makes of what it hands on unchanged."""
        ...

    def record(self) -> Mapping[str, Any]:
        """Where the times come from, as JSON values."""
        ...


@dataclass(frozen=True)
class AnalyticalCost:
    """A roofline: each operator takes `operator` µs, and what its arithmetic or its memory traffic takes, whichever is
    more. `flops` and `bytes` are per µs, of one core; an extent that is not known counts as 1.

    The numbers are what `benchmarks/plan_costs.py` printed on a two-core x86-64 machine (ONNX Runtime 1.32), rounded to
    two digits.
    """

    call: float = 4.7
    value: float = 0.65
    branch: float = 0.87
    iteration: float = 0.82
    operator: float = 0.36
    flops: float = 90_000.0
    bytes: float = 64_000.0

    @property
    def number(self) -> float:
        """An operator on numbers in a graph."""
        return self.operator

    def of(self, program: Program, block: Block) -> float:
        """The kernels of one run of a unit that is made of the code of `block`."""
        assert block.code is not None
        return sum(self._node(node) for node in block.code.graph.graph.nodes if node.op == "call_function")

    def copy(self, size: float) -> float:
        """A copy of `size` bytes, which are read and written."""
        return self.operator + 2 * size / self.bytes

    def record(self) -> Mapping[str, Any]:
        """Where the times come from, as JSON values."""
        return {"model": "analytical"}

    def _node(self, node: fx.Node) -> float:
        work = node_flops(node)
        if not work:
            return 0.0
        values = [node.meta.get("val"), *(read.meta.get("val") for read in node.all_input_nodes)]
        traffic = sum(_bytes(value) for value in values if isinstance(value, torch.Tensor))
        return self.operator + max(work / self.flops, traffic / self.bytes)


def _bytes(value: torch.Tensor) -> int:
    return value.element_size() * math.prod(extent if isinstance(extent, int) else 1 for extent in value.shape)
