"""Torch calls that are not recorded as they are: reads of data, and calls that would bake a value into the graph."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch._subclasses.fake_tensor import unset_fake_temporarily

from adaptc.compiler import randomness
from adaptc.compiler.frontend import drawing, legacy, masks, parts, segments, slices, texts, written
from adaptc.compiler.frontend.draft import leaves
from adaptc.compiler.frontend.reasons import NATIVE_LIST
from adaptc.compiler.frontend.signals import NeedsInterpretation, Refused
from adaptc.compiler.frontend.sources import codes_of_frames
from adaptc.compiler.frontend.symbols import Symbolic

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder

Rewrite = Callable[["Recorder", Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


def _item(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return recorder.read(args[0])


def _truth(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    constant = recorder.constants.find(recorder.fake(args[0]))
    if constant is not None:
        with torch._C.DisableTorchFunction(), unset_fake_temporarily():
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
        rows = [recorder.record(torch.select, (part, 0, row), {}) for row in range(part.shape[0])]
        return [nested(row) for row in rows]

    if any(not isinstance(extent, int) for extent in tensor.shape[1:]):
        raise Refused(
            recorder.problem(
                "tolist() on a tensor whose rows have a length that depends on data or on the batch",
                "the lists would have lengths that differ from call to call",
                "keep it a tensor",
            )
        )
    if tensor.dim() and not isinstance(tensor.shape[0], int):
        codes = codes_of_frames(sys._getframe(1))
        if codes:
            raise NeedsInterpretation(codes, recorder.problem("a list whose length depends on data", *NATIVE_LIST))
        return segments.numbers(recorder, tensor)
    return nested(tensor)


def _unbind(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """As many rows as data or the batch has are one segment of a tuple."""
    given = {**dict(zip(("input", "dim"), args)), **kwargs}
    dim = given.get("dim", 0)
    tensor = recorder.fake(given["input"])
    if isinstance(tensor.shape[dim], int):
        return recorder.record(func, args, kwargs)
    codes = codes_of_frames(sys._getframe(1))
    if codes:
        raise NeedsInterpretation(codes, recorder.problem("a tuple whose length depends on data", *NATIVE_LIST))
    return tuple(segments.rows(recorder, recorder.record(torch.movedim, (tensor, dim, 0), {})))


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


def _format(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A tensor of no dimensions is formatted as its number."""
    tensor, spec = args
    if tensor.dim() or tensor.is_complex():
        return _text(recorder, func, args, kwargs)
    return texts.of_value(recorder.read(tensor), spec)


