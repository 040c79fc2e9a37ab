"""Carries NCHWc, ONNX Runtime's layout for convolutions, through the control flow of a region's graph.

The engine does so within each graph, but hands NCHW to the graphs inside of it and takes NCHW from them.

before:  If(c) { r = ReorderInput(x); y = ReorderOutput(Conv(Conv(r))); z = Relu(Add(x, y)) } else { x }
after:   If(c) { z = Conv(Conv(x), sum: x, activation: Relu) } else { x }                 x and z blocked
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence

import onnx_ir as ir

from adaptc.compiler.backends.onnx.blocked.convolutions import (
    REORDERS,
    Form,
    blocked_input,
    convolve,
    form_of,
    norm_behind,
)
from adaptc.compiler.backends.onnx.blocked.filters import Filters
from adaptc.compiler.backends.onnx.blocked.operators import (
    FUSED,
    blocked_result,
    fuse_activation,
    fuse_sum,
    has_sum,
    pooled,
    same_extents,
)
from adaptc.compiler.backends.onnx.blocked.tensors import (
    DOMAIN,
    Blocked,
    Extent,
    Place,
    Twins,
    channels_of,
    declared,
    describe,
    reorder_output,
)
from adaptc.compiler.backends.onnx.graphs.outcome import is_hollow
from adaptc.compiler.backends.onnx.graphs.scope import Scope
from adaptc.compiler.backends.onnx.values import own_output, source_of


def block_channels(graph: ir.Graph, root: Scope, rows: Mapping[ir.Value, int], size: int) -> bool:
    """Let convolutions of `graph` and of the graphs inside of it, and what stands between them, work on tensors with
    channels in blocks of `size`; says whether any does.

    `root` is the scope of `graph`, and `rows` has the rows of the weights file that values stand for. Inputs and
    outputs of `graph` stay NCHW.
    """
    layout = _Layout(graph, root, rows, size)
    layout.run(graph, ChainMap())
    if layout.found:
        graph.opset_imports[DOMAIN] = 1
        layout.sink()
    return layout.found


class _Layout:
    def __init__(self, graph: ir.Graph, root: Scope, rows: Mapping[ir.Value, int], size: int) -> None:
        self.found = False
        self._size = size
        self._filters = Filters(graph, root, rows, size)
        self._around: dict[ir.Graph, tuple[ir.Graph, ir.Node]] = {}
        self._reorders: dict[ir.Node, None] = {}

    def run(self, graph: ir.Graph, twins: Twins) -> None:
        """Rewrite the nodes of `graph` in order; `twins` is filled with what is blocked."""
        for node in list(graph):
            if node.graph is graph:
                self._node(node, twins)

    def _node(self, node: ir.Node, twins: Twins) -> None:
        if node.domain == "" and node.op_type == "If":
            self._if(node, twins)
        elif node.domain == "" and node.op_type == "Loop":
            self._loop(node, twins)
        elif node.domain == "" and node.op_type == "Conv":
            form = form_of(node, self._filters, self._size)
            if form is not None:
                self.found = True
                norm = norm_behind(node, self._filters)
                blocked = convolve(node, form, norm, twins, self._filters, self._size)
                if norm is not None:
                    self._give(norm, blocked, twins)
                    assert node.graph is not None
                    node.graph.remove(node, safe=True)
                else:
                    self._give(node, blocked, twins)
        elif not self._fused(node, twins):
            mean = pooled(node, twins, self._size)
            if isinstance(mean, ir.Value):
                node.outputs[0].replace_all_uses_with(mean, replace_graph_outputs=True)
                assert node.graph is not None
                node.graph.remove(node, safe=True)
                return
            result = mean or blocked_result(node, twins, self._size)
            if result is not None:
                self._give(node, result, twins)

    def _fused(self, node: ir.Node, twins: Twins) -> bool:
        """Whether a convolution before `node` does the work of it."""
        if node.domain != "":
            return False
        given = [twins.get(value) if value is not None else None for value in node.inputs]
        if node.op_type in FUSED and given[0] is not None:
            if self._isown_output(given[0], node) and fuse_activation(node, given[0]):
                self._give(node, given[0], twins)
                return True
        elif node.op_type == "Add":
            first, second = given
            for conv, other in ((first, second), (second, first)):
                if conv is None or other is None or not same_extents(conv, other):
                    continue
                if self._isown_output(conv, node) and not has_sum(conv):
                    fuse_sum(node, conv, other)
                    self._give(node, conv, twins)
                    return True
        return False

    def _isown_output(self, given: Blocked, node: ir.Node) -> bool:
        """Whether a convolution in the graph of `node` made `given` for it alone, and has no activation yet."""
        maker = given.value.producer()
        if maker is None or (maker.domain, maker.op_type) != (DOMAIN, "Conv") or maker.graph is not node.graph:
            return False
        readers = [reader for reader, _ in given.value.uses()]
        if given.value.is_graph_output() or "activation" in maker.attributes or len(readers) != 1:
            return False
        (copy,) = readers[0].outputs
        used = [reader for reader, _ in copy.uses()]
        return readers[0].op_type == "ReorderOutput" and not copy.is_graph_output() and used == [node]

    def _give(self, node: ir.Node, blocked: Blocked, twins: Twins) -> None:
        """Let `blocked` stand for the result of `node`; what needs NCHW reads a copy."""
        graph, old = node.graph, node.outputs[0]
        assert graph is not None
        made = reorder_output(Place(graph, node, node), blocked)
        maker = made.producer()
        assert maker is not None
        self._reorders[maker] = None
        if old.shape is not None:
            made.shape = old.shape
        old.replace_all_uses_with(made, replace_graph_outputs=True)
        twins[made] = blocked
        given = [value.producer() for value in node.inputs if value is not None]
        graph.remove(node, safe=True)
        for reader in given:  # a copy that is not read any more would keep a convolution from being fused
            if reader is not None and reader.graph is not None and reader in self._reorders and not _is_read(reader):
                reader.graph.remove(reader, safe=True)
                del self._reorders[reader]

    def _if(self, node: ir.Node, twins: Twins) -> None:
        arms = list(_graphs(node))
        inner = [twins.new_child() for _ in arms]
        for arm, seen in zip(arms, inner):
            self._enter(arm, node)
            self.run(arm, seen)
        for index, output in enumerate(node.outputs):
            given = [source_of(arm.outputs[index]) for arm in arms]
            found = [seen.get(value) for seen, value in zip(inner, given)]
            several = {each.channels for each in found if each is not None and not each.is_copy}
            if is_hollow(output) or len(several) != 1:
                continue
            (channels,) = several
            if not _fits(given, found, channels):
                continue
            blocked = []
            for arm, seen, value in zip(arms, inner, given):
                blocked.append(blocked_input(value, channels, Place(arm, None, node), seen, self._size))
                arm.outputs[index] = own_output(arm, blocked[-1].value)
            self._leave(node, index, blocked, twins)

    def _loop(self, node: ir.Node, twins: Twins) -> None:
        (body,) = _graphs(node)
        self._enter(body, node)
        inner = twins.new_child()
        carried = []
        for index, value in enumerate(body.inputs[2:]):
            start = node.inputs[2 + index]
            channels = channels_of(value)
            if start is None or channels is None or is_hollow(start) or is_hollow(node.outputs[index]):
                continue
            if channels % REORDERS == 0 and self._convolved(value):
                assert node.graph is not None
                begin = blocked_input(start, channels, Place(node.graph, node, node), twins, self._size)
                node.replace_input_with(2 + index, begin.value)
                carried.append((index, _parameter(value, channels)))
                self._carry(body, carried[-1][1], inner)
        self.run(body, inner)
        for index, parameter in carried:
            channels = parameter.channels
            end = blocked_input(source_of(body.outputs[1 + index]), channels, Place(body, None), inner, self._size)
            body.outputs[1 + index] = own_output(body, end.value)
            self._leave(node, index, [end, parameter], twins)

    def _convolved(self, value: ir.Value) -> bool:
        """Whether a blocked convolution reads a loop's parameter."""
        if value.dtype != ir.DataType.FLOAT:
            return False
        for reader, place in value.uses():
            if reader.op_type == "Conv" and reader.domain == "" and place == 0:
                form: Form | None = form_of(reader, self._filters, self._size)
                if form is not None and form.reads:
                    return True
        return False

    def _carry(self, body: ir.Graph, parameter: Blocked, inner: Twins) -> None:
        """Let a loop hand on its parameter blocked."""
        copy = self._copy(Place(body, next(iter(body))), parameter.value, parameter)
        describe(parameter.value, parameter, self._size)
        inner[copy] = parameter

    def _leave(self, node: ir.Node, index: int, given: list[Blocked], twins: Twins) -> None:
        """Output `index` of `node` is blocked from now on, one of `given`."""
        output = node.outputs[index]
        extents: list[Extent] = [
            found.pop() if len(found := {each.extents[axis] for each in given}) == 1 else (output, (0, 2, 3)[axis])
            for axis in range(3)
        ]
        blocked = Blocked(output, given[0].channels, (extents[0], extents[1], extents[2]))
        assert node.graph is not None
        copy = self._copy(Place(node.graph, _next(node), node), output, blocked)
        describe(output, blocked, self._size)
        twins[copy] = blocked

    def _copy(self, place: Place, value: ir.Value, blocked: Blocked) -> ir.Value:
        """The NCHW copy of `blocked`, in the place of `value` wherever that was read."""
        uses, shape = list(value.uses()), value.shape
        copy = reorder_output(place, blocked)
        copy.shape = shape
        for reader, index in uses:
            reader.replace_input_with(index, copy)
        if value.is_graph_output():
            assert value.graph is not None
            for index, output in enumerate(value.graph.outputs):
                if output is value:
                    value.graph.outputs[index] = copy
        maker = copy.producer()
        assert maker is not None
        self._reorders[maker] = None
        return copy

    def _enter(self, graph: ir.Graph, node: ir.Node) -> None:
        assert node.graph is not None
        self._around[graph] = node.graph, node

    def sink(self) -> None:
        """Move copies in NCHW that only arms read into these arms."""
        for node in self._reorders:
            self._sink(node)

    def _sink(self, node: ir.Node) -> None:
        (copy,) = node.outputs
        graph = node.graph
        if graph is None or copy.is_graph_output():
            return
        arms: dict[ir.Graph, list[tuple[ir.Node, int]]] = {}
        for reader, index in copy.uses():
            arm = self._arm(graph, reader)
            if arm is None:
                return
            arms.setdefault(arm, []).append((reader, index))
        for arm, uses in arms.items():
            first = next(iter(arm))
            made = ir.Node(DOMAIN, "ReorderOutput", node.inputs, list(node.attributes.values()))
            arm.insert_before(first, made)
            made.outputs[0].type, made.outputs[0].shape = copy.type, copy.shape
            for reader, index in uses:
                reader.replace_input_with(index, made.outputs[0])
            self._sink(made)
        graph.remove(node, safe=True)

    def _arm(self, graph: ir.Graph, reader: ir.Node) -> ir.Graph | None:
        """The arm of an `If` of `graph` that holds `reader`; None where it is in `graph` itself or in a loop's body."""
        inner = reader.graph
        assert inner is not None
        found = None
        while inner is not graph:
            assert isinstance(inner, ir.Graph)
            outer, owner = self._around[inner]
            if owner.op_type == "Loop":
                return None
            found, inner = inner, outer
        return found


def _parameter(value: ir.Value, channels: int) -> Blocked:
    """A loop's parameter, which is blocked."""
    extents = declared(value)
    assert extents is not None
    return Blocked(value, channels, extents)


def _fits(given: Sequence[ir.Value], found: Sequence[Blocked | None], channels: int) -> bool:
    """Whether each value can be had blocked, with so many channels. Values that control takes to different blocks may
    share an output, so that others have more channels or fewer."""
    return all(
        each.channels == channels if each is not None else channels % REORDERS == 0 and channels_of(value) == channels
        for value, each in zip(given, found)
    )


def _is_read(node: ir.Node) -> bool:
    return any(value.uses() or value.is_graph_output() for value in node.outputs)


def _graphs(node: ir.Node) -> Iterator[ir.Graph]:
    for each in node.attributes.values():
        if each.type == ir.AttributeType.GRAPH:
            yield each.as_graph()


def _next(node: ir.Node) -> ir.Node | None:
    """The node behind `node`."""
    assert node.graph is not None
    nodes = iter(node.graph)
    for each in nodes:
        if each is node:
            return next(nodes, None)
    return None
