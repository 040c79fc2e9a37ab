"""Runs a network in float64, to tell how far rounding alone moves its outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from adaptc.compiler.verify.margins import tensors_in

_WIDER = {
    torch.float32: torch.float64,
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.complex64: torch.complex128,
}
_CASTS: Mapping[Any, Any] = {
    torch.Tensor.float: torch.Tensor.double,
    torch.Tensor.half: torch.Tensor.double,
    torch.Tensor.bfloat16: torch.Tensor.double,
}
_STEPS = frozenset({"round", "floor", "ceil", "trunc", "fix", "sign", "sgn", "heaviside", "floor_divide", "floordiv"})
"""Functions whose float results jump: those of two runs are the same, or the runs cannot be compared."""


class Choices(TorchFunctionMode):
    """Records what tensor code chooses: all results that are no floats, and those of functions that jump.

    Runs with the same `choices` differ by rounding alone. `largest` is the greatest finite number in any tensor.
    """

    def __init__(self) -> None:
        super().__init__()
        self.choices: list[object] = []
        self.largest = 0.0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        with torch._C.DisableTorchFunction(), torch.no_grad():
            self.largest = max([self.largest, *map(_largest, tensors_in((args, result)))])
            for tensor in tensors_in(result):
                self._note(tensor, getattr(func, "__name__", "").strip("_") in _STEPS)
        return result

    def _note(self, tensor: torch.Tensor, jumps: bool) -> None:
        if tensor.is_floating_point() or tensor.is_complex():
            if not jumps:
                return
            tensor = tensor.double()
        self.choices.append((tuple(tensor.shape), hash(tensor.cpu().contiguous().numpy().tobytes())))


class Doubling(Choices):
    """Lets the network compute in float64 where it asks for a narrower dtype; `change` is made to what each call
    computes, as rounding would."""

    def __init__(self, change: Callable[[torch.Tensor], torch.Tensor] | None = None) -> None:
        super().__init__()
        self._change = change

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        args = tuple(_wider(arg) for arg in args)
        kwargs = {name: _wider(value) for name, value in (kwargs or {}).items()}
        result = super().__torch_function__(_CASTS.get(func, func), types, args, kwargs)
        change = self._change
        if change is None:
            return result
        with torch._C.DisableTorchFunction():
            shared = {_memory(tensor) for tensor in tensors_in((args, list(kwargs.values())))}

            def changed(leaf: Any) -> Any:
                return change(leaf) if isinstance(leaf, torch.Tensor) and _memory(leaf) not in shared else leaf

            return tree_map(changed, result)


@contextmanager
def float64_default() -> Iterator[None]:
    """Tensors of Python floats are float64 inside."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def double(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor in float64 or complex128, if it holds floats."""
    return tensor.detach().to(_WIDER.get(tensor.dtype, tensor.dtype))


def mapped(model: nn.Module, change: Callable[[torch.Tensor], torch.Tensor]) -> nn.Module:
    """`model` with `change` applied to its parameters, buffers and attributes that are tensors, in place."""
    with torch.no_grad():
        model._apply(change)  # type: ignore[no-untyped-call]
        for module in model.modules():
            for name, held in list(module.__dict__.items()):
                if isinstance(held, torch.Tensor):
                    module.__dict__[name] = change(held)
    return model


def disturb(generator: torch.Generator, unit: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """What moves each float of a tensor up or down by the part `unit` of it, at random."""

    def disturbed(tensor: torch.Tensor) -> torch.Tensor:
        if not (tensor.is_floating_point() or tensor.is_complex()):
            return tensor
        signs = torch.randint(0, 2, tensor.shape, generator=generator) * 2 - 1
        return tensor.detach() * (1 + unit * signs.to(tensor.device))

    return disturbed


def _largest(tensor: torch.Tensor) -> float:
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return 0.0
    return float(tensor.abs().nan_to_num(0, 0, 0).max())


def _memory(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _wider(value: Any) -> Any:
    return _WIDER.get(value, value) if isinstance(value, torch.dtype) else value
