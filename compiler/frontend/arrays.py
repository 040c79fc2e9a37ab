"""NumPy arrays of what data decides: what Tensor.numpy() gives, kept a tensor that is read where Python needs numbers.

Only what means the same for an array and for a tensor is known. The numbers of arrays of int64 and float64 are
Python numbers; others stay arrays without dimensions, which compare, compute and overflow in their dtype as NumPy's
do.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch

from adaptc.compiler.frontend import segments
from adaptc.compiler.frontend.reasons import ARRAY, NATIVE_LIST
from adaptc.compiler.frontend.signals import NeedsInterpretation, Refused
from adaptc.compiler.frontend.sources import codes_of_frames
from adaptc.compiler.frontend.symbols import kind_of

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder

_EXACT = frozenset({torch.int64, torch.float64})
_DTYPES: dict[Any, torch.dtype] = {
    int: torch.int64,
    float: torch.float64,
    bool: torch.bool,
    np.int64: torch.int64,
    np.int32: torch.int32,
    np.float32: torch.float32,
    np.float64: torch.float64,
    np.bool_: torch.bool,
}


class HostArray:
    """An array whose numbers data decides. What it has in common with arrays works; the rest raises Refused."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes."""
        return tuple(self.tensor.shape)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.tensor.dim()

    @property
    def size(self) -> Any:
        """The number of elements."""
        return self.tensor.numel()

    @property
    def T(self) -> HostArray:
        """The array with its dimensions in the opposite order."""
        return HostArray(self.tensor.permute(*reversed(range(self.tensor.dim()))))

    def __len__(self) -> int:
        return self.tensor.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return iter(elements(current(), self))

    def __contains__(self, item: Any) -> NoReturn:
        _refuse("a search")

    def __bool__(self) -> NoReturn:
        _refuse("the truth in native code")

    def __str__(self) -> NoReturn:
        _refuse("the text")

    __repr__ = __format__ = __str__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]

    def __getitem__(self, index: Any) -> Any:
        index = tuple([plain(item) for item in index]) if isinstance(index, tuple) else plain(index)
        return wrapped(self.tensor[index])

    def __invert__(self) -> Any:
        return wrapped(~self.tensor)

    def __neg__(self) -> Any:
        return wrapped(-self.tensor)

    def __abs__(self) -> Any:
        return wrapped(abs(self.tensor))

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        _refuse("assignment to an element")

    def cumsum(self, axis: int | None = None) -> HostArray:
        """Running sums."""
        tensor = self.tensor.flatten() if axis is None else self.tensor
        return HostArray(tensor.cumsum(0 if axis is None else axis))

    def sum(self, axis: int | None = None) -> Any:
        """The sum, or sums along a dimension."""
        return wrapped(self.tensor.sum() if axis is None else self.tensor.sum(axis))

    def max(self, axis: int | None = None) -> Any:
        """The greatest number, or those along a dimension."""
        return wrapped(self.tensor.max() if axis is None else self.tensor.amax(axis))

    def min(self, axis: int | None = None) -> Any:
        """The least number, or those along a dimension."""
        return wrapped(self.tensor.min() if axis is None else self.tensor.amin(axis))

    def argmax(self, axis: int | None = None) -> Any:
        """The place of the greatest number, or the places along a dimension."""
        return wrapped(self.tensor.argmax() if axis is None else self.tensor.argmax(axis))

    def argmin(self, axis: int | None = None) -> Any:
        """The place of the least number, or the places along a dimension."""
        return wrapped(self.tensor.argmin() if axis is None else self.tensor.argmin(axis))

    def mean(self, axis: int | None = None) -> Any:
        """The mean, or means along a dimension."""
        tensor = self.tensor if self.tensor.is_floating_point() else self.tensor.to(torch.float64)
        return wrapped(tensor.mean() if axis is None else tensor.mean(axis))

    def any(self) -> Any:
        """Whether a number is not 0."""
        return wrapped(self.tensor.any())

    def all(self) -> Any:
        """Whether no number is 0."""
        return wrapped(self.tensor.all())

    def astype(self, dtype: Any) -> HostArray:
        """The numbers in another dtype."""
        wanted = _DTYPES.get(dtype.type if isinstance(dtype, np.dtype) else dtype)
        if wanted is None:
            _refuse(f"astype({dtype!r})")
        return HostArray(self.tensor.to(wanted))

    def reshape(self, *shape: Any) -> HostArray:
        """The numbers in another shape."""
        return HostArray(self.tensor.reshape(*shape))

    def flatten(self) -> HostArray:
        """The numbers in one dimension."""
        return HostArray(self.tensor.flatten())

    def copy(self) -> HostArray:
        """The same numbers."""
        return HostArray(self.tensor.clone())

    def tolist(self) -> Any:
        """The numbers as Python's, in lists."""
        if not self.tensor.dim():
            return self.item()
        found = elements(current(), self)
        return [item.tolist() if isinstance(item, HostArray) else item for item in found]

    def item(self) -> Any:
        """The only number."""
        return current().read(self.tensor, own=True)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in {"__array__", "__array_interface__", "__array_struct__"}:
            raise AttributeError(name)
        _refuse(f"the attribute {name}")

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse("a NumPy function")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> NoReturn:
        _refuse(f"{ufunc.__name__}()")

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        method = getattr(HostArray, func.__name__, None)
        if not isinstance(method, FunctionType) or not args or not isinstance(args[0], HostArray):
            _refuse(f"{func.__name__}()")
        return method(*args, **kwargs)


