"""Tensors made of numbers and of tensors of one element that depend on data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend import arrays
from adaptc.compiler.frontend.draft import leaves
from adaptc.compiler.frontend.symbols import Symbolic

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder


def assemble(data: Any, dtype: torch.dtype | None, device: Any = None) -> torch.Tensor:
    """``torch.tensor`` of nested lists that hold tensors of one element and host scalars; it keeps them as data."""
    if isinstance(data, (list, tuple)):
        parts = [assemble(item, dtype) for item in data]
        if dtype is None and parts:
            common = parts[0].dtype
            for part in parts[1:]:
                common = torch.promote_types(common, part.dtype)
            parts = [part.to(common) for part in parts]
        return torch.stack(parts)
    if isinstance(data, torch.Tensor):
        part = data.reshape(())
    elif isinstance(data, Symbolic):
        part = torch.scalar_tensor(
            data,  # type: ignore[arg-type]
            dtype=torch.get_default_dtype() if isinstance(data, torch.SymFloat) else torch.int64,
        )
        part = part.to(torch.bool) if isinstance(data, torch.SymBool) else part
    else:
        part = torch.tensor(data)
    return part if dtype is None else part.to(dtype)


def tensor(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    data = arrays.plain(args[0] if args else kwargs["data"])
    if isinstance(data, torch.Tensor):
        converted = recorder.fake(data)
        if func is torch.tensor:
            converted = recorder.record(torch.clone, (converted,), {})
        dtype = kwargs.get("dtype")
        return converted if dtype is None else recorder.record(torch.Tensor.to, (converted, dtype), {})
    if any(isinstance(leaf, (torch.Tensor, *Symbolic)) for leaf in leaves(data)):
        return recorder.record(assemble, (data, kwargs.get("dtype"), kwargs.get("device")), {})
    return recorder.record(func, args, kwargs)


def new_tensor(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    dtype = kwargs.get("dtype") or args[0].dtype
    return tensor(recorder, torch.tensor, args[1:], {**kwargs, "dtype": dtype})
