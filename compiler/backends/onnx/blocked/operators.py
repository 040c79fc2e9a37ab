"""Operators other than convolutions on blocked tensors."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from adaptc.compiler.backends.onnx.blocked.tensors import (
    DOMAIN,
    Blocked,
    Place,
    Twins,
    aligned,
    describe,
)
from adaptc.compiler.backends.onnx.values import constant_of

FUSED = frozenset(("Relu", "LeakyRelu", "Sigmoid", "Tanh", "Clip", "HardSigmoid"))
"""Activations that a blocked convolution applies to its result."""

_UNARY = FUSED | {"HardSwish", "Elu", "Gelu", "Erf", "Softplus", "Softsign", "Neg", "Abs", "Selu", "Celu", "Mish"}
"""Functions of each element; all give finite numbers for the zeros of channels that are not there."""

_BINARY = frozenset(("Add", "Sub", "Mul"))
_POOLS = frozenset(("MaxPool", "AveragePool"))
_WHOLE = frozenset(("GlobalAveragePool", "GlobalMaxPool"))


def blocked_result(node: ir.Node, twins: Twins, size: int) -> Blocked | None:
    """The result of `node` on blocked tensors, made by nodes before it; None where it stays as it is."""
    if node.domain != "" or not node.inputs or node.inputs[0] is None:
        return None
    if node.op_type in _BINARY:
        return _binary(node, twins, size)
    given = twins.get(node.inputs[0])
    if given is None or given.is_copy:
        return None
    if node.op_type == "Identity":
        return None if node.outputs[0].is_graph_output() else given
    if node.op_type in _UNARY:
        return _unary(node, given, size)
    if node.op_type in _POOLS and len(node.outputs) == 1 and not node.attributes.get_int("ceil_mode", 0):
        height, width = ((node.outputs[0], axis) for axis in (2, 3))
        shape = node.outputs[0].shape
        if shape is not None and len(shape) == 4:
            height, width = (s if isinstance(s, int) else e for s, e in zip(shape[2:], (height, width)))  # type: ignore[assignment]
        return _made(node, DOMAIN, [given.value], given.channels, (given.extents[0], height, width), size)
    if node.op_type in _WHOLE:
        return _made(node, DOMAIN, [given.value], given.channels, (given.extents[0], 1, 1), size)
    if node.op_type == "Concat" and node.attributes.get_int("axis") in (1, -3):
        return _concat(node, twins, size)
    return None


def pooled(node: ir.Node, twins: Twins, size: int) -> ir.Value | Blocked | None:
    """The means of whole channels by `ReduceMean`: a tensor of batch and channels, or a blocked one of height and
    width 1 where it keeps the dimensions."""
    given = twins.get(node.inputs[0]) if node.inputs and node.inputs[0] is not None else None
    if node.op_type != "ReduceMean" or node.domain != "" or given is None or given.is_copy:
        return None
    axes = constant_of(node.inputs[1]) if len(node.inputs) > 1 else None
    if axes is None or sorted(int(axis) % 4 for axis in axes) != [2, 3]:
        return None
    keeps = node.attributes.get_int("keepdims", 1)
    if not keeps and aligned(given.channels, size) != given.channels:
        return None
    assert node.graph is not None
    place = Place(node.graph, node, node)
    value = place.node(DOMAIN, "GlobalAveragePool", [given.value], [])
    blocked = Blocked(value, given.channels, (given.extents[0], 1, 1))
    describe(value, blocked, size)
    if keeps:
        return blocked
    flat = place.node("", "Flatten", [value], [ir.AttrInt64("axis", 1)])
    flat.type, flat.shape = node.outputs[0].type, node.outputs[0].shape
    return flat


def fuse_activation(node: ir.Node, given: Blocked) -> bool:
    """Let the convolution that made `given` apply the activation `node`, which alone reads it."""
    maker = given.value.producer()
    assert maker is not None
    parameters: list[float] = []
    match node.op_type:
        case "LeakyRelu":
            parameters = [node.attributes.get_float("alpha", 0.01)]
        case "HardSigmoid":
            parameters = [node.attributes.get_float("alpha", 0.2), node.attributes.get_float("beta", 0.5)]
        case "Clip":
            bounds = [constant_of(value) for value in node.inputs[1:]]
            if len(bounds) != 2 or any(bound is None for bound in bounds):
                return False
            parameters = [float(bound) for bound in bounds if bound is not None]
    maker.attributes["activation"] = ir.AttrString("activation", node.op_type)
    if parameters:
        maker.attributes["activation_params"] = ir.AttrFloat32s("activation_params", parameters)
    return True


def has_sum(given: Blocked) -> bool:
    """Whether the convolution that made `given` adds something to its result."""
    maker = given.value.producer()
    return maker is not None and len(maker.inputs) > 3 and maker.inputs[3] is not None


def fuse_sum(node: ir.Node, conv: Blocked, other: Blocked) -> None:
    """Let the convolution that made `conv`, which `node` alone reads, add `other` to its result."""
    maker = conv.value.producer()
    assert maker is not None
    assert node.graph is not None
    inputs = [*maker.inputs, None][:3]
    maker.resize_inputs(4)
    for index, value in enumerate([*inputs, *([None] * (3 - len(inputs))), other.value]):
        maker.replace_input_with(index, value)
    node.graph.remove(maker)
    node.graph.insert_before(node, maker)  # `other` is there by now


def same_extents(first: Blocked, second: Blocked) -> bool:
    """Whether two tensors are sure to have one shape."""
    return first.channels == second.channels and first.extents == second.extents


def _unary(node: ir.Node, given: Blocked, size: int) -> Blocked:
    return _made(node, "", [given.value, *node.inputs[1:]], given.channels, given.extents, size)


def _binary(node: ir.Node, twins: Twins, size: int) -> Blocked | None:
    first, second = (twins.get(value) if value is not None else None for value in node.inputs)
    if first is not None and second is not None:
        if not same_extents(first, second) or (first.is_copy and second.is_copy):
            return None
        return _made(node, "", [first.value, second.value], first.channels, first.extents, size)
    for place, one in enumerate((first, second)):
        other = constant_of(node.inputs[1 - place])
        if one is None or one.is_copy or other is None or other.size != 1 or other.ndim > 4:
            continue
        if np.isfinite(other).all():  # an infinity makes NaN of the zeros of channels that are not there
            inputs = list(node.inputs)
            inputs[place] = one.value
            return _made(node, "", inputs, one.channels, one.extents, size)
    return None


def _concat(node: ir.Node, twins: Twins, size: int) -> Blocked | None:
    """Blocks stand one behind the other where each tensor but the last fills its own."""
    given = [twins.get(value) if value is not None else None for value in node.inputs]
    found = [each for each in given if each is not None]
    if len(found) < len(given) or all(each.is_copy for each in found):
        return None
    if any(each.channels % size for each in found) or any(each.extents != found[0].extents for each in found):
        return None
    channels = sum(each.channels for each in found)
    return _made(node, "", [each.value for each in found], channels, found[0].extents, size)


def _made(
    node: ir.Node, domain: str, inputs: list[ir.Value | None], channels: int, extents: tuple[object, ...], size: int
) -> Blocked:
    """The result of the operator of `node`, of the same attributes, on other inputs."""
    assert node.graph is not None
    value = Place(node.graph, node, node).node(domain, node.op_type, inputs, list(node.attributes.values()))
    batch, height, width = extents
    blocked = Blocked(value, channels, (batch, height, width))
    describe(value, blocked, size)
    return blocked
