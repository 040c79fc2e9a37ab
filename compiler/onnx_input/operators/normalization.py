"""Operators that scale by statistics of their input."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from adaptc.compiler.onnx_input.operators.conversion import dtype_of
from adaptc.compiler.onnx_input.registry import Unsupported, operator


def _channels(x: Tensor, vector: Tensor) -> Tensor:
    """A number for each channel, in a shape that broadcasts with `x`."""
    return vector.reshape([-1, *[1] * (x.dim() - 2)])


@operator("BatchNormalization", 7, many=True)
def batch_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    spatial: int = 1,
    training_mode: int = 0,
) -> tuple[Tensor]:
    """With the statistics that training left behind."""
    if training_mode or not spatial:
        raise Unsupported("BatchNormalization in training mode, or with statistics for each place")
    if x.dim() < 2:
        return ((x - mean) * torch.rsqrt(variance + epsilon) * scale + bias,)
    if x.dtype == mean.dtype == scale.dtype:
        return (functional.batch_norm(x, mean, variance, scale, bias, False, 0.0, epsilon),)
    factor = scale * torch.rsqrt(variance + epsilon)
    made = (x.to(mean.dtype) - _channels(x, mean)) * _channels(x, factor).to(mean.dtype) + _channels(x, bias)
    return (made.to(x.dtype),)


@operator("InstanceNormalization", 6)
def instance_normalization(x: Tensor, scale: Tensor, bias: Tensor, *, epsilon: float = 1e-5) -> Tensor:
    """Each channel of each sample by itself."""
    axes = list(range(2, x.dim()))
    mean = x.mean(axes, keepdim=True)
    variance = ((x - mean) ** 2).mean(axes, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + epsilon) * _channels(x, scale) + _channels(x, bias)


@operator("LayerNormalization", 17, many=True)
def layer_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
    outputs: int,
) -> tuple[Tensor, ...]:
    """The dimensions from `axis` on together; also the mean and the inverse deviation."""
    axis = axis % x.dim()
    same = scale.shape == x.shape[axis:] and (bias is None or bias.shape == scale.shape)
    if outputs == 1 and same and x.dtype == dtype_of(stash_type):
        return (functional.layer_norm(x, list(x.shape[axis:]), scale, bias, epsilon),)
    axes = list(range(axis, x.dim()))
    wide = x.to(dtype_of(stash_type))
    mean = wide.mean(axes, keepdim=True)
    inverse = torch.rsqrt(((wide - mean) ** 2).mean(axes, keepdim=True) + epsilon)
    made = ((wide - mean) * inverse).to(x.dtype) * scale
    return (made if bias is None else made + bias), mean, inverse


@operator("RMSNormalization", 23)
def rms_normalization(
    x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    """By the root of the mean square of the dimensions from `axis` on."""
    axes = list(range(axis % x.dim(), x.dim()))
    wide = x.to(dtype_of(stash_type))
    return (wide * torch.rsqrt((wide * wide).mean(axes, keepdim=True) + epsilon)).to(x.dtype) * scale


@operator("GroupNormalization", 18)
def group_normalization(
    x: Tensor, scale: Tensor, bias: Tensor, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1, opset: int
) -> Tensor:
    """Groups of channels together. Up to version 20, scale and bias are numbers for each group."""
    if opset < 21:
        each = x.shape[1] // num_groups
        scale = scale.unsqueeze(1).expand(num_groups, each).reshape(-1)
        bias = bias.unsqueeze(1).expand(num_groups, each).reshape(-1)
    return functional.group_norm(x, num_groups, scale, bias, epsilon)


@operator("MeanVarianceNormalization", 9)
def mean_variance_normalization(x: Tensor, *, axes: list[int] | None = None) -> Tensor:
    """To mean 0 and deviation 1."""
    axes = [0, 2, 3] if axes is None else axes
    mean = x.mean(axes, keepdim=True)
    variance = (x * x).mean(axes, keepdim=True) - mean * mean
    return (x - mean) / (torch.sqrt(variance) + 1e-9)


@operator("LpNormalization")
def lp_normalization(x: Tensor, *, axis: int = -1, p: int = 2) -> Tensor:
    """Divided by the norm along `axis`; zeros stay zeros."""
    total = x.abs().sum(axis, keepdim=True) if p == 1 else torch.sqrt((x * x).sum(axis, keepdim=True))
    return torch.where(total == 0, torch.zeros((), dtype=x.dtype), x / total)


@operator("LRN")
def lrn(x: Tensor, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> Tensor:
    """Divided by a sum of squares over channels nearby."""
    before = (size - 1) // 2
    flat = [0, 0] * (x.dim() - 2) + [before, size - 1 - before]
    squares = functional.pad(x * x, flat)
    channels = x.shape[1]
    total = squares.narrow(1, 0, channels)
    for step in range(1, size):
        total = total + squares.narrow(1, step, channels)
    return x / (bias + alpha / size * total) ** beta


@operator("Softmax", 13)
def softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    """Along one axis."""
    return torch.softmax(x, axis)


@operator("LogSoftmax", 13)
def log_softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    """Along one axis."""
    return torch.log_softmax(x, axis)


@operator("Hardmax", 13)
def hardmax(x: Tensor, *, axis: int = -1) -> Tensor:
    """1 at the first greatest element along an axis, else 0."""
    places = torch.arange(x.shape[axis]).reshape([-1, *[1] * (x.dim() - 1 - axis % x.dim())])
    return (places == torch.argmax(x, axis, keepdim=True)).to(x.dtype)


def _flat(x: Tensor, axis: int) -> Tensor:
    """`x` with the dimensions from `axis` on as one: what these operators meant before version 13."""
    return x.flatten(axis % x.dim()) if x.dim() else x


@operator("Softmax")
def softmax_1(x: Tensor, *, axis: int = 1) -> Tensor:
    """Over all dimensions from `axis` on together."""
    return torch.softmax(_flat(x, axis), -1).reshape(x.shape)


@operator("LogSoftmax")
def log_softmax_1(x: Tensor, *, axis: int = 1) -> Tensor:
    """Over all dimensions from `axis` on together."""
    return torch.log_softmax(_flat(x, axis), -1).reshape(x.shape)


@operator("Hardmax")
def hardmax_1(x: Tensor, *, axis: int = 1) -> Tensor:
    """Over all dimensions from `axis` on together."""
    return hardmax(_flat(x, axis)).reshape(x.shape)
