"""Which tensors of an eager run are the same for all inputs.

A test of one, such as ``(halting < 1).any()`` in the first round of a loop, may be decided when the network is
compiled. The program then has no read there, and what it reads later on that line must not be taken for it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef

from adaptc.compiler.verify.flow import SHAPE_ONLY

_SHAPE_LATER = frozenset({"expand_as", "view_as", "reshape_as", "type_as"})
_NAMES = (torch.dtype, torch.device, torch.layout, torch.memory_format)
_CHOOSING = frozenset(
    {"__getitem__", "__setitem__", "select", "narrow", "tensor", "as_tensor", "scalar_tensor", "full", "new_tensor"}
)
"""Calls whose result is chosen, or made, by a number: one that was read from data makes it data."""
_PLAIN = (bool, int, float, complex, str, type(None), type(...), type, *_NAMES)


class Independence:
    """Knows the memory of which it is certain that no input has reached it; of all other there is no telling.

    Memory, as a change through one view shows in the others.
    """

    def __init__(self, model: object) -> None:
        self._known: dict[int, StorageWeakRef] = {}
        self._parts: dict[int, weakref.ref[torch.Tensor]] = {}
        self._numbers: set[bool | int | float] = set()
        if isinstance(model, nn.Module):
            for module in model.modules():
                held = (*module._parameters.values(), *module._buffers.values(), *module.__dict__.values())
                self._add(tensor for tensor in held if isinstance(tensor, torch.Tensor))

    def holds(self, tensor: torch.Tensor) -> bool:
        """Whether `tensor` is certain to be the same for all inputs."""
        part = self._parts.get(id(tensor))
        if part is not None and part() is tensor:
            return False
        storage = _storage(tensor)
        known = self._known.get(storage.cdata) if storage is not None else None
        return known is not None and not known.expired()  # type: ignore[no-untyped-call]

    def read(self, number: bool | int | float) -> None:
        """Note a number that the network has read from data: what is chosen by it differs between inputs."""
        self._numbers.add(number)

    def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Callable[[Any], None]:
        """Look at the arguments of a call that is to be made; what is given back then takes its result."""
        name = getattr(function, "__name__", "")
        leaves = list(_leaves((args, list(kwargs.values()))))
        tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        versions = [(tensor, _version(tensor)) for tensor in tensors]
        ignored: object = None
        if args and (name.startswith(SHAPE_ONLY) or (name in _SHAPE_LATER and len(args) > 1)):
            ignored = args[name in _SHAPE_LATER]
        plain = all(
            leaf is ignored or (self.holds(leaf) if isinstance(leaf, torch.Tensor) else self._fixed(leaf, name))
            for leaf in leaves
        )

        def done(result: Any) -> None:
            if plain:
                self._add(_leaves(result))
            else:
                for tensor, version in versions:
                    if _version(tensor) != version or version is None:
                        self._forget(tensor)
                # a part of a constant that data has chosen lies in the constant's memory
                for part in _leaves(result):
                    if isinstance(part, torch.Tensor) and all(part is not tensor for tensor in tensors):
                        self._parts[id(part)] = weakref.ref(part)

        return done

    def _fixed(self, leaf: Any, function: str) -> bool:
        """Whether an argument that is no tensor is the same for all inputs, as far as that can be told."""
        return isinstance(leaf, _PLAIN) and not (function in _CHOOSING and leaf in self._numbers)

    def _add(self, values: Iterator[Any]) -> None:
        for value in values:
            storage = _storage(value) if isinstance(value, torch.Tensor) else None
            if storage is not None:
                self._known[storage.cdata] = storage

    def _forget(self, tensor: torch.Tensor) -> None:
        storage = _storage(tensor)
        if storage is not None:
            self._known.pop(storage.cdata, None)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, slice):
        value = [value.start, value.stop, value.step]
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _storage(tensor: torch.Tensor) -> StorageWeakRef | None:
    try:
        return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
    except (RuntimeError, NotImplementedError):
        return None  # a tensor of a kind that has no memory of its own


def _version(tensor: torch.Tensor) -> int | None:
    return None if tensor.is_inference() else tensor._version
