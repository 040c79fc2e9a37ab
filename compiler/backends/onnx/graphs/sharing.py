"""Value numbering over nested graphs: what a graph computes again is taken from where it was computed.

before:  m = ReduceMean(x); If(c) { ... } else { m2 = ReduceMean(x); y = Gemm(m2, w) }
after:   m = ReduceMean(x); If(c) { ... } else { y = Gemm(m, w) }

before:  x = If(c) { z = f(x0); m = ReduceMean(z); give z } else { m = ReduceMean(x0); give x0 }; m2 = ReduceMean(x)
after:   x, m2 = If(c) { z = f(x0); m = ReduceMean(z); give z, m } else { m = ReduceMean(x0); give x0, m }
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from adaptc.compiler.backends.onnx.values import constant_of, own_output, source_of

_RANDOM = frozenset(
    ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout")
)
"""Operators that give something else each time."""

_REDUCING = frozenset(
    (
        *("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceLogSumExp"),
        *("ArgMax", "ArgMin", "GlobalAveragePool", "GlobalMaxPool"),
    )
)
"""Operators whose results are so much smaller than what they read that an `If` had better hand them on."""

_Numbers = ChainMap[Hashable, Sequence[ir.Value]]


@dataclass(frozen=True)
class _Chosen:
    """An output of the `If` `node`, which was looked at as number `place`: what its arms `give`, the values that there
    are `inside` of them, and those that `known` has in the graph around."""

    node: ir.Node
    place: int
    give: Sequence[ir.Value]
    inside: Sequence[_Numbers]
    known: _Numbers


def share(graph: ir.Graph, rows: Mapping[ir.Value, int]) -> None:
    """Let each node of `graph` and of the graphs inside of it that repeats another before it, in its own graph, in one
    around it or in both arms of an `If` before it, give way to that one.

    `rows` has the rows of the weights file that values stand for. What reads constants and weights alone stays: engines
    compute that once, in the graph where it stands.
    """
    _Sharing(rows).run(graph, ChainMap())


class _Sharing:
    def __init__(self, rows: Mapping[ir.Value, int]) -> None:
        self._rows = rows
        self._chosen: dict[ir.Value, _Chosen] = {}
        self._places: dict[ir.Value, int] = {}

    def run(self, graph: ir.Graph, known: _Numbers) -> None:
        """The nodes of `graph` in order; `known` has the values that there are, by what computes them."""
        for node in list(graph):
            inner = [each.as_graph() for each in node.attributes.values() if each.type == ir.AttributeType.GRAPH]
            inside = [known.new_child() for _ in inner]
            for each, numbers in zip(inner, inside):
                self.run(each, numbers)
            if node.op_type == "If" and node.domain == "":
                for value, *given in zip(node.outputs, *(each.outputs for each in inner)):
                    place = len(self._places)
                    self._chosen[value] = _Chosen(node, place, [source_of(one) for one in given], inside, known)
            elif not inner and node.op_type not in _RANDOM and not all(map(self._is_fixed, node.inputs)):
                self._number(graph, node, known)

    def _number(self, graph: ir.Graph, node: ir.Node, known: _Numbers) -> None:
        key = self._key(node, node.inputs)
        if key is None:
            return
        earlier = known.get(key) or self._from_arms(node, key)
        if earlier is None or any(value.is_graph_output() for value in node.outputs):
            known.setdefault(key, node.outputs)
            self._places[node.outputs[0]] = len(self._places)
            return
        for value, same in zip(node.outputs, earlier, strict=True):
            value.replace_all_uses_with(same)
        graph.remove(node, safe=True)

    def _from_arms(self, node: ir.Node, key: Hashable) -> Sequence[ir.Value] | None:
        """What both arms of an `If` computed of their part as `node` does of the whole, as one more output of it."""
        given = node.inputs[0]
        chosen = self._chosen.get(given) if given is not None else None
        if chosen is None or node.op_type not in _REDUCING or node.domain != "":
            return None
        if not all(map(self._is_fixed, node.inputs[1:])):
            return None
        found = [
            numbers.get(self._key(node, [part, *node.inputs[1:]])) for part, numbers in zip(chosen.give, chosen.inside)
        ]
        # What the graph around computes behind the `If` is known by now too.
        parts = [values[0] for values in found if values is not None and self._places[values[0]] < chosen.place]
        if len(parts) < len(found):
            return None
        arms = [each.as_graph() for each in chosen.node.attributes.values() if each.type == ir.AttributeType.GRAPH]
        for arm, value in zip(arms, parts, strict=True):
            arm.outputs.append(own_output(arm, value))
        chosen.node.resize_outputs(len(chosen.node.outputs) + 1)
        output = chosen.node.outputs[-1]
        output.type, output.shape = node.outputs[0].type, node.outputs[0].shape
        chosen.known[key] = [output]
        self._places[output] = chosen.place - 1
        self._chosen[output] = replace(chosen, give=parts)
        return [output]

    def _is_fixed(self, value: ir.Value | None) -> bool:
        return value is None or value in self._rows or constant_of(value) is not None

    def _key(self, node: ir.Node, inputs: Sequence[ir.Value | None]) -> Hashable | None:
        """Equal for nodes that compute the same of their `inputs`; None for those that cannot be compared."""
        attributes: list[Hashable] = []
        for name, attribute in sorted(node.attributes.items()):
            if attribute.type == ir.AttributeType.TENSOR:
                tensor = attribute.as_tensor()
                attributes.append((name, str(tensor.dtype), tuple(tensor.shape), tensor.tobytes()))
            elif isinstance(attribute.value, Hashable):
                attributes.append((name, attribute.type, attribute.value))
            else:
                return None
        named = tuple(map(self._input_key, inputs))
        return node.domain, node.op_type, node.overload, len(node.outputs), tuple(attributes), named

    def _input_key(self, value: ir.Value | None) -> Hashable:
        if value is None:
            return None
        if value in self._rows:
            return "row", self._rows[value]
        constant = constant_of(value)
        if constant is not None:
            return constant.dtype.str, constant.shape, constant.tobytes()
        return value
