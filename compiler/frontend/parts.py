"""Parts of tensors at places that depend on data: in eager PyTorch views, in the compiled network copies.

A part belongs to the memory of the tensor that it is a part of, and is taken again where that has changed. Where the
part changes in place, it is put back. A part that cannot be put back must not change, nor what it is a part of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.errors import Problem
from adaptc.compiler.frontend.memory import Memory
from adaptc.compiler.frontend.signals import JoinSite

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Placed:
    """A part of `base` at `index`: numbers, slices, and tensors of one number."""

    base: torch.Tensor
    index: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A copy of a part of `base`: why `base` must not change in place, before it was taken and since."""

    base: Memory
    before: JoinSite | Problem | None
    since: Problem


def part_at(
    tensor: torch.Tensor, dims: tuple[int, ...], places: tuple[torch.Tensor, ...], index: tuple[Any, ...]
) -> torch.Tensor:
    """A copy of ``tensor[index]``, whose number for each of `dims`, which is 0 there, is the element of a tensor."""
    for dim, place in zip(dims, places, strict=True):
        tensor = tensor.index_select(dim, place.reshape(1))
    return tensor[index]


def taken(recorder: Recorder, base: torch.Tensor, part: torch.Tensor) -> None:
    """Note that `part` is a copy of a part of `base`: neither must change in place from now on."""
    problem = recorder.problem(
        "a part of a tensor at a place that depends on data, and a later change of the tensor or the part in place",
        "in eager PyTorch the two share their memory, in the compiled network the part is a copy",
        "change neither in place, or take the part with torch.index_select",
    )
    memory, entangled = recorder.memories.of(base), recorder.held.entangled
    recorder.parts[id(part)] = Part(memory, entangled.get(memory), problem)
    entangled[memory] = entangled[recorder.memories.of(part)] = problem


def put_back(recorder: Recorder, part: torch.Tensor) -> bool:
    """Whether `part` is such a copy, which the next instruction puts back where it was: then the tensor may change
    again, as it could before."""
    found, entangled = recorder.parts.get(id(part)), recorder.held.entangled
    if isinstance(found, Placed):
        return True
    if found is None or entangled.get(found.base) is not found.since:
        return False
    entangled.pop(recorder.memories.of(part), None)
    if found.before is None:
        del entangled[found.base]
    else:
        entangled[found.base] = found.before
    return True