def _operation(name: str, *, reflected: bool = False) -> Callable[[HostArray, Any], Any]:
    function: Callable[[Any, Any], Any] = getattr(operator, name)

    def operate(self: HostArray, other: Any) -> Any:
        if isinstance(other, torch.Tensor):
            _refuse(f"an operation ({name}) with a tensor")
        other = plain(other)
        kind, floats = kind_of(other), self.tensor.is_floating_point()
        alike = isinstance(other, torch.Tensor) and other.dtype == self.tensor.dtype
        truths = self.tensor.dtype == torch.bool
        fits = {"int": not truths, "float": floats, "bool": truths}
        if not alike and not fits.get(str(kind), False):
            _refuse(f"an operation ({name}) of two dtypes")
        if name == "truediv" and not floats:
            return wrapped(function(*_ordered(self.tensor.to(torch.float64), other, reflected)))
        return wrapped(function(*_ordered(self.tensor, other, reflected)))

    return operate


def _in_place(self: HostArray, other: Any) -> NoReturn:
    """A change of an array, which may have other names, and shares its memory with a tensor."""
    _refuse("a change in place")


def _ordered(a: Any, b: Any, reflected: bool) -> tuple[Any, Any]:
    return (b, a) if reflected else (a, b)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "and_", "or_", "xor"):
    _plain = _name.rstrip("_")
    setattr(HostArray, f"__{_plain}__", _operation(_name))
    setattr(HostArray, f"__r{_plain}__", _operation(_name, reflected=True))
    setattr(HostArray, f"__i{_plain}__", _in_place)
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(HostArray, f"__{_name}__", _operation(_name))


def current() -> Recorder:
    """The recorder of the capture that runs."""
    from adaptc.compiler.frontend.recorder import Recorder

    modes = torch.overrides._get_current_function_mode_stack()  # type: ignore[no-untyped-call]
    return next(mode for mode in reversed(modes) if isinstance(mode, Recorder))


def _refuse(what: str) -> NoReturn:
    raise Refused(current().problem(f"{what} of a NumPy array that depends on data", *ARRAY))


def of(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> HostArray:
    """Tensor.numpy()"""
    return HostArray(recorder.fake(args[0]))


def plain(value: Any) -> Any:
    """The tensor of an array; any other value as it is."""
    return value.tensor if isinstance(value, HostArray) else value


def wrapped(tensor: torch.Tensor) -> Any:
    """The array of a tensor; a number where it has no dimensions and Python's number is the same."""
    if tensor.dim() or tensor.dtype not in _EXACT:
        return HostArray(tensor)
    return current().read(tensor, own=True)


def number(recorder: Recorder, value: Any) -> Any:
    """The number of an array of one element; any other value as it is."""
    return recorder.read(value.tensor, own=True) if isinstance(value, HostArray) else value


def elements(recorder: Recorder, array: HostArray) -> list[Any]:
    """What a loop over an array goes through."""
    tensor = array.tensor
    if not tensor.dim():
        raise TypeError("iteration over a 0-d array")
    if isinstance(tensor.shape[0], int):
        return [wrapped(tensor[place]) for place in range(tensor.shape[0])]
    codes = codes_of_frames(sys._getframe(1))
    if codes:
        raise NeedsInterpretation(codes, recorder.problem("a list whose length depends on data", *NATIVE_LIST))
    if tensor.dim() > 1 or tensor.dtype not in _EXACT:
        _refuse("a loop over rows, whose number depends on data,")
    return segments.numbers(recorder, tensor)
