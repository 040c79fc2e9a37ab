"""Searches for inputs that take a path which cannot be forced: one that hangs on a size that the data decides."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch

from adaptc.compiler.signature import Bound
from adaptc.compiler.verify.inputs import InputSet, with_tensors
from adaptc.compiler.verify.paths import Path, edge_indices
from adaptc.compiler.verify.runs import Caller, by_name
from adaptc.compiler.verify.solve import values_of

_TRIES = 150
"""Inputs tried for one path."""
_SECONDS = 20.0
"""For all paths together; only a slow network comes near."""

Change = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


class Search:
    """Makes inputs out of `sources`, scaled, shifted, reordered and filled, the same ones for a seed."""

    def __init__(self, caller: Caller, bound: Bound, sources: Sequence[InputSet], seed: int) -> None:
        self._caller = caller
        self._bound = bound
        self._sources = sources
        self._seed = seed
        self._until = time.monotonic() + _SECONDS

    def inputs_for(self, path: Path, name: str) -> Iterator[InputSet]:
        """Inputs on which the compiled network takes `path`, with those of its reads forced that can be."""
        generator = torch.Generator().manual_seed(self._seed)
        forced = by_name([(read.variable.name, v) for read, v in zip(path.reads, path.forced(values_of(path.facts)))])
        for number in range(_TRIES):
            if time.monotonic() > self._until:
                return
            source = self._sources[number % len(self._sources)]
            tensors = [_changed(tensor, generator) for tensor in source.tensors.values()]
            inputs = with_tensors(f"inputs found by search for {name}", self._bound, tensors)
            trace = self._caller.run(inputs, forced)
            if not isinstance(trace, Exception) and tuple(trace.path) == path.blocks:
                taken = edge_indices(self._caller.program, trace.path, [way for _, way in trace.decisions])
                if tuple(taken) == path.key[1]:
                    yield inputs


def _changed(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """`tensor`, or what one to three changes make of it; the dtype and shape are kept."""
    if tensor.numel() == 0:
        return tensor
    changes = _ANY if tensor.dtype == torch.bool or tensor.is_complex() else {**_ANY, **_NUMBERS}
    names = list(changes)
    changed = tensor
    for _ in range(int(torch.randint(0, 4, (), generator=generator))):
        changed = changes[names[int(torch.randint(len(names), (), generator=generator))]](changed, generator)
    if not tensor.is_floating_point() and tensor.dtype != torch.bool and not tensor.is_complex():
        changed = changed.clamp(tensor.min(), tensor.max())  # an index of more might not exist
    return changed.to(tensor.dtype)


def _uniform(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator))


def _scale(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return tensor * 10 ** (4 * _uniform(generator) - 2)


def _shift(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    spread = float(tensor.double().abs().nan_to_num(0, 0, 0).max()) or 1.0
    return tensor + (4 * _uniform(generator) - 2) * spread


def _clip(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    limit = tensor.flatten()[int(torch.randint(tensor.numel(), (), generator=generator))]
    return torch.minimum(tensor, limit) if _uniform(generator) < 0.5 else torch.maximum(tensor, limit)


def _fill(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One element everywhere, or in a part of the places."""
    value = tensor.flatten()[int(torch.randint(tensor.numel(), (), generator=generator))]
    return torch.where(torch.rand(tensor.shape, generator=generator) < 2 * _uniform(generator), value, tensor)


def _reorder(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return tensor.flatten()[torch.randperm(tensor.numel(), generator=generator)].reshape(tensor.shape)


_ANY: Mapping[str, Change] = {"fill": _fill, "reorder": _reorder}
_NUMBERS: Mapping[str, Change] = {
    "scale": _scale,
    "shift": _shift,
    "clip": _clip,
    "negate": lambda tensor, _: -tensor,
    "sort": lambda tensor, _: tensor.sort(-1).values if tensor.dim() else tensor,
}
