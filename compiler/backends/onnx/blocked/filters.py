"""The weights of blocked convolutions, computed in the graph of those of the network: an engine does that once, when it
opens the graph, and the file of weights holds each as the network has it.

    filter [out, in, h, w]  ─►  [out / c, in / c, h, w, c (in), c (out)], declared as [out, in, h, w]
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from adaptc.compiler.backends.onnx.blocked.tensors import aligned, numbers
from adaptc.compiler.backends.onnx.graphs.scope import Scope


@dataclass(frozen=True)
class Norm:
    """A batch normalization behind a convolution: rows of its scale, bias, mean and variance, and its epsilon."""

    rows: tuple[int, int, int, int]
    values: tuple[ir.Value, ir.Value, ir.Value, ir.Value]
    epsilon: float


class Filters:
    """Makes the weights that blocked convolutions read, at the beginning of `graph`, the region's, whose scope is
    `root`. `size` is that of a block; `rows` has the rows of the weights file that values stand for."""

    def __init__(self, graph: ir.Graph, root: Scope, rows: Mapping[ir.Value, int], size: int) -> None:
        self._graph = graph
        self._root = root
        self._rows = rows
        self._size = size
        self._last: ir.Node | None = None
        self._made: dict[Hashable, ir.Value] = {}

    def is_weight(self, value: ir.Value | None) -> bool:
        """Whether the value is a row of the weights file, of float32."""
        return value is not None and value in self._rows and value.dtype == ir.DataType.FLOAT

    def norm(self, values: tuple[ir.Value, ir.Value, ir.Value, ir.Value], epsilon: float) -> Norm:
        """The batch normalization with these weights."""
        scale, shift, mean, variance = (self._rows[value] for value in values)
        return Norm((scale, shift, mean, variance), values, epsilon)

    def filter(self, weight: ir.Value, blocks_input: bool, norm: Norm | None) -> ir.Value:
        """The filter of a convolution, scaled as `norm` scales its result; `blocks_input` says that it reads a blocked
        tensor of which each group has several channels."""
        key = ("filter", self._rows[weight], blocks_input, norm and (norm.rows, norm.epsilon))
        if key not in self._made:
            self._made[key] = self._filter(weight, blocks_input, norm)
        return self._made[key]

    def bias(self, bias: ir.Value | None, norm: Norm | None) -> ir.Value | None:
        """The bias of a convolution, with what `norm` adds to its result."""
        if bias is None and norm is None:
            return None
        key = ("bias", None if bias is None else self._rows[bias], norm and (norm.rows, norm.epsilon))
        if key not in self._made:
            self._made[key] = self._bias(bias, norm)
        return self._made[key]

    def _filter(self, weight: ir.Value, blocks_input: bool, norm: Norm | None) -> ir.Value:
        c = self._size
        out, given, height, width = numbers(weight)
        value = self._weight(weight)
        if norm is not None:
            value = self._apply("Mul", [value, self._reshape(self._scale(norm), [out, 1, 1, 1])])
        outs, ins = aligned(out, c), aligned(given, c) if blocks_input else given
        if (outs, ins) != (out, given):
            value = self._apply("Pad", [value, self._ints([0, 0, 0, 0, outs - out, ins - given, 0, 0])])
        if blocks_input:
            value = self._reshape(value, [outs // c, c, ins // c, c, height, width])
            value = self._transpose(value, [0, 2, 4, 5, 3, 1])
        else:
            value = self._reshape(value, [outs // c, c, ins, height, width])
            value = self._transpose(value, [0, 2, 3, 4, 1])
        return self._typed(self._reshape(value, [outs, ins, height, width]), [outs, ins, height, width])

    def _bias(self, bias: ir.Value | None, norm: Norm | None) -> ir.Value:
        value = None if bias is None else self._weight(bias)
        if norm is not None:
            _, shift, mean, _ = (self._weight(each) for each in norm.values)
            moved = self._apply("Neg", [mean]) if value is None else self._apply("Sub", [value, mean])
            value = self._apply("Add", [self._apply("Mul", [moved, self._scale(norm)]), shift])
        assert value is not None
        (channels,) = numbers(norm.values[0] if norm is not None else bias if bias is not None else value)
        outs = aligned(channels, self._size)
        if outs != channels:
            value = self._apply("Pad", [value, self._ints([0, outs - channels])])
        return self._typed(value, [outs])

    def _scale(self, norm: Norm) -> ir.Value:
        """What `norm` multiplies each channel by."""
        key = ("scale", norm.rows, norm.epsilon)
        if key not in self._made:
            scale, _, _, variance = (self._weight(each) for each in norm.values)
            spread = self._apply("Sqrt", [self._apply("Add", [variance, self._constant(np.float32(norm.epsilon))])])
            self._made[key] = self._apply("Div", [scale, spread])
        return self._made[key]

    def _weight(self, weight: ir.Value) -> ir.Value:
        return self._root.weight(self._rows[weight], weight)

    def _reshape(self, value: ir.Value, shape: Sequence[int]) -> ir.Value:
        return self._apply("Reshape", [value, self._ints(shape)])

    def _transpose(self, value: ir.Value, order: Sequence[int]) -> ir.Value:
        return self._apply("Transpose", [value], [ir.AttrInt64s("perm", order)])

    def _ints(self, numbers: Sequence[int]) -> ir.Value:
        return self._constant(np.array(numbers, np.int64))

    def _constant(self, array: NDArray[Any] | np.generic) -> ir.Value:
        return self._apply("Constant", [], [ir.AttrTensor("value", ir.Tensor(np.asarray(array)))])

    def _apply(self, operator: str, inputs: Sequence[ir.Value], attributes: Sequence[ir.Attr] = ()) -> ir.Value:
        node = ir.Node("", operator, inputs, attributes)
        if self._last is None:
            self._graph.insert_before(next(iter(self._graph)), node)
        else:
            self._graph.insert_after(self._last, node)
        self._last = node
        return node.outputs[0]

    @staticmethod
    def _typed(value: ir.Value, shape: Sequence[int]) -> ir.Value:
        value.type, value.shape = ir.TensorType(ir.DataType.FLOAT), ir.Shape(shape)
        return value