def _text(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return "<tensor>"


def _as(function: Callable[..., Any]) -> Rewrite:
    """The call of another function with the tensor alone."""

    def rewrite(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return recorder.record(function, args[:1], {})

    return rewrite


def _no_gradient(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return None


def _same(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return recorder.fake(args[0])


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


def _is_data_index(recorder: Recorder, item: Any) -> bool:
    if isinstance(item, torch.SymInt):
        return True
    return (
        isinstance(item, torch.Tensor)
        and item.dim() == 0
        and item.dtype in (torch.int64, torch.int32, torch.int16, torch.int8)
    )


def _is_size(recorder: Recorder, item: Any) -> bool:
    """Whether a number is made of sizes of inputs and of tensors that a loop changes."""
    return isinstance(item, torch.SymInt) and all(s in recorder.dimensions for s in item.node.expr.free_symbols)


def _one_place(recorder: Recorder, items: list[Any]) -> bool:
    """Whether an index is one number among slices."""
    numbers = [item for item in items if type(item) is int or _is_data_index(recorder, item)]
    return len(numbers) == 1 and all(
        isinstance(item, slice) or item is Ellipsis for item in items if item is not numbers[0]
    )


def _set_part(recorder: Recorder, tensor: torch.Tensor, items: list[Any], value: Any) -> None:
    """``x[:, i] = v``: the number becomes an index of one element, and the value gets a dimension for it."""
    position = next(place for place, item in enumerate(items) if _is_data_index(recorder, item))
    behind = items[position + 1 :]
    named = len(items) - sum(item is Ellipsis for item in items)
    dims = recorder.fake(tensor).dim()
    after = dims - 1 - position if Ellipsis not in items[:position] else len(behind)
    if Ellipsis not in items:
        after = len(behind) + dims - named
    place = recorder.record(torch.reshape, (recorder.record(assemble, (items[position], torch.int64), {}), (1,)), {})
    value = _trimmed(recorder, value, dims - 1)
    if isinstance(value, torch.Tensor) and recorder.fake(value).dim() > after:
        value = recorder.record(torch.unsqueeze, (value, -1 - after), {})
    index = (*items[:position], place, *behind)
    recorder.record(torch.Tensor.__setitem__, (tensor, index, value), {})


def _trimmed(recorder: Recorder, value: Any, rank: int) -> Any:
    """What is assigned to a part of `rank` dimensions, without dimensions of one element that come before these."""
    while isinstance(value, torch.Tensor) and recorder.fake(value).dim() > rank and recorder.fake(value).shape[0] == 1:
        value = recorder.record(torch.squeeze, (value, 0), {})
    return value


def _within(index: torch.SymInt, size: Any) -> bool:
    """Whether torch, which computes with examples of sizes, takes `index` for one of a dimension of `size`."""
    example = size if isinstance(size, int) else size.node.hint
    place = index.node.hint
    return example is not None and place is not None and -example <= place < example


def _get_item(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``x[..., i]`` where `i` is one number that depends on data: an index_select, in eager PyTorch a view."""
    tensor, index = args
    items = [_plain(recorder, item) for item in (index if isinstance(index, tuple) else (index,))]
    items = slices.settled(recorder, recorder.fake(tensor).shape, items)
    index = tuple(items) if isinstance(index, tuple) else items[0]
    if any(masks.is_mask(item) for item in items):
        return recorder.record(func, (tensor, masks.with_places(recorder, index)), kwargs)
    positions = [number for number, item in enumerate(items) if _is_data_index(recorder, item)]
    regular = all(item is None or item is Ellipsis or isinstance(item, (int, slice, *Symbolic)) for item in (
        item for number, item in enumerate(items) if number not in positions
    ))  # fmt: skip
    if not positions or not regular or any(isinstance(item, bool) for item in items):
        return recorder.record(func, (tensor, index), kwargs)
    base = recorder.fake(tensor)
    consumed = sum(item is not None and item is not Ellipsis for item in items)
    dim, copied = 0, False
    result = base
    for number, item in enumerate(items):
        if item is Ellipsis:
            dim += base.dim() - consumed
        elif item is not None:
            if number in positions:
                if _is_size(recorder, item) and _within(item, base.shape[dim]):
                    result = recorder.record(torch.select, (result, dim, item), {})
                    result = recorder.record(torch.unsqueeze, (result, dim), {})
                    items[number] = 0
                    dim += 1
                    continue
                copied = True
                where = recorder.record(assemble, (item, torch.int64), {})
                size = base.shape[dim]
                wrapped = recorder.record(
                    torch.where,
                    (recorder.record(torch.lt, (where, 0), {}), recorder.record(torch.add, (where, size), {}), where),
                    {},
                )
                chosen = recorder.record(torch.reshape, (wrapped, (1,)), {})
                result = recorder.record(torch.index_select, (result, dim, chosen), {})
                items[number] = 0
            dim += 1
    result = recorder.record(func, (result, tuple(items)), kwargs)
    if not copied:
        return result
    parts.taken(recorder, base, result)
    return result


def _plain(recorder: Recorder, item: Any) -> Any:
    """A slice with host scalars in place of tensors; a list of numbers that depend on data as a tensor."""
    if isinstance(item, list) and any(isinstance(leaf, (torch.Tensor, *Symbolic)) for leaf in leaves(item)):
        return recorder.record(assemble, (item, None), {})
    if not isinstance(item, slice):
        return item
    bounds = (item.start, item.stop, item.step)
    return slice(*[recorder.read(bound) if isinstance(bound, torch.Tensor) else bound for bound in bounds])


def _set_item(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``x[i, j] = v`` where `i` or `j` is one number that depends on data: an index_put."""
    tensor, index, value = args
    items = [_plain(recorder, item) for item in (index if isinstance(index, tuple) else (index,))]
    items = slices.settled(recorder, recorder.fake(tensor).shape, items)
    if any(masks.is_mask(item) for item in items) and isinstance(value, torch.Tensor) and value.dim():
        index = masks.with_places(recorder, tuple(items))
        return recorder.record(func, (tensor, index, value), kwargs)
    whole = all(type(item) is int or _is_data_index(recorder, item) for item in items)
    if not whole and any(_is_data_index(recorder, item) for item in items) and _one_place(recorder, items):
        return _set_part(recorder, tensor, items, value)
    if not whole or not any(_is_data_index(recorder, item) for item in items):
        return recorder.record(func, (tensor, tuple(items) if isinstance(index, tuple) else items[0], value), kwargs)
    places = tuple([recorder.record(assemble, (item, torch.int64), {}) for item in items])
    dtype = recorder.fake(tensor).dtype
    content = recorder.record(assemble, (value, dtype), {}) if not isinstance(value, torch.Tensor) else value
    content = _trimmed(recorder, content, recorder.fake(tensor).dim() - len(items))
    recorder.record(
        torch.Tensor.index_put_, (tensor, places, recorder.record(torch.Tensor.to, (content, dtype), {})), {}
    )
    return None


def _nonzero(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``nonzero`` and ``where`` of a mask alone."""
    mask, *rest = (*args, *[kwargs[name] for name in ("input", "condition") if name in kwargs])
    mask = recorder.fake(mask)
    if rest and mask.dtype == torch.uint8 and len(args) == 3:
        return recorder.record(func, (masks.as_bool(recorder, mask), *args[1:]), kwargs)
    if rest or not mask.dim() or "out" in kwargs or not set(kwargs) <= {"as_tuple", "input", "condition"}:
        return recorder.record(func, args, kwargs)
    found = masks.places(recorder, mask)
    if func is torch.where or kwargs.get("as_tuple"):
        return tuple([recorder.record(torch.clone, (place,), {}) for place in found])
    return recorder.record(torch.stack, (found, 1), {})


def _masked_select(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if len(args) == 2 and not kwargs and args[0].shape == args[1].shape and args[1].dim():
        return recorder.record(torch.Tensor.__getitem__, (args[0], masks.places(recorder, args[1])), {})
    return recorder.record(func, args, kwargs)


def _narrow(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = dict(zip(("input", "dim", "start", "length"), args, strict=False), **kwargs)
    tensor, dim, start, length = (given[name] for name in ("input", "dim", "start", "length"))
    if not isinstance(length, int) or not _is_data_index(recorder, start) or _is_size(recorder, start):
        return recorder.record(func, args, kwargs)
    first = recorder.record(assemble, (start, torch.int64), {})
    offsets = recorder.record(torch.arange, (length,), {})
    return recorder.record(torch.index_select, (tensor, dim, recorder.record(torch.add, (offsets, first), {})), {})


def _squeeze(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    shape = recorder.fake(args[0]).shape
    dims = args[1:] if len(args) > 1 else kwargs.get("dim", tuple(range(len(shape))))
    flat = [dim for dim in leaves(dims) if isinstance(dim, int)]
    if any(not isinstance(shape[dim], int) for dim in flat if -len(shape) <= dim < len(shape)):
        codes = codes_of_frames(sys._getframe(1))
        problem = recorder.problem(
            f"{func.__name__}() of a dimension whose size varies",
            "whether the dimension is left out depends on its size, and so the rank of the result",
            "name the dimensions to leave out, or use reshape()",
        )
        raise NeedsInterpretation(codes, problem) if codes else Refused(problem)
    return recorder.record(func, args, kwargs)


def _refused(why: str, instead: str) -> Rewrite:
    def refuse(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        raise Refused(recorder.problem(f"{getattr(func, '__name__', func)}()", why, instead))

    return refuse


_OUTSIDE = _refused(
    "it hands the data to code outside torch, which the compiled network does not have",
    "use the torch function of the same meaning",
)
_GRADIENTS = _refused("the compiled network computes no gradients", "remove it from the inference path")


REWRITES: dict[Callable[..., Any], Rewrite] = {
    **written.REWRITES,
    **dict.fromkeys(randomness.RANDOM, drawing.random_function),
    torch.Tensor.item: _item,
    torch.Tensor.__bool__: _truth,
    torch.Tensor.__int__: _truth,
    torch.Tensor.__float__: _truth,
    torch.Tensor.__index__: _truth,
    torch.is_nonzero: _is_nonzero,
    torch.Tensor.is_nonzero: _is_nonzero,
    torch.Tensor.tolist: _tolist,
    torch._is_all_true: _as(torch.all),
    torch.unbind: _unbind,
    torch.Tensor.unbind: _unbind,
    torch.equal: _equal,
    torch.Tensor.equal: _equal,
    torch.allclose: _allclose,
    torch.Tensor.allclose: _allclose,
    torch.Tensor.__contains__: _contains,
    torch.Tensor.__len__: _length,
    torch.Tensor.__format__: _format,
    torch.Tensor.__repr__: _text,
    torch.Tensor.data.__get__: _as(torch.detach),  # type: ignore[attr-defined]
    torch.Tensor.grad.__get__: _no_gradient,  # type: ignore[union-attr]
    torch.Tensor.requires_grad_: _same,
    torch.Tensor.__deepcopy__: _as(torch.clone),
    torch.Tensor.__getitem__: _get_item,
    torch.Tensor.__setitem__: _set_item,
    torch.nonzero: _nonzero,
    torch.Tensor.nonzero: _nonzero,
    torch.where: _nonzero,
    torch.masked_select: _masked_select,
    torch.Tensor.masked_select: _masked_select,
    torch.narrow: _narrow,
    torch.Tensor.narrow: _narrow,
    torch.squeeze: _squeeze,
    torch.Tensor.squeeze: _squeeze,
    torch.Tensor.squeeze_: _squeeze,
    torch.tensor: _tensor,
    torch.Tensor.new: legacy.new,
    torch.Tensor.type: legacy.converted,
    torch.Tensor.new_tensor: _new_tensor,
    torch.as_tensor: _tensor,
    torch.Tensor.numpy: _OUTSIDE,
    torch.Tensor.__array__: _OUTSIDE,
    torch.Tensor.data_ptr: _OUTSIDE,
    torch.Tensor.backward: _GRADIENTS,
    torch.autograd.grad: _GRADIENTS,
    torch.autograd.backward: _GRADIENTS,
}
