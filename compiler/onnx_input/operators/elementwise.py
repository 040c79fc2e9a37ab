"""Operators that compute each element of their result from one element of each input."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from adaptc.compiler.onnx_input.registry import operator


def _unary(function: Callable[..., Any]) -> Callable[[Tensor], Tensor]:
    def compute(x: Tensor) -> Tensor:
        result: Tensor = function(x)
        return result

    return compute


def _binary(function: Callable[..., Any]) -> Callable[[Tensor, Tensor], Tensor]:
    def compute(a: Tensor, b: Tensor) -> Tensor:
        result: Tensor = function(a, b)
        return result

    return compute


_ONE: dict[str, Callable[..., Any]] = {
    "Abs": torch.abs,
    "Acos": torch.acos,
    "Acosh": torch.acosh,
    "Asin": torch.asin,
    "Asinh": torch.asinh,
    "Atan": torch.atan,
    "Atanh": torch.atanh,
    "BitwiseNot": torch.bitwise_not,
    "Ceil": torch.ceil,
    "Cos": torch.cos,
    "Cosh": torch.cosh,
    "Erf": torch.erf,
    "Exp": torch.exp,
    "Floor": torch.floor,
    "HardSwish": lambda x: x * torch.clamp(x / 6 + 0.5, 0, 1),
    "IsNaN": torch.isnan,
    "Log": torch.log,
    "Mish": functional.mish,
    "Neg": torch.neg,
    "Not": torch.logical_not,
    "Reciprocal": torch.reciprocal,
    "Relu": torch.relu,
    "Round": torch.round,
    "Sigmoid": torch.sigmoid,
    "Sign": torch.sign,
    "Sin": torch.sin,
    "Sinh": torch.sinh,
    "Softplus": functional.softplus,
    "Softsign": functional.softsign,
    "Sqrt": torch.sqrt,
    "Tan": torch.tan,
    "Tanh": torch.tanh,
}
_TWO: dict[str, Callable[..., Any]] = {
    "Add": torch.add,
    "And": torch.logical_and,
    "BitwiseAnd": torch.bitwise_and,
    "BitwiseOr": torch.bitwise_or,
    "BitwiseXor": torch.bitwise_xor,
    "Equal": torch.eq,
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "Mul": torch.mul,
    "Or": torch.logical_or,
    "Sub": torch.sub,
    "Xor": torch.logical_xor,
}

for _name, _function in _ONE.items():
    operator(_name)(_unary(_function))

for _name, _pair in _TWO.items():
    # before 7 these have an attribute of their own for broadcasting
    operator(_name, 7)(_binary(_pair))


@operator("Div", 7)
def div(a: Tensor, b: Tensor) -> Tensor:
    """Integers are divided towards zero."""
    if a.is_floating_point():
        return torch.div(a, b)
    return torch.div(a, b, rounding_mode="trunc")


@operator("Mod", 10)
def mod(a: Tensor, b: Tensor, *, fmod: int = 0) -> Tensor:
    """The remainder has the sign of the divisor, with `fmod` that of the dividend."""
    return torch.fmod(a, b) if fmod else torch.remainder(a, b)


@operator("Pow", 7)
def power(base: Tensor, exponent: Tensor) -> Tensor:
    """The result has the type of the base."""
    if base.is_floating_point():
        return torch.pow(base, exponent.to(base.dtype))
    if exponent.is_floating_point():
        return torch.pow(base.to(torch.float64), exponent.to(torch.float64)).to(base.dtype)
    return torch.pow(base, exponent.to(base.dtype))


def _all(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def compute(*inputs: Tensor) -> Tensor:
        return functools.reduce(function, inputs)

    return compute


operator("Max", 8)(_all(torch.maximum))
operator("Min", 8)(_all(torch.minimum))
operator("Sum", 8)(_all(torch.add))


@operator("Mean", 8)
def mean(*inputs: Tensor) -> Tensor:
    """The mean of the inputs."""
    return functools.reduce(torch.add, inputs) / len(inputs)


@operator("Where", 9)
def where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """`x` where the condition holds."""
    return torch.where(condition, x, y)


@operator("BitShift", 11)
def bit_shift(x: Tensor, by: Tensor, *, direction: str) -> Tensor:
    """A shift by as many bits as the type has, or more, leaves the sign to the right and else nothing."""
    bits = torch.iinfo(x.dtype).bits
    less = by.clamp(max=bits - 1)
    if direction == "RIGHT" and x.dtype != torch.uint8:
        return torch.bitwise_right_shift(x, less)
    shifted = torch.bitwise_left_shift if direction == "LEFT" else torch.bitwise_right_shift
    return torch.where(by < bits, shifted(x, less), torch.zeros((), dtype=x.dtype))


@operator("Identity")
def identity(x: Tensor) -> Tensor:
    """`x`."""
    return x


@operator("IsInf", 10)
def is_inf(x: Tensor, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensor:
    """Which elements are infinite, of the signs asked for."""
    if detect_negative and detect_positive:
        return torch.isinf(x)
    if not detect_negative and not detect_positive:
        return torch.zeros_like(x, dtype=torch.bool)
    return torch.isposinf(x) if detect_positive else torch.isneginf(x)


@operator("Clip", 11)
def clip(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    """`x` within bounds, each of which may be left out; above `high` where the bounds cross."""
    if low is not None:
        x = torch.maximum(x, low.reshape(()))
    return x if high is None else torch.minimum(x, high.reshape(()))


@operator("Clip", 6)
def clip_6(x: Tensor, *, min: float = -math.inf, max: float = math.inf) -> Tensor:
    """`x` within bounds."""
    return torch.clamp(x, min, max)


@operator("PRelu", 7)
def prelu(x: Tensor, slope: Tensor) -> Tensor:
    """Below zero multiplied by a slope, which is broadcast to `x`."""
    return torch.where(x < 0, x * slope, x)


@operator("LeakyRelu", 6)
def leaky_relu(x: Tensor, *, alpha: float = 0.01) -> Tensor:
    """`functional.leaky_relu`."""
    return functional.leaky_relu(x, alpha)


@operator("Elu", 6)
def elu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """`functional.elu`."""
    return functional.elu(x, alpha)


@operator("Celu", 12)
def celu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """`functional.celu`."""
    return functional.celu(x, alpha)


@operator("Selu", 6)
def selu(x: Tensor, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875) -> Tensor:
    """`functional.elu`, scaled."""
    return functional.elu(x, alpha) * gamma


@operator("Gelu", 20)
def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    """`functional.gelu`."""
    return functional.gelu(x, approximate=approximate)


@operator("HardSigmoid", 6)
def hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    """A line cut off at 0 and 1."""
    return torch.clamp(x * alpha + beta, 0, 1)


@operator("ThresholdedRelu", 10)
def thresholded_relu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """`x` where it is above `alpha`, else 0."""
    return torch.where(x > alpha, x, torch.zeros((), dtype=x.dtype))


@operator("Shrink", 9)
def shrink(x: Tensor, *, bias: float = 0.0, lambd: float = 0.5) -> Tensor:
    """Moved towards zero by `bias` outside of [-lambd, lambd], zero inside."""
    zero = torch.zeros((), dtype=x.dtype)
    moved = torch.where(x < -lambd, x + bias, torch.where(x > lambd, x - bias, zero))
    return moved.to(x.dtype)


@operator("Swish", 24)
def swish(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """`x` times its sigmoid, with `alpha` in that."""
    return x * torch.sigmoid(x * alpha)
