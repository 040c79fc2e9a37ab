"""Group normalisation over InstanceNormalization: GroupNormalization is 29 kernels in ONNX Runtime 1.32."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch._ops import OpOverload

from adaptc.compiler.backends.onnx.translations.tools import constant, ints, op


def table() -> dict[OpOverload, Callable[..., Any]]:
    """Translations by ATen overload."""
    return {torch.ops.aten.group_norm.default: group_norm}


def group_norm(
    input: Any,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Any:
    """Normalise [batch, channels, ...] over each of `num_groups` groups of channels."""
    del cudnn_enabled
    dtype = input.dtype.numpy()
    ones = constant(np.ones(num_groups, dtype))
    zeros = constant(np.zeros(num_groups, dtype))
    # -1 would stand for any number where there are no rows
    extents = [input.shape[axis] for axis in range(1, len(input.shape))]
    known = all(isinstance(extent, int) for extent in extents)
    grouped = op.Reshape(input, ints(0, num_groups, math.prod(extents) // num_groups if known else -1))
    normal = op.Reshape(op.InstanceNormalization(grouped, ones, zeros, epsilon=eps), op.Shape(input))
    axes = ints(*range(1, len(input.shape) - 1))
    for parameter, combine in ((weight, op.Mul), (bias, op.Add)):
        if parameter is not None:
            spread = op.Unsqueeze(parameter, axes) if len(input.shape) > 2 else parameter
            normal = combine(normal, spread)
    return normal
