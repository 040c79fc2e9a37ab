"""Whether two values are one object, where joins have made one tensor of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend.signals import JoinSite, NeedsSplit

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine


def identical(machine: Machine, a: Any, b: Any) -> Any:
    """`a is b`. Raises NeedsSplit where one is made at a join of what may be the other."""
    if isinstance(a, torch.SymBool) and isinstance(b, bool):
        return a if b else torch.sym_not(a)  # type: ignore[no-untyped-call]
    if a is not b and (sites := _sites(machine, a, b)):
        raise NeedsSplit(sites[0], also=sites[1:])
    return a is b


def same_object(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> bool | None:
    """Whether an element of a list is the object that it is compared with; None where only data tells, since a join
    lies between them, or both are rows taken from grown lists. Raises NeedsSplit where data does not tell."""
    item, value = args
    if item is value:
        return True
    if not isinstance(item, torch.Tensor) or not isinstance(value, torch.Tensor):
        return False
    numbers = all(isinstance(extent, int) and extent == 1 for extent in (*item.shape, *value.shape))
    sites = _sites(machine, item, value)
    if sites and not numbers:
        raise NeedsSplit(sites[0], also=sites[1:])
    elements = machine.recorder.elements
    taken = not (elements.isdisjoint(_arms(machine, item)) or elements.isdisjoint(_arms(machine, value)))
    return None if numbers and (sites or taken) else False


def _sites(machine: Machine, a: Any, b: Any) -> tuple[JoinSite, ...]:
    """The joins without which `a` and `b` might be one object."""
    if not isinstance(a, torch.Tensor) or not isinstance(b, torch.Tensor):
        return ()
    ours, theirs = _arms(machine, a), _arms(machine, b)
    return next((sites for tensor in ours if tensor in theirs and (sites := ours[tensor] + theirs[tensor])), ())


def _arms(machine: Machine, tensor: torch.Tensor) -> dict[int, tuple[JoinSite, ...]]:
    """The tensors that `tensor` may be, by identity, each with the joins at which it became one of several."""
    found: dict[int, tuple[JoinSite, ...]] = {}
    pending: list[tuple[torch.Tensor, tuple[JoinSite, ...]]] = [(machine.recorder.real.get(id(tensor), tensor), ())]
    while pending:
        item, sites = pending.pop()
        if id(item) in found:
            continue
        found[id(item)] = sites
        joined = machine.recorder.joined.get(id(item))
        if joined is not None and joined.site is not None:
            pending += [(arm, (*sites, joined.site)) for arm in joined.arms]
    return found
