"""Tensors made the ways of PyTorch's first versions: by a tensor type, by ``x.new(...)``, as a ``Variable``, of NumPy.

torch's functions cannot see these calls, except ``new``: native code in which they stand is interpreted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from adaptc.compiler.frontend import arrays, grown, segments
from adaptc.compiler.frontend.interpreted import NATIVE, Special

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine
    from adaptc.compiler.frontend.recorder import Recorder


def made(recorder: Recorder, given: tuple[Any, ...], dtype: torch.dtype) -> Any:
    """What a tensor type makes of its arguments: sizes, nothing, a list of numbers, an array or another tensor.

    NATIVE for arguments that it does not take.
    """
    first = given[0] if len(given) == 1 else None
    if not isinstance(first, torch.Size) and all(type(extent) in (int, torch.SymInt) for extent in given):
        first = torch.Size(given) if given else torch.Size([0])
    if isinstance(first, torch.Size):
        return recorder.record(torch.empty, (tuple(first),), {"dtype": dtype})
    if isinstance(first, torch.Tensor):
        return recorder.record(torch.detach, (first,), {}) if first.dtype == dtype else NATIVE
    if isinstance(first, np.ndarray):
        return recorder.record(torch.Tensor.to, (_of_array(recorder, first), dtype), {})
    if isinstance(first, (list, tuple)):
        return recorder.__torch_function__(torch.tensor, (), (first,), {"dtype": dtype})
    return NATIVE


def _of_array(recorder: Recorder, array: Any) -> torch.Tensor:
    """A tensor of what an array of the network's own holds, which a call does not change."""
    return recorder.record(torch.tensor, (array,), {})  # type: ignore[no-any-return]


def _by_type(fixed: torch.dtype | None) -> Special:
    """A tensor made by its type, such as ``torch.LongTensor(numbers)``; by default of the default dtype."""

    def special(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
        dtype = torch.get_default_dtype() if fixed is None else fixed
        if kwargs:
            return NATIVE
        if args and segments.holds(args[0]):
            return grown.SPECIALS[torch.tensor](machine, args, {"dtype": dtype}, dst)
        return made(machine.recorder, args, dtype)

    return special


def _variable(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    data = args[0] if args else kwargs.get("data")
    return machine.recorder.record(torch.detach, (data,), {}) if isinstance(data, torch.Tensor) else NATIVE


def _from_numpy(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    if isinstance(args[0], arrays.HostArray):
        return args[0].tensor
    return _of_array(machine.recorder, args[0]) if isinstance(args[0], np.ndarray) else NATIVE


BY_TYPE: dict[Any, Special] = {
    torch.LongTensor: _by_type(torch.int64),
    torch.IntTensor: _by_type(torch.int32),
    torch.ShortTensor: _by_type(torch.int16),
    torch.ByteTensor: _by_type(torch.uint8),
    torch.HalfTensor: _by_type(torch.float16),
    torch.FloatTensor: _by_type(torch.float32),
    torch.DoubleTensor: _by_type(torch.float64),
    torch.BoolTensor: _by_type(torch.bool),
    torch.Tensor: _by_type(None),
}
"""Types of tensors that make one of their arguments."""
SPECIALS: dict[Any, Special] = {
    **BY_TYPE,
    torch.autograd.Variable: _variable,
    torch.from_numpy: _from_numpy,
}


def new(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``x.new(...)``: what x's own type makes of the arguments."""
    tensor, *given = args
    result = NATIVE if kwargs else made(recorder, tuple(given), recorder.fake(tensor).dtype)
    return recorder.record(func, args, kwargs) if result is NATIVE else result


def converted(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``x.type(kind)`` with a type of tensors; ``torch.Tensor`` is that of the default dtype."""
    kind = args[1] if len(args) > 1 else kwargs.get("dtype")
    if isinstance(kind, type) and issubclass(kind, torch.Tensor):
        kind = torch.get_default_dtype()
    return recorder.record(func, args if kind is None else (args[0], kind), {})
