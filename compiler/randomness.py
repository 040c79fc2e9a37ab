"""torch's random functions in terms of a few draws, for the compiled network and for the eager one it is compared with.

What is drawn is said by `adaptc.runtime.stream`; what torch makes of its own generators' numbers is made here of these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch.nn import init

from adaptc.runtime.hostprogram import Distribution


class Draw(Protocol):
    """Takes a tensor of random numbers: of which kind (`adaptc.runtime.hostprogram.Distribution`), shape and dtype."""

    def __call__(
        self, kind: Distribution, shape: Sequence[Any], dtype: torch.dtype, least: Any = 0, end: Any = 0
    ) -> torch.Tensor: ...


Drawing = Callable[..., Any]
"""A random function whose first argument is the `Draw` that it draws with."""


def _floats(draw: Draw, kind: Distribution, shape: Sequence[Any], dtype: torch.dtype | None) -> torch.Tensor:
    """Random floats of `dtype`; those that the stream does not have are rounded from float32."""
    wanted = torch.get_default_dtype() if dtype is None else dtype
    drawn = torch.float64 if wanted == torch.float64 else torch.float32
    values = draw(kind, shape, drawn)
    return values if wanted == drawn else values.to(wanted)


def _shape(size: tuple[Any, ...], given: Any) -> Sequence[Any]:
    if given is not None:
        return tuple(given)
    return tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else size


def _filled(kind: Distribution) -> Drawing:
    def filled(draw: Draw, *sizes: Any, size: Any = None, dtype: torch.dtype | None = None, **ignored: Any) -> Any:
        return _floats(draw, kind, _shape(sizes, size), dtype)

    return filled


def _filled_like(kind: Distribution) -> Drawing:
    def filled_like(draw: Draw, input: torch.Tensor, *, dtype: torch.dtype | None = None, **ignored: Any) -> Any:
        return _floats(draw, kind, tuple(input.shape), dtype or input.dtype)

    return filled_like


def _randint(draw: Draw, *given: Any, dtype: torch.dtype | None = None, **named: Any) -> Any:
    numbers = [item for item in given if not isinstance(item, (tuple, list))]
    sizes = [item for item in given if isinstance(item, (tuple, list))]
    size = named["size"] if "size" in named else sizes[0]
    low, high = named.get("low", 0), named.get("high")
    if len(numbers) == 2:
        low, high = numbers
    elif numbers:
        high = numbers[0]
    values = draw("integers", tuple(size), torch.int64, low, high)
    return values if dtype in (None, torch.int64) else values.to(dtype)


def _randint_like(draw: Draw, input: torch.Tensor, *ends: Any, dtype: torch.dtype | None = None, **named: Any) -> Any:
    given = [named[name] for name in ("low", "high") if name in named]
    return _randint(draw, *ends, *given, size=tuple(input.shape), dtype=dtype or input.dtype)


def _randperm(draw: Draw, n: Any, *, dtype: torch.dtype | None = None, **ignored: Any) -> Any:
    values = draw("permutation", (n,), torch.int64)
    return values if dtype in (None, torch.int64) else values.to(dtype)


def _bernoulli(draw: Draw, input: torch.Tensor, p: Any = None, **ignored: Any) -> Any:
    likely = input if p is None else p
    return (_floats(draw, "uniform", tuple(input.shape), input.dtype) < likely).to(input.dtype)


def _set_bernoulli(draw: Draw, input: torch.Tensor, p: Any = 0.5, **ignored: Any) -> Any:
    return input.copy_(_floats(draw, "uniform", tuple(input.shape), torch.float32) < p)


def _set_uniform(draw: Draw, input: torch.Tensor, a: Any = 0, b: Any = 1, **named: Any) -> Any:
    low, high = named.get("from", a), named.get("to", b)
    return input.copy_(_floats(draw, "uniform", tuple(input.shape), input.dtype) * (high - low) + low)


def _set_normal(draw: Draw, input: torch.Tensor, mean: Any = 0, std: Any = 1, **ignored: Any) -> Any:
    return input.copy_(_floats(draw, "normal", tuple(input.shape), input.dtype) * std + mean)


def _set_exponential(draw: Draw, input: torch.Tensor, lambd: Any = 1, **ignored: Any) -> Any:
    return input.copy_(_floats(draw, "exponential", tuple(input.shape), input.dtype) / lambd)


@torch.no_grad()
def _initial_uniform(draw: Draw, tensor: torch.Tensor, a: float = 0.0, b: float = 1.0, **ignored: Any) -> Any:
    return _set_uniform(draw, tensor, a, b)


@torch.no_grad()
def _initial_normal(draw: Draw, tensor: torch.Tensor, mean: float = 0.0, std: float = 1.0, **ignored: Any) -> Any:
    return _set_normal(draw, tensor, mean, std)


def _initial_kaiming(
    draw: Draw,
    tensor: torch.Tensor,
    a: float = 0,
    mode: init._FanMode = "fan_in",
    nonlinearity: init._NonlinearityType = "leaky_relu",
    **ignored: Any,
) -> Any:
    bound = init.calculate_gain(nonlinearity, a) * math.sqrt(3 / init._calculate_correct_fan(tensor, mode))
    return _initial_uniform(draw, tensor, -bound, bound)


def _normal(
    draw: Draw, mean: Any, std: Any = 1.0, size: Any = None, *, dtype: torch.dtype | None = None, **ignored: Any
) -> Any:
    if size is None:
        if isinstance(mean, torch.Tensor) and isinstance(std, torch.Tensor):
            size = tuple((mean + std).shape)
        else:
            size = tuple((mean if isinstance(mean, torch.Tensor) else std).shape)
        dtype = (mean if isinstance(mean, torch.Tensor) else std).dtype
    return _floats(draw, "normal", size, dtype) * std + mean


def _multinomial(
    draw: Draw, input: torch.Tensor, num_samples: int, replacement: bool = False, **ignored: Any
) -> torch.Tensor:
    if not replacement or num_samples == 1:
        # the first arrivals of races, in which each competitor is as fast as it is likely
        races = input / _floats(draw, "exponential", tuple(input.shape), input.dtype)
        if num_samples == 1:
            return races.argmax(-1, keepdim=True)
        return races.topk(num_samples, dim=-1).indices
    sums = input.cumsum(-1)
    points = _floats(draw, "uniform", (*input.shape[:-1], num_samples), input.dtype) * sums[..., -1:]
    below = (sums.unsqueeze(-2) <= points.unsqueeze(-1)).sum(-1)
    return below.clamp(max=input.shape[-1] - 1)


def _dropout(
    draw: Draw, input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, **named: Any
) -> torch.Tensor:
    if not named.get("train", training) or p == 0:
        return input
    kept = _floats(draw, "uniform", tuple(input.shape), torch.float32) >= p
    result = input * kept.to(input.dtype) / (1 - p) if p < 1 else input * 0
    return input.copy_(result) if inplace else result


def _feature_dropout(
    draw: Draw, input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> torch.Tensor:
    if not training or p == 0:
        return input
    shape = (*input.shape[:2], *[1] * (input.dim() - 2))
    kept = _floats(draw, "uniform", shape, torch.float32) >= p
    result = input * kept.to(input.dtype) / (1 - p) if p < 1 else input * 0
    return input.copy_(result) if inplace else result


def _gumbel_softmax(
    draw: Draw, logits: torch.Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> torch.Tensor:
    gumbels = -_floats(draw, "exponential", tuple(logits.shape), logits.dtype).log()
    soft = ((logits + gumbels) / tau).softmax(dim)
    if not hard:
        return soft
    chosen = torch.zeros_like(logits).scatter(dim, soft.argmax(dim, keepdim=True), 1.0)
    return chosen - soft + soft


RANDOM: dict[Callable[..., Any], Drawing] = {
    torch.rand: _filled("uniform"),
    torch.randn: _filled("normal"),
    torch.rand_like: _filled_like("uniform"),
    torch.randn_like: _filled_like("normal"),
    torch.randint: _randint,
    torch.randint_like: _randint_like,
    torch.randperm: _randperm,
    torch.bernoulli: _bernoulli,
    torch.Tensor.bernoulli: _bernoulli,
    torch.Tensor.bernoulli_: _set_bernoulli,
    torch.Tensor.uniform_: _set_uniform,
    torch.Tensor.normal_: _set_normal,
    torch.Tensor.exponential_: _set_exponential,
    init.uniform_: _initial_uniform,
    init.normal_: _initial_normal,
    init.kaiming_uniform_: _initial_kaiming,
    torch.normal: _normal,
    torch.multinomial: _multinomial,
    torch.Tensor.multinomial: _multinomial,
    torch.dropout: _dropout,
    F.dropout: _dropout,
    F.dropout2d: _feature_dropout,
    F.dropout3d: _feature_dropout,
    F.gumbel_softmax: _gumbel_softmax,
}
"""torch's functions, each with what it is in terms of draws."""

SWITCHED_OFF = frozenset({torch.dropout, F.dropout, F.dropout2d, F.dropout3d})
"""Those that draw nothing unless they are told that the network is in training."""


def draws_nothing(function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether a call of a random function draws nothing: dropout that is switched off, or has probability 0."""
    if function not in SWITCHED_OFF:
        return False
    named = dict(zip(("input", "p", "training"), args)) | kwargs
    return not named.get("train", named.get("training", True)) or named.get("p", 0.5) == 0
