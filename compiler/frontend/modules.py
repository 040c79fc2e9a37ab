"""Modules that code converts while it runs: ``module.to(dtype)`` in a forward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch._subclasses.fake_tensor import unset_fake_temporarily

from adaptc.compiler.frontend.signals import Refused

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder


@contextmanager
def guarded_conversions(recorder: Recorder) -> Iterator[None]:
    """While it lasts, a conversion that changes nothing is left out, and any other refused."""
    cls: Any = torch.nn.Module
    original = cls._apply

    def apply(module: torch.nn.Module, function: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        tensors = [*module.parameters(recurse), *module.buffers(recurse)]
        with torch._C.DisableTorchFunction(), unset_fake_temporarily():
            changes = any(function(tensor) is not tensor for tensor in tensors)
        if changes:
            raise Refused(
                recorder.problem(
                    f"a {type(module).__name__} is converted to another dtype or device",
                    "the weights of a compiled network are fixed when it is compiled",
                    "convert the module before, or convert its input instead",
                )
            )
        return module

    cls._apply = apply
    try:
        yield
    finally:
        cls._apply = original
