"""How near a decision of the eager network was to going the other way: for decisions made by tensor code.

A gate such as ``if (confidence > 0.5).all()`` reads a bool, from which no distance to the threshold can be
told. So comparisons leave their margin behind, and operations on their results carry it on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

_COMPARISONS = frozenset({"gt", "ge", "lt", "le", "eq", "ne", "greater", "less", "greater_equal", "less_equal"})
_CHOICES = frozenset({"argmax", "argmin", "max", "min", "topk"})
_LARGEST = 1 << 16
_SMALL = 1e-2

Number = bool | int | float


def relative_difference(a: float, b: float) -> float:
    """|a - b| relative to the larger of the two, or to 0.01 where both are smaller; 0 where equal."""
    return 0.0 if a == b else abs(a - b) / max(abs(a), abs(b), _SMALL)


class Margins:
    """The margins of tensors: the least relative change of an operand that could alter a value."""

    def __init__(self) -> None:
        # A tensor is held beside its margin, so that its id is not given to another.
        self._known: dict[int, tuple[torch.Tensor, float]] = {}

    def of(self, tensor: object) -> float | None:
        """The margin of `tensor`, None where it does not come from a comparison or choice."""
        known = self._known.get(id(tensor))
        return None if known is None else known[1]

    def note(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> None:
        """Note the margin of what ``func(*args, **kwargs)`` gave; no torch function mode may be active."""
        name = getattr(func, "__name__", "").strip("_")
        discrete = [t for t in tensors_in(result) if not t.dtype.is_floating_point and not t.dtype.is_complex]
        if not discrete:
            return
        margins = [m for m in map(self.of, tensors_in((args, list(kwargs.values())))) if m is not None]
        if max(t.numel() for t in discrete) > _LARGEST:
            return
        if name in _COMPARISONS and len(args) == 2:
            margins.append(_between(args[0], args[1]))
        elif name in _CHOICES and isinstance(args[0], torch.Tensor):
            margins.append(_between_best(name, args, kwargs))
        for tensor in discrete if margins else []:
            self._known[id(tensor)] = (tensor, min(margins))


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in nested tuples and lists."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)


def _between(a: Any, b: Any) -> float:
    """The least relative difference between elements of two operands; infinite where both are exact."""
    floating = [t for t in (a, b) if isinstance(t, float) or (isinstance(t, torch.Tensor) and t.is_floating_point())]
    if not floating:
        return float("inf")
    a, b = (torch.as_tensor(operand).detach().double() for operand in (a, b))
    if 0 in (a.numel(), b.numel()):
        return float("inf")
    scale = torch.maximum(a.abs(), b.abs()).clamp(min=_SMALL)
    return float(((a - b).abs() / scale).nan_to_num(float("inf")).min())


def _between_best(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> float:
    """The least relative difference between the elements that a choice takes and the next best."""
    tensor = args[0].detach()
    count, dim = 1, kwargs.get("dim", args[1] if len(args) > 1 else None)
    if name == "topk":
        count = kwargs.get("k", args[1] if len(args) > 1 else 1)
        dim = kwargs.get("dim", args[2] if len(args) > 2 else -1)
    if dim is None or tensor.dim() == 0:
        tensor, dim = tensor.flatten(), 0
    if not tensor.is_floating_point() or not 0 < tensor.numel() <= _LARGEST or tensor.shape[dim] < 2:
        return float("inf")
    smallest = name in ("argmin", "min") or kwargs.get("largest") is False
    near = min(count + 1, tensor.shape[dim])
    best = tensor.double().topk(near, dim, largest=not smallest).values.movedim(dim, 0)
    scale = torch.maximum(best[1:].abs(), best[:-1].abs()).clamp(min=_SMALL)
    return float(((best[1:] - best[:-1]).abs() / scale).nan_to_num(float("inf")).min())
