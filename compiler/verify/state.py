"""Keeps a network as it was before a call: attributes, buffers and containers that the call changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch import nn

from adaptc.runtime.errors import AdaptcError

Restore = Callable[[], None]

_STATELESS = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)
_LIBRARIES = frozenset({"torch", "builtins", "typing", "re", "logging", "threading", "_thread", "functools"})


@contextmanager
def preserved(model: object) -> Iterator[None]:
    """Undo, at the end, what was done to attributes, buffers and containers of `model` and its submodules.

    Objects keep their identity. Parameters are watched rather than copied: raises AdaptcError where one has
    been changed in place, as it could not be restored.
    """
    restores: list[Restore] = []
    seen: set[int] = set()
    parameters = dict(model.named_parameters()) if isinstance(model, nn.Module) else {}
    versions = {name: parameter._version for name, parameter in parameters.items() if not parameter.is_inference()}
    seen.update(id(parameter) for parameter in parameters.values())
    restores += [partial(_put_back_memory, parameter, parameter.data) for parameter in parameters.values()]
    _remember(model, restores, seen)
    try:
        yield
    finally:
        for restore in reversed(restores):
            restore()
    for name, version in versions.items():
        if parameters[name]._version != version:
            raise AdaptcError(
                f"the network's forward changes its parameter {name!r} in place, so two calls cannot be "
                "compared; compute the new value without changing the parameter, or register a buffer"
            )


def _remember(value: Any, restores: list[Restore], seen: set[int]) -> None:
    """Add to `restores` what puts `value`, and all that it holds, back to its present state."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, torch.Tensor):
        _remember_tensor(value, restores)
    elif isinstance(value, nn.Module):
        _remember_dict(value.__dict__, restores)
        own = [held for name, held in value.__dict__.items() if not name.endswith("_hooks")]
        _remember_all(own, restores, seen)
    elif isinstance(value, dict):
        _remember_dict(value, restores)
        _remember_all(value.values(), restores, seen)
    elif isinstance(value, (list, deque)):
        items = list(value)

        def restore_list() -> None:
            value.clear()
            value.extend(items)

        restores.append(restore_list)
        _remember_all(items, restores, seen)
    elif isinstance(value, set):
        members = set(value)

        def restore_set() -> None:
            value.clear()
            value.update(members)

        restores.append(restore_set)
    elif isinstance(value, tuple):
        _remember_all(value, restores, seen)
    elif _has_state(value):
        _remember(value.__dict__, restores, seen)


def _remember_dict(value: dict[Any, Any], restores: list[Restore]) -> None:
    entries = dict(value)

    def restore_dict() -> None:
        value.clear()
        value.update(entries)

    restores.append(restore_dict)


def _remember_all(values: Any, restores: list[Restore], seen: set[int]) -> None:
    for value in values:
        _remember(value, restores, seen)


def _remember_tensor(tensor: torch.Tensor, restores: list[Restore]) -> None:
    copy, version = tensor.detach().clone(), None if tensor.is_inference() else tensor._version
    data = tensor.data

    def restore_tensor() -> None:
        _put_back_memory(tensor, data)
        if version is None or tensor._version != version:
            with torch.no_grad(), torch.inference_mode(tensor.is_inference()):
                if tensor.shape != copy.shape:
                    tensor.resize_(copy.shape)
                tensor.copy_(copy)

    restores.append(restore_tensor)


def _put_back_memory(tensor: torch.Tensor, data: torch.Tensor) -> None:
    """Give `tensor` back the memory that it had, where ``tensor.data = ...`` gave it another: no version tells."""
    try:
        moved = tensor.untyped_storage()._cdata != data.untyped_storage()._cdata
    except (RuntimeError, NotImplementedError):
        return  # a tensor of a kind that has no memory of its own
    if moved:
        tensor.data = data


def _has_state(value: object) -> bool:
    """Whether `value` is an object of the user's, rather than a class, a function or one of a library's."""
    if isinstance(value, _STATELESS) or not hasattr(value, "__dict__"):
        return False
    return type(value).__module__.partition(".")[0] not in _LIBRARIES
