"""Operators that make one number of many, along some axes or all."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from adaptc.compiler.onnx_input.registry import operator

_Reduce = Callable[[Tensor, list[int], bool], Tensor]


def _sum(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return torch.sum(x, axes, keepdim=keep, dtype=x.dtype)


def _mean(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    if x.is_floating_point():
        return torch.mean(x, axes, keepdim=keep)
    return torch.div(_sum(x, axes, keep), _count(x, axes), rounding_mode="trunc").to(x.dtype)


def _count(x: Tensor, axes: list[int]) -> Tensor:
    return _sum(torch.ones_like(x), axes, False).reshape(-1)[0]


def _prod(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted(axes, reverse=True):
        x = torch.prod(x, axis, keepdim=keep, dtype=x.dtype)
    return x


def _extreme(function: Callable[..., Tensor], empty: str) -> _Reduce:
    """The greatest or least element; of no elements, the least or greatest number of the type."""

    def reduce(x: Tensor, axes: list[int], keep: bool) -> Tensor:
        if any(isinstance(x.shape[axis], int) and x.shape[axis] == 0 for axis in axes):
            if x.dtype == torch.bool:
                bound: float = empty == "max"
            elif x.is_floating_point():
                bound = float("inf") if empty == "max" else -float("inf")
            else:
                bound = getattr(torch.iinfo(x.dtype), empty)
            shape = [1 if i in axes else size for i, size in enumerate(x.shape) if keep or i not in axes]
            return torch.full(shape, bound, dtype=x.dtype)
        if x.dtype == torch.bool:
            return function(x.to(torch.uint8), axes, keepdim=keep).to(torch.bool)
        return function(x, axes, keepdim=keep)

    return reduce


def _l1(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return _sum(torch.abs(x), axes, keep)


def _sum_square(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return _sum(x * x, axes, keep)


def _l2(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    if x.is_floating_point():
        return torch.sqrt(_sum_square(x, axes, keep))
    return torch.sqrt(_sum_square(x.to(torch.float64), axes, keep)).to(x.dtype)


def _log_sum(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return torch.log(_sum(x, axes, keep))


def _log_sum_exp(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return torch.logsumexp(x, axes, keepdim=keep)


def _axes(x: Tensor, axes: list[int] | None) -> list[int]:
    return list(range(x.dim())) if not axes else sorted({axis % x.dim() for axis in axes})


def _with_attribute(reduce: _Reduce) -> Callable[..., Tensor]:
    def compute(x: Tensor, *, axes: list[int] | None = None, keepdims: int = 1) -> Tensor:
        return x if x.dim() == 0 else reduce(x, _axes(x, axes), bool(keepdims))

    return compute


def _with_input(reduce: _Reduce) -> Callable[..., Tensor]:
    def compute(
        x: Tensor, axes: list[int] | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
    ) -> Tensor:
        if not axes and noop_with_empty_axes:
            # nothing is reduced; what is done to each element is done
            return reduce(x.unsqueeze(0), [0], False)
        if x.dim() == 0:
            return reduce(x.unsqueeze(0), [0], False)
        return reduce(x, _axes(x, axes), bool(keepdims))

    return compute


for _name, _reduce in {
    "ReduceL1": _l1,
    "ReduceL2": _l2,
    "ReduceLogSum": _log_sum,
    "ReduceLogSumExp": _log_sum_exp,
    "ReduceMax": _extreme(torch.amax, "min"),
    "ReduceMean": _mean,
    "ReduceMin": _extreme(torch.amin, "max"),
    "ReduceProd": _prod,
    "ReduceSum": _sum,
    "ReduceSumSquare": _sum_square,
}.items():
    operator(_name)(_with_attribute(_reduce))
    operator(_name, 13 if _name == "ReduceSum" else 18, host={1: "ints"})(_with_input(_reduce))
