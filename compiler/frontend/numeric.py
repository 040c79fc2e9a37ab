"""Functions of numbers that depend on data, which the host computes, counts of known length, and ranks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend import arithmetic, prelude
from adaptc.compiler.frontend.bounds import index_bound
from adaptc.compiler.frontend.interpreted import NATIVE, Special, interpreted
from adaptc.compiler.frontend.symbols import Symbolic

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine


def _scalar(machine: Machine, value: Any) -> Any:
    return machine.recorder.read(value) if isinstance(value, torch.Tensor) else arithmetic.as_number(value)


def of_number(name: str) -> Special:
    def special(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
        given = [_scalar(machine, arg) for arg in args]
        if not any(isinstance(arg, Symbolic) for arg in given) or len(given) != 1:
            return NATIVE
        return machine.let(name, *given)

    return special


def isnan(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    value = _scalar(machine, args[0])
    return machine.let("ne", value, value) if isinstance(value, torch.SymFloat) else NATIVE


def isinf(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    value = _scalar(machine, args[0])
    return machine.let("eq", machine.let("abs", value), math.inf) if isinstance(value, torch.SymFloat) else NATIVE


def isfinite(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    value = _scalar(machine, args[0])
    return machine.let("lt", machine.let("abs", value), math.inf) if isinstance(value, torch.SymFloat) else NATIVE


def bincount(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    given = dict(zip(("input", "weights", "minlength"), args, strict=False), **kwargs)
    length = given.get("minlength", 0)
    if not isinstance(length, int) or length <= 0:
        return NATIVE
    return interpreted(prelude.bincount)(machine, (), given, dst)


def squeeze(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    """A branch for each dimension whose size varies: the rank of the result depends on it."""
    given = dict(zip(("input", "dim"), args, strict=False), **kwargs)
    if not isinstance(given.get("input"), torch.Tensor):
        return NATIVE
    shape = machine.recorder.fake(given["input"]).shape
    dims = given.get("dim", tuple(range(len(shape))))
    dims = dims if isinstance(dims, (tuple, list)) else (dims,)
    if not all(isinstance(dim, int) and -len(shape) <= dim < len(shape) for dim in dims):
        return NATIVE
    if all(isinstance(shape[dim], int) for dim in dims):
        return NATIVE
    last_first = sorted({dim % len(shape) for dim in dims}, reverse=True)
    return interpreted(prelude.squeeze)(machine, (given["input"], last_first), {}, dst)


def indices_below(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    return 0 < index_bound(machine.recorder, args[0]) <= args[1]


def own_number(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    return machine.recorder.read(args[0], own=True)


def counted(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    values, weights, length = args
    if weights is None:
        weights = torch.ones(values.shape, dtype=torch.int64)
    elif weights.dtype != torch.float32:
        weights = weights.to(torch.float64)
    return torch.zeros(length, dtype=weights.dtype).scatter_add(0, values.to(torch.int64), weights)
