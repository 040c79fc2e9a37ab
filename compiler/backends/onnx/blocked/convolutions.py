"""Convolutions on blocked tensors, with the batch normalization behind them."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from adaptc.compiler.backends.onnx.blocked.filters import Filters, Norm
from adaptc.compiler.backends.onnx.blocked.tensors import (
    DOMAIN,
    Blocked,
    Extent,
    Place,
    Twins,
    aligned,
    describe,
    extents_of,
    numbers,
    reorder_input,
)

REORDERS = 4
"""`ReorderInput` takes multiples of so many channels."""


@dataclass(frozen=True)
class Form:
    """How a convolution runs on blocked tensors: `reads` says whether its input is blocked, `blocks_input` whether its
    filter is; `group` is its number of groups, and `channels` that of its results."""

    reads: bool
    blocks_input: bool
    group: int
    channels: int


def form_of(node: ir.Node, filters: Filters, size: int) -> Form | None:
    """How the `Conv` `node` runs on blocked tensors with blocks of `size`; None where it does not."""
    weight, bias = node.inputs[1], node.inputs[2] if len(node.inputs) > 2 else None
    if not filters.is_weight(weight) or (bias is not None and not filters.is_weight(bias)):
        return None
    assert weight is not None
    shape = numbers(weight)
    if len(shape) != 4 or node.attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
        return None
    out, given = shape[:2]
    group = node.attributes.get_int("group", 1)
    if group == 1:
        if given < size:
            return Form(False, False, 1, out)
        return Form(True, True, 1, out) if given % REORDERS == 0 else None
    if given == 1 and out == group:
        return Form(True, False, aligned(group, size), out) if group % REORDERS == 0 else None
    return Form(True, True, group, out) if given % size == 0 and (out // group) % size == 0 else None


def norm_behind(node: ir.Node, filters: Filters) -> ir.Node | None:
    """The batch normalization that alone reads the convolution's result, with the network's weights."""
    value = node.outputs[0]
    uses = value.uses()
    if value.is_graph_output() or len(uses) != 1:
        return None
    ((reader, _),) = uses
    is_norm = reader.op_type == "BatchNormalization" and reader.domain == "" and reader.graph is node.graph
    if not is_norm or reader.attributes.get_int("training_mode", 0) != 0:
        return None
    if not all(map(filters.is_weight, reader.inputs[1:])):
        return None
    others = reader.outputs[1:]
    return None if any(other.uses() or other.is_graph_output() for other in others) else reader


def convolve(node: ir.Node, form: Form, norm: ir.Node | None, twins: Twins, filters: Filters, size: int) -> Blocked:
    """The result of the `Conv` `node` and of `norm` behind it, made by a new node before it."""
    given, weight = node.inputs[:2]
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    assert given is not None
    assert weight is not None
    assert node.graph is not None
    place = Place(node.graph, node, node)
    source, extents = given, extents_of(given, twins)
    if form.reads:
        channels = numbers(weight)[1] * node.attributes.get_int("group", 1)
        source = blocked_input(given, channels, place, twins, size).value
    folded = _norm(norm, filters) if norm is not None else None
    inputs = [source, filters.filter(weight, form.blocks_input, folded), filters.bias(bias, folded)]
    while inputs[-1] is None:
        inputs.pop()
    kept = [each for name, each in node.attributes.items() if name != "group"]
    value = place.node(DOMAIN, "Conv", inputs, [*kept, ir.AttrInt64("group", form.group)])
    blocked = Blocked(value, form.channels, _result_extents(node, extents))
    describe(value, blocked, size)
    return blocked


def blocked_input(value: ir.Value, channels: int, place: Place, twins: Twins, size: int) -> Blocked:
    """What stands, blocked, for `value`; made at `place` where there is nothing yet."""
    if value not in twins:
        extents = extents_of(value, twins) or tuple((value, axis) for axis in (0, 2, 3))
        twins[value] = reorder_input(place, value, channels, extents, size)
    return twins[value]


def _norm(node: ir.Node, filters: Filters) -> Norm:
    scale, shift, mean, variance = node.inputs[1:5]
    assert scale is not None and shift is not None and mean is not None and variance is not None  # noqa: PT018
    epsilon = node.attributes.get_float("epsilon", 1e-5)
    return filters.norm((scale, shift, mean, variance), epsilon)


def _result_extents(node: ir.Node, extents: tuple[Extent, ...] | None) -> tuple[Extent, Extent, Extent]:
    """Batch, height and width of a convolution's result."""
    output = node.outputs[0]
    known = [dim if isinstance(dim, int) else None for dim in output.shape or (None,) * 4]
    batch, *sides = extents or ((output, 0), (output, 2), (output, 3))
    weight = node.inputs[1]
    assert weight is not None
    kernel = numbers(weight)[2:]
    strides, dilations = (node.attributes.get_ints(name, [1, 1]) for name in ("strides", "dilations"))
    pads = node.attributes.get_ints("pads", [0, 0, 0, 0])
    found: list[Extent] = []
    for axis, side in enumerate(sides):
        reach = dilations[axis] * (kernel[axis] - 1) - pads[axis] - pads[axis + 2]
        computed = side if reach == 0 and strides[axis] == 1 else ("conv", side, reach, strides[axis])
        exact = known[2 + axis]
        found.append(computed if exact is None else exact)
    return known[0] if known[0] is not None else batch, found[0], found[1]
