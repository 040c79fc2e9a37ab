"""What running code costs, in µs: the interface by which the plan compares its candidates, and an analytical model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import fx

from adaptc.compiler.ir.program import Code


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
    more. `flops` and `bytes` are per µs, of one core.

    The defaults are those of ONNX Runtime on the x86-64 machine of the README; `benchmarks/host_overhead.py` measures
    `call`. An extent that is not known counts as `extent`.
    """

    call: float = 6.4
    branch: float = 1.0
    iteration: float = 0.9
    operator: float = 0.6
    flops: float = 40_000.0
    bytes: float = 10_000.0
    extent: int = 16
    _known: dict[int, tuple[Code, float]] = field(default_factory=dict, repr=False, compare=False)

    def of(self, unit: Code) -> float:
        """The kernels of one run of a unit that is made of this code."""
        found = self._known.get(id(unit))
        if found is None:
            nodes = (node for node in unit.graph.graph.nodes if node.op == "call_function")
            found = self._known[id(unit)] = unit, sum(self._node(node) for node in nodes)
        return found[1]

    def copy(self, size: float) -> float:
        """A copy of `size` bytes."""
        return self.operator / 2 + size / self.bytes

    def size(self, value: object) -> float:
        """The bytes of a fake tensor."""
        return self._elements(value) * value.element_size() if isinstance(value, torch.Tensor) else 0.0

    def _elements(self, value: torch.Tensor) -> float:
        return math.prod(extent if isinstance(extent, int) else self.extent for extent in value.shape)

    def _node(self, node: fx.Node) -> float:
        name = str(node.target).partition(".default")[0].removeprefix("aten.").partition(".")[0]
        value = node.meta.get("val")
        if name in _FREE or not isinstance(value, torch.Tensor):
            return 0.0
        reads = [read.meta.get("val") for read in node.all_input_nodes]
        operands = [read for read in reads if isinstance(read, torch.Tensor)]
        work = _WORK.get(name, _elementwise)(value, operands, self._elements)
        traffic = self.size(value) + sum(map(self.size, operands))
        return self.operator + max(work / self.flops, traffic / self.bytes)


Work = Callable[[torch.Tensor, list[torch.Tensor], Callable[[torch.Tensor], float]], float]
"""The floating-point operations of a call, from its result and operands and a function that counts elements."""


def _elementwise(value: torch.Tensor, operands: list[torch.Tensor], elements: Callable[[torch.Tensor], float]) -> float:
    return max([elements(value), *map(elements, operands)])


def _matmul(value: torch.Tensor, operands: list[torch.Tensor], elements: Callable[[torch.Tensor], float]) -> float:
    # the extent that is summed over: elements of both operands over those of the result, but for batches
    left, right = elements(operands[0]), elements(operands[1])
    return 2.0 * math.sqrt(max(left * right * elements(value), 0.0))


def _linear(value: torch.Tensor, operands: list[torch.Tensor], elements: Callable[[torch.Tensor], float]) -> float:
    weight = operands[1]
    return 2.0 * elements(value) * elements(weight) / max(_first(weight), 1)


def _recurrent(value: torch.Tensor, operands: list[torch.Tensor], elements: Callable[[torch.Tensor], float]) -> float:
    steps = max(_first(operands[0]), 1)
    return 2.0 * steps * sum(elements(operand) for operand in operands[1:])


def _first(tensor: torch.Tensor) -> int:
    extent = tensor.shape[0] if tensor.dim() else 1
    return extent if isinstance(extent, int) else 1


_FREE = frozenset(
    (
        *("view", "_unsafe_view", "reshape", "squeeze", "unsqueeze", "alias", "detach", "flatten", "unflatten"),
        *("sym_size", "sym_constrain_range_for_size", "_assert_scalar"),
    )
)
"""Operators that compute nothing."""

_WORK: Mapping[str, Work] = {
    **dict.fromkeys(("linear", "addmm", "conv1d", "conv2d", "conv3d", "convolution"), _linear),
    **dict.fromkeys(("mm", "bmm", "matmul", "baddbmm", "scaled_dot_product_attention"), _matmul),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent),
}
