"""The graph being built of an arm, of a loop's body or of a whole region."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from adaptc.compiler.backends.onnx.exporter import OPSET
from adaptc.compiler.backends.onnx.lower import LOC

Shape = Sequence[int | str | None] | None
"""Extents; None for one that is not known, and for a shape of unknown rank."""


class Scope:
    """Nodes in order, within `parent`. Its values may be read in it and in the scopes inside of it.

    `depth` is how many graphs lie around it; `base` that of the graph of the innermost loop's body or of the region.
    `family` are all scopes of the region, and `weights` has the rows of the weights file that this one reads.
    """

    def __init__(self, parent: Scope | None = None, *, is_base: bool = False) -> None:
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.base: int = self.depth if parent is None or is_base else parent.base
        self.family: list[Scope] = [] if parent is None else parent.family
        self.family.append(self)
        self.weights: dict[int, ir.Value] = {}
        self.finished: ir.Graph | None = None
        self._nodes: list[ir.Node] = []
        self._initializers: list[ir.Value] = []
        self._owned: set[ir.Value] = set()
        self._constants: dict[tuple[str, tuple[int, ...], bytes], ir.Value] = {}

    def ancestors(self) -> Iterable[Scope]:
        """This scope, then those around it, the outermost last."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def owns(self, value: ir.Value) -> bool:
        """Whether the value comes from this scope's own nodes, inputs or initializers."""
        return value in self._owned

    def input(self, name: str, dtype: ir.DataType, shape: Shape) -> ir.Value:
        """A new input of this scope's graph."""
        value = _typed(ir.Value(name=name), dtype, shape)
        self._owned.add(value)
        return value

    def apply(
        self,
        operator: str,
        inputs: Sequence[ir.Value | None],
        dtype: ir.DataType,
        shape: Shape = (),
        *,
        loc: str = "",
        **attributes: int | str | Sequence[int],
    ) -> ir.Value:
        """The one result of a new node."""
        made = ir.convenience.convert_attributes(attributes)
        node = self.node(operator, inputs, made, 1, loc)
        return _typed(node.outputs[0], dtype, shape)

    def node(
        self, operator: str, inputs: Sequence[ir.Value | None], attributes: Sequence[ir.Attr], outputs: int, loc: str
    ) -> ir.Node:
        """A new node whose results have no types yet."""
        node = ir.Node("", operator, inputs, attributes, num_outputs=outputs, version=OPSET)
        if loc:
            node.metadata_props[LOC] = loc
        self.append(node)
        return node

    def append(self, node: ir.Node) -> None:
        """Add a node that was made elsewhere."""
        self._nodes.append(node)
        self._owned.update(node.outputs)

    def constant(self, array: NDArray[Any] | np.generic) -> ir.Value:
        """A constant of this scope, the same one for equal arrays."""
        array = np.asarray(array)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            tensor = ir.Tensor(array)
            node = self.node("Constant", [], [ir.AttrTensor("value", tensor)], 1, "")
            self._constants[key] = _typed(node.outputs[0], tensor.dtype, array.shape)
        return self._constants[key]

    def initializer(self, value: ir.Value) -> None:
        """Add an initializer, which gets a name of its own."""
        value.name = f"{value.name}_{len(self._initializers)}_{self.family.index(self)}"
        self._initializers.append(value)
        self._owned.add(value)

    def weight(self, row: int, like: ir.Value) -> ir.Value:
        """The value that stands for a row of the weights file in this scope, of the type of `like`."""
        if row not in self.weights:
            value = self.weights[row] = ir.Value(name=f"weight_{row}", shape=like.shape, type=like.type)
            self._owned.add(value)
        return self.weights[row]

    def result(self, value: ir.Value, taken: Iterable[ir.Value]) -> ir.Value:
        """`value` as an output of this scope's graph, beside the outputs `taken`: its own node's, and only once."""
        producer = value.producer()
        if self.owns(value) and producer is not None and all(value is not other for other in taken):
            return value
        copy = self.node("Identity", [value], [], 1, "").outputs[0]
        copy.type, copy.shape = value.type, value.shape
        return copy

    def graph(self, name: str, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value]) -> ir.Graph:
        """The finished graph; the scope takes no more nodes."""
        graph = ir.Graph(inputs, outputs, nodes=self._nodes, name=name)
        for value in self._initializers:
            graph.initializers[str(value.name)] = value
        self.finished = graph
        return graph

    def forget_unused(self, graph: ir.Graph) -> None:
        """Let the nodes of the family that no part of `graph` has read nothing: those of arms that no `If` was made of.
        Who asks what reads a value need not tell them apart."""
        used = set(graph.all_nodes())
        for scope in self.family:
            for node in scope._nodes:
                if node not in used:
                    for place in range(len(node.inputs)):
                        node.replace_input_with(place, None)


def _typed(value: ir.Value, dtype: ir.DataType, shape: Shape) -> ir.Value:
    value.type = ir.TensorType(dtype)
    value.shape = None if shape is None else ir.Shape(shape)
    return value
