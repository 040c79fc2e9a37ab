"""Torch calls that are not recorded as they are: reads of data, and calls that would bake a value into the graph."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch._subclasses.fake_tensor import unset_fake_temporarily

from adaptc.compiler import randomness
from adaptc.compiler.frontend import (
    arrays,
    assembling,
    data,
    distinct,
    drawing,
    indexing,
    legacy,
    masks,
    segments,
    texts,
    written,
)
from adaptc.compiler.frontend.draft import leaves
from adaptc.compiler.frontend.reasons import NATIVE_LIST
from adaptc.compiler.frontend.signals import NeedsInterpretation, Refused
from adaptc.compiler.frontend.sources import codes_of_frames

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
        if not isinstance(part.shape[0], int):
            return segments.numbers(recorder, part)
        rows = [recorder.record(torch.select, (part, 0, row), {}) for row in range(part.shape[0])]
        return [nested(row) for row in rows]

    varying = [dim for dim, extent in enumerate(tensor.shape) if not isinstance(extent, int)]
    if len(varying) > 1:
        raise Refused(
            recorder.problem(
                "tolist() on a tensor that has more than one dimension whose size depends on data or on the batch",
                "the lists would have lengths that differ from call to call",
                "keep it a tensor",
            )
        )
    if varying:
        codes = codes_of_frames(sys._getframe(1))
        if codes:
            raise NeedsInterpretation(codes, recorder.problem("a list whose length depends on data", *NATIVE_LIST))
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
    if not isinstance(length, int) or not indexing.is_data_index(recorder, start) or indexing.is_size(recorder, start):
        return recorder.record(func, args, kwargs)
    first = recorder.record(assembling.assemble, (start, torch.int64), {})
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
        raise Refused(recorder.problem(f"{getattr(func, '__name__', str(func)).lstrip('_')}()", why, instead))

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
    torch.Tensor.data.__set__: data.set_data,  # type: ignore[attr-defined]
    torch.Tensor.grad.__get__: _no_gradient,  # type: ignore[union-attr]
    torch.Tensor.requires_grad_: _same,
    torch.Tensor.__deepcopy__: _as(torch.clone),
    torch.Tensor.__getitem__: indexing.get_item,
    torch.Tensor.__setitem__: indexing.set_item,
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
    torch.unique_consecutive: distinct.unique_consecutive,
    torch.Tensor.unique_consecutive: distinct.unique_consecutive,
    torch.tensor: assembling.tensor,
    torch.Tensor.new: legacy.new,
    torch.Tensor.type: legacy.converted,
    torch.Tensor.new_tensor: assembling.new_tensor,
    torch.as_tensor: assembling.tensor,
    torch.Tensor.numpy: arrays.of,
    torch._pack_padded_sequence: _refused(
        "a packed sequence has as many rows for each step as there are sequences of that length",
        "give the layer the padded sequence and take output[rows, lengths - 1], which is the same in one direction",
    ),
    torch.Tensor.__array__: _OUTSIDE,
    torch.Tensor.data_ptr: _OUTSIDE,
    torch.Tensor.backward: _GRADIENTS,
    torch.autograd.grad: _GRADIENTS,
    torch.autograd.backward: _GRADIENTS,
}
