"""What tensor code costs, as far as shapes tell, and which operators may run where their result is not needed."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from typing import Any

import torch
from torch import fx
from torch._ops import OpOverload

from adaptc.compiler.ir.program import Code

_PRODUCTS = {"linear": 1, "mm": 1, "addmm": 2, "bmm": 1, "baddbmm": 2, "matmul": 1, "mv": 1, "dot": 1}
"""Products of matrices, by the number of the argument that is multiplied from the right."""

_CONVOLUTIONS = frozenset({"conv1d", "conv2d", "conv3d", "convolution", "conv_transpose1d", "conv_transpose2d"})
_LAYERS = frozenset(
    {
        *_PRODUCTS,
        *_CONVOLUTIONS,
        *("batch_norm", "_native_batch_norm_legit_no_training", "layer_norm", "group_norm", "rms_norm"),
        *("native_layer_norm", "native_group_norm", "softmax", "log_softmax", "_softmax", "_log_softmax"),
        *("max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "max_pool1d", "avg_pool1d", "constant_pad_nd"),
        *("scaled_dot_product_attention", "cat", "stack", "flatten", "lstm", "gru", "linear", "glu", "cumsum"),
        *("zeros", "ones", "full", "zeros_like", "ones_like", "full_like", "arange", "logsumexp", "var", "std"),
    }
)
"""Layers and constants."""

_VIEWS = frozenset(
    {"select", "slice", "view", "reshape", "unsqueeze", "squeeze", "permute", "transpose", "t", "expand", "clone"}
)
_REDUCTIONS = frozenset({"sum", "mean", "amax", "amin", "argmax", "argmin", "max", "min", "any", "all"})
_DIVISIONS = frozenset({"div", "floor_divide", "remainder", "fmod", "true_divide"})
"""A division of integers by zero fails."""


def flops(code: Code) -> int:
    """The floating-point operations of one run, roughly: products count two each, all else one for each element.

    A size that is not known counts as 1.
    """
    return sum(node_flops(node) for node in code.graph.graph.nodes if node.op == "call_function")


def node_flops(node: fx.Node) -> int:
    """The floating-point operations of one call, roughly; views cost none."""
    name = _name(node)
    if name in _VIEWS or node.target is operator.getitem:
        return 0
    elements = sum(_numel(tensor) for tensor in _tensors(node.meta.get("val")))
    if name in _PRODUCTS and len(node.args) > _PRODUCTS[name]:
        right = _value(node.args[_PRODUCTS[name]])
        if isinstance(right, torch.Tensor) and right.dim():
            inner = right.shape[-1] if name == "linear" or right.dim() == 1 else right.shape[-2]
            return 2 * elements * _size(inner)
    if name in _CONVOLUTIONS and len(node.args) > 1:
        weight = _value(node.args[1])
        if isinstance(weight, torch.Tensor):
            return 2 * elements * _numel(weight) // max(1, _size(weight.shape[0]))
    if name == "scaled_dot_product_attention":
        key = _value(node.args[1])
        if isinstance(key, torch.Tensor):
            return 4 * elements * _size(key.shape[-2])
    return elements


def is_harmless(node: fx.Node) -> bool:
    """Whether a call can run where its result is not needed: it draws no random numbers and fails for no values."""
    name = _name(node)
    if node.target is operator.getitem or name in _VIEWS or name in _REDUCTIONS:
        return True
    target = node.target
    return isinstance(target, OpOverload) and torch.Tag.pointwise in target.tags and name not in _DIVISIONS


def cannot_fail(code: Code) -> bool:
    """Whether every call of `code` is harmless, or a layer that fails for no values of its arguments."""
    calls = [node for node in code.graph.graph.nodes if node.op == "call_function"]
    return all(is_harmless(node) or _name(node) in _LAYERS for node in calls)


def is_repeatable(node: fx.Node) -> bool:
    """Whether a call gives the same for the same arguments: one that draws random numbers does not."""
    return not (isinstance(node.target, OpOverload) and torch.Tag.nondeterministic_seeded in node.target.tags)


def _name(node: fx.Node) -> str:
    target = node.target
    return target._schema.name.split("::")[1] if isinstance(target, OpOverload) else ""


def _value(argument: object) -> Any:
    return argument.meta.get("val") if isinstance(argument, fx.Node) else argument


def _tensors(value: object) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors(item)


def _numel(tensor: torch.Tensor) -> int:
    return math.prod(_size(extent) for extent in tensor.shape)


def _size(extent: Any) -> int:
    return extent if isinstance(extent, int) else 1
