"""Torch calls that are not recorded as they are: reads of data, and calls that would bake a value into the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend.draft import leaves
from adaptc.compiler.frontend.signals import Refused
from adaptc.compiler.frontend.symbols import Symbolic

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder

Rewrite = Callable[["Recorder", Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


def _item(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return recorder.read(args[0])


def _truth(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    constant = getattr(recorder.fake(args[0]), "constant", None)
    if constant is not None:
        return func(constant)
    return recorder.needs_truth(f"a tensor's {func.__name__.strip('_')} value")


def nonzero(recorder: Recorder, tensor: torch.Tensor) -> Any:
    """The truth of a tensor of one element: a bool, or a symbolic one."""
    scalar = recorder.read(tensor)
    return scalar if isinstance(scalar, (bool, torch.SymBool)) else scalar != 0


def _is_nonzero(recorder: Recorder, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    return nonzero(recorder, args[0])


def _tolist(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor = recorder.fake(args[0])

    def nested(part: torch.Tensor) -> Any:
        if part.dim() == 0:
            return recorder.read(part)
        if not isinstance(part.shape[0], int):
            raise Refused(
                recorder.problem(
                    "tolist() on a tensor whose length depends on data or on the batch",
                    "the list would have a length that differs from call to call",
                    "keep it a tensor, or iterate over a fixed number of elements",
                )
            )
        rows = [recorder.record(torch.select, (part, 0, row), {}) for row in range(part.shape[0])]
        return [nested(row) for row in rows]

    return nested(tensor)


def _equal(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    a, b = (recorder.fake(tensor) for tensor in args)
    if a.dim() != b.dim() or any(
        isinstance(m, int) and isinstance(n, int) and m != n for m, n in zip(a.shape, b.shape, strict=False)
    ):
        return False
    return recorder.read(recorder.record(torch.all, (recorder.record(torch.eq, (a, b), {}),), {}))


def _allclose(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    close = recorder.record(torch.isclose, args, kwargs)
    return recorder.read(recorder.record(torch.all, (close,), {}))


def _contains(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return recorder.read(recorder.record(torch.any, (recorder.record(torch.eq, args, {}),), {}))


def _length(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    length = recorder.fake(args[0]).shape[0]
    return length if isinstance(length, int) else recorder.needs_truth("the length of a tensor")


def _text(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return "<tensor>"


def _detach(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return recorder.record(torch.detach, args[:1], {})


def _no_gradient(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return None


def _same(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return recorder.fake(args[0])


def _copy(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return recorder.record(torch.clone, args[:1], {})


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
    else:
        part = torch.tensor(data)
    return part if dtype is None else part.to(dtype)


def _tensor(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    data = args[0] if args else kwargs["data"]
    if isinstance(data, torch.Tensor):
        converted = recorder.fake(data)
        if func is torch.tensor:
            converted = recorder.record(torch.clone, (converted,), {})
        dtype = kwargs.get("dtype")
        return converted if dtype is None else recorder.record(torch.Tensor.to, (converted, dtype), {})
    if any(isinstance(leaf, (torch.Tensor, *Symbolic)) for leaf in leaves(data)):
        return recorder.record(assemble, (data, kwargs.get("dtype"), kwargs.get("device")), {})
    return recorder.record(func, args, kwargs)


def _new_tensor(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    dtype = kwargs.get("dtype") or args[0].dtype
    return _tensor(recorder, torch.tensor, args[1:], {**kwargs, "dtype": dtype})


def _refused(why: str, instead: str) -> Rewrite:
    def refuse(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        raise Refused(recorder.problem(f"{getattr(func, '__name__', func)}()", why, instead))

    return refuse


_OUTSIDE = _refused(
    "it hands the data to code outside torch, which the compiled network does not have",
    "use the torch function of the same meaning",
)
_GRADIENTS = _refused("the compiled network computes no gradients", "remove it from the inference path")
_SEED = _refused("the compiled network has no random numbers", "remove it from the inference path")

REWRITES: dict[Callable[..., Any], Rewrite] = {
    torch.Tensor.item: _item,
    torch.Tensor.__bool__: _truth,
    torch.Tensor.__int__: _truth,
    torch.Tensor.__float__: _truth,
    torch.Tensor.__index__: _truth,
    torch.is_nonzero: _is_nonzero,
    torch.Tensor.is_nonzero: _is_nonzero,
    torch.Tensor.tolist: _tolist,
    torch.equal: _equal,
    torch.Tensor.equal: _equal,
    torch.allclose: _allclose,
    torch.Tensor.allclose: _allclose,
    torch.Tensor.__contains__: _contains,
    torch.Tensor.__len__: _length,
    torch.Tensor.__format__: _text,
    torch.Tensor.__repr__: _text,
    torch.Tensor.data.__get__: _detach,  # type: ignore[attr-defined]
    torch.Tensor.grad.__get__: _no_gradient,  # type: ignore[union-attr]
    torch.Tensor.requires_grad_: _same,
    torch.Tensor.__deepcopy__: _copy,
    torch.tensor: _tensor,
    torch.Tensor.new_tensor: _new_tensor,
    torch.as_tensor: _tensor,
    torch.Tensor.numpy: _OUTSIDE,
    torch.Tensor.__array__: _OUTSIDE,
    torch.Tensor.data_ptr: _OUTSIDE,
    torch.Tensor.backward: _GRADIENTS,
    torch.autograd.grad: _GRADIENTS,
    torch.autograd.backward: _GRADIENTS,
    torch.manual_seed: _SEED,
    torch.seed: _SEED,
}
