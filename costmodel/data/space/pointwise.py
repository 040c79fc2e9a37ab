"""Operators that move more than they compute: norms, reductions, element-wise chains, broadcasts."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adaptc.costmodel.data.space.drawing import Draw
from adaptc.costmodel.data.space.registry import Drawn, family

_COST = 30.0
"""What an element takes, in multiply-adds: these operators are bound by memory and by transcendental functions."""


def _shape(draw: Draw, most: int = 4, width: tuple[int, int] = (1, 2048)) -> tuple[int, ...]:
    """A shape of one to `most` axes, of about as many elements as the work allows."""
    last = draw.width(*width)
    rows = draw.within(_COST * last, 1, 4096)
    match draw.log(1, most):
        case 1:
            return (last * min(rows, 64),)
        case 2:
            return (rows, last)
        case 3:
            return (1, rows, last)
        case _:
            side = max(int(rows**0.5), 1)
            return (1, side, max(rows // side, 1), last) if draw.chance(0.5) else (1, last, side, max(rows // side, 1))


class Norms(nn.Module):
    """Layer norm, perhaps of a sum, perhaps followed by a softmax."""

    def __init__(self, width: int, kind: str, affine: bool) -> None:
        super().__init__()
        self.kind = kind
        self.norm = nn.LayerNorm(width, elementwise_affine=affine)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        if self.kind == "add":
            return self.norm(x + residual)
        if self.kind == "softmax":
            return F.softmax(self.norm(x), dim=-1) * residual
        return self.norm(x) + self.norm(residual)


class Along(nn.Module):
    """Softmax or a norm along an axis."""

    def __init__(self, function: str, axis: int) -> None:
        super().__init__()
        self.function, self.axis = function, axis

    def forward(self, x: Tensor) -> Tensor:
        match self.function:
            case "softmax":
                return F.softmax(x, dim=self.axis)
            case "log_softmax":
                return F.log_softmax(x, dim=self.axis)
            case "normalize":
                return F.normalize(x, dim=self.axis)
            case "rms":
                return x * torch.rsqrt(x.pow(2).mean(self.axis, keepdim=True) + 1e-6)
            case "centre":
                return x - x.mean(dim=self.axis, keepdim=True)
            case _:
                mean, variance = x.mean(self.axis, keepdim=True), x.var(self.axis, keepdim=True, unbiased=False)
                return (x - mean) / torch.sqrt(variance + 1e-5)


@family("norm", "layer norms, softmax and norms along any axis")
def norm(draw: Draw) -> Drawn:
    shape = _shape(draw, width=(4, 2048))
    kind = draw.pick("layer", "layer", "pair", "along", "along")
    if kind == "layer":
        layers = [nn.LayerNorm(shape[-1], elementwise_affine=draw.chance(0.8))]
        return nn.Sequential(*layers, *([draw.activation()] if draw.chance(0.3) else [])), (torch.randn(*shape),)
    if kind == "pair":
        module = Norms(shape[-1], draw.pick("add", "softmax", "both"), draw.chance(0.8))
        return module, (torch.randn(*shape), torch.randn(*shape))
    function = draw.pick("softmax", "softmax", "log_softmax", "normalize", "rms", "centre", "standard")
    return Along(function, draw.pick(-1, -1, *range(len(shape)))), (torch.randn(*shape),)


class Reduce(nn.Module):
    """Reductions of one tensor, chained with little else."""

    def __init__(self, functions: list[str], axes: list[int | tuple[int, ...]], keepdim: bool) -> None:
        super().__init__()
        self.functions, self.axes, self.keepdim = functions, axes, keepdim

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.reduced(x, function, axis) for function, axis in zip(self.functions, self.axes))

    def reduced(self, x: Tensor, function: str, axis: int | tuple[int, ...]) -> Tensor:
        keep = self.keepdim
        last = axis if isinstance(axis, int) else axis[-1]
        match function:
            case "sum":
                return x.sum(dim=axis, keepdim=keep)
            case "mean":
                return x.mean(dim=axis, keepdim=keep)
            case "amax":
                return x.amax(dim=axis, keepdim=keep)
            case "amin":
                return x.amin(dim=axis, keepdim=keep)
            case "argmax":
                return x.argmax(dim=last, keepdim=keep)
            case "max":
                return x.max(dim=last, keepdim=keep).values
            case "any":
                return (x > 2.0).any(dim=last, keepdim=keep)
            case "count":
                return (x > 0).sum(dim=axis, keepdim=keep)
            case "cumsum":
                return x.cumsum(dim=last)
            case "logsumexp":
                return x.logsumexp(dim=axis, keepdim=keep)
            case "norm":
                return x.norm(dim=axis, keepdim=keep)
            case _:
                return (x * x).sum(dim=axis, keepdim=keep).sqrt()


_REDUCTIONS = ("sum", "mean", "amax", "amin", "argmax", "max", "any", "count", "cumsum", "logsumexp", "norm", "squares")


@family("reduction", "one to three reductions of a tensor over any axes")
def reduction(draw: Draw) -> Drawn:
    shape = _shape(draw)
    functions, axes = list[str](), list[int | tuple[int, ...]]()
    for _ in range(draw.pick(1, 1, 2, 3)):
        functions.append(draw.pick(*_REDUCTIONS))
        several = tuple(range(len(shape)))[-2:]
        axes.append(draw.pick(-1, -1, draw.pick(*range(len(shape))), several))
    return Reduce(functions, axes, draw.chance(0.4)), (torch.randn(*shape),)


Unary = Callable[[Tensor], Tensor]
_UNARY: tuple[Unary, ...] = (
    torch.relu,
    torch.exp,
    torch.tanh,
    torch.sigmoid,
    torch.abs,
    torch.neg,
    torch.square,
    F.gelu,
    F.silu,
    F.hardswish,
    F.softplus,
    torch.erf,
    torch.sin,
    torch.floor,
    torch.round,
    torch.sign,
    lambda x: x.clamp(-1.0, 1.0),
    lambda x: (x.abs() + 1e-3).sqrt(),
    lambda x: (x.abs() + 1e-3).log(),
    lambda x: torch.rsqrt(x * x + 1.0),
    lambda x: 1.0 / (x.abs() + 1.0),
    lambda x: x.pow(3),
    lambda x: x * 0.5 + 1.0,
    lambda x: torch.where(x > 0, x, x * 0.1),
    lambda x: x.masked_fill(x < 0, 0.0),
    lambda x: (x > 0.5).float(),
    lambda x: x.to(torch.int64).float(),
    lambda x: F.leaky_relu(x, 0.1),
)
Binary = Callable[[Tensor, Tensor], Tensor]
_BINARY: tuple[Binary, ...] = (
    torch.add,
    torch.add,
    torch.mul,
    torch.mul,
    torch.sub,
    torch.maximum,
    torch.minimum,
    lambda x, y: x / (y.abs() + 1.0),
    lambda x, y: torch.where(x > y, x, y),
    lambda x, y: torch.where(y > 0, x, torch.zeros_like(x)),
    lambda x, y: ((x > 0) & (y > 0)).float(),
    lambda x, y: (x >= y).float() * x,
    lambda x, y: torch.lerp(x, y, 0.3),
    lambda x, y: x + 0.1 * y,
)


class Chain(nn.Module):
    """Functions applied one after another; those of two tensors take the other input too."""

    def __init__(self, steps: list[Unary | Binary], two: list[bool]) -> None:
        super().__init__()
        self.steps, self.two = steps, two

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        for step, two in zip(self.steps, self.two):
            x = step(x, y) if two else step(x)  # type: ignore[call-arg]
        return x


@family("elementwise", "chains of element-wise functions of one and two tensors")
def elementwise(draw: Draw) -> Drawn:
    shape = _shape(draw)
    steps: list[Unary | Binary] = [draw.pick(*_BINARY)]
    two = [True]
    for _ in range(draw.pick(0, 1, 2, 3, 5)):
        paired = draw.chance(0.35)
        steps.insert(0, draw.pick(*_BINARY) if paired else draw.pick(*_UNARY))
        two.insert(0, paired)
    return Chain(steps, two), (torch.randn(*shape), torch.randn(*shape))


@family("broadcast", "functions of tensors of differing shapes: rows, columns, scalars, outer products")
def broadcast(draw: Draw) -> Drawn:
    columns = draw.width(1, 2048)
    rows = draw.within(_COST * columns, 1, 4096)
    many = draw.pick((), (1,), (draw.within(_COST * rows * columns, 1, 16),))
    kinds = {
        "row": ((*many, rows, columns), (columns,)),
        "column": ((*many, rows, columns), (*many, rows, 1)),
        "scalar": ((*many, rows, columns), ()),
        "one": ((*many, rows, columns), (1,)),
        "outer": ((*many, rows, 1), (*many, 1, columns)),
        "first": ((max(many[-1] if many else 1, 2), rows, columns), (rows, columns)),
        "channel": ((1, rows, max(int(columns**0.5), 1), max(int(columns**0.5), 1)), (1, rows, 1, 1)),
        "batch": ((max(many[-1] if many else 1, 2), rows, columns), (max(many[-1] if many else 1, 2), 1, 1)),
    }
    first, second = kinds[draw.pick(*kinds, "column", "column")]
    a, b = torch.randn(first), torch.randn(second)
    steps: list[Unary | Binary] = [draw.pick(*_BINARY[:12])]
    two = [True]
    for _ in range(draw.pick(0, 0, 1, 2)):
        paired = draw.chance(0.5)
        step: Unary | Binary = draw.pick(*_BINARY[:12]) if paired else draw.pick(*_UNARY)
        steps.append(step)
        two.append(paired)
    return Chain(steps, two), ((b, a) if draw.chance(0.3) else (a, b))
