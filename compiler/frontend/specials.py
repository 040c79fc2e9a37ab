"""Builtins and library functions that mean something of their own when interpreted code calls them."""

from __future__ import annotations

import builtins
import functools
import math
from collections.abc import Callable
from types import BuiltinMethodType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch._higher_order_ops.map import map as map_rows
from torch._higher_order_ops.while_loop import while_loop

from adaptc.compiler.frontend import (
    arithmetic,
    arrays,
    grown,
    identity,
    legacy,
    list_prelude,
    numeric,
    prelude,
    resized,
    segments,
    sequences,
    texts,
    written,
)
from adaptc.compiler.frontend.forks import Fork
from adaptc.compiler.frontend.interpreted import ENTERED, NATIVE, Special, interpreted
from adaptc.compiler.frontend.iterators import (
    POISON,
    MachineIterator,
    SequenceIterator,
    SymbolicRange,
)
from adaptc.compiler.frontend.signals import Refused
from adaptc.compiler.frontend.state import Generator
from adaptc.compiler.frontend.symbols import Symbolic, kind_of

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine


def _plain(value: Any) -> bool:
    """Whether native code can test `value` and its elements."""
    if isinstance(value, (Generator, torch.Tensor, *Symbolic)):
        return False
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        return all(_plain(item) for item in (value.values() if isinstance(value, dict) else value))
    if isinstance(value, SequenceIterator):
        return _plain(value.sequence)
    if isinstance(value, MachineIterator):
        return False
    return isinstance(value, (int, float, complex, str, bytes, type, type(None), torch.dtype, torch.device, range))


def _all_plain(args: tuple[Any, ...]) -> bool:
    return all(_plain(arg) for arg in args)


def _extreme(name: str, symbolic: Any, function: Any) -> Special:
    otherwise = interpreted(function, _all_plain)

    def special(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
        items = args[0] if len(args) == 1 and isinstance(args[0], (list, tuple)) else args
        kinds = {kind_of(item) for item in items}
        if len(items) > 1 and not kwargs and any(isinstance(item, Symbolic) for item in items):
            if kinds == {"float"}:
                return functools.reduce(lambda a, b: machine.let(name, a, b), items)
            if kinds == {"int"}:
                return functools.reduce(symbolic, items)
        return otherwise(machine, args, kwargs, dst)

    return special


def _bool(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    return arithmetic.truth(machine, args[0]) if args else False


def _converted(kind: type, symbolic: Callable[[Any], Any]) -> Special:
    def special(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
        if len(args) != 1 or kwargs:
            return NATIVE
        value = arrays.number(machine.recorder, args[0])
        if isinstance(value, torch.Tensor):
            value = machine.recorder.read(value)
        if isinstance(value, torch.SymBool):
            value = arithmetic.as_number(value)
        return symbolic(value) if isinstance(value, Symbolic) else kind(value)

    return special


def _len(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    if isinstance(args[0], SymbolicRange):
        first, last = (args[0].start, args[0].stop) if args[0].step > 0 else (args[0].stop, args[0].start)
        step = abs(args[0].step)
        return torch.sym_max(0, (last - first + step - 1) // step)  # type: ignore[no-untyped-call]
    return args[0].shape[0] if isinstance(args[0], (torch.Tensor, arrays.HostArray)) else NATIVE


def _range(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    args = tuple([arrays.number(machine.recorder, arg) for arg in args])
    numbers: list[Any] = [machine.recorder.read(arg) if isinstance(arg, torch.Tensor) else arg for arg in args]
    if not any(isinstance(number, Symbolic) for number in numbers):
        return range(*numbers)
    start, stop, step = (0, *numbers, 1) if len(numbers) == 1 else (*numbers, 1)[:3]
    if not isinstance(step, int) or step == 0 or any(kind_of(number) != "int" for number in numbers):
        raise Refused(
            machine.problem(
                "a range whose step depends on data, or whose ends are no integers",
                "whether it goes up or down is known only at run time",
                "count with a fixed step",
            )
        )
    return SymbolicRange(start, stop, step)


def stand_in(value: Any) -> Any:
    """A Python number of the type that a symbolic number stands for; anything else as it is."""
    if isinstance(value, torch.SymBool):
        return True
    if isinstance(value, torch.SymInt):
        return 1
    return 1.0 if isinstance(value, torch.SymFloat) else value


def _isinstance(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    if isinstance(args[0], arrays.HostArray):
        return issubclass(np.ndarray, args[1])
    return NATIVE if not isinstance(args[0], Symbolic) else isinstance(stand_in(args[0]), args[1])


def _type(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    if len(args) != 1:
        return NATIVE
    if isinstance(args[0], torch._subclasses.FakeTensor):
        return torch.Tensor
    if isinstance(args[0], arrays.HostArray):
        return np.ndarray
    return type(stand_in(args[0]))


def _print(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    file, line = machine.location()
    machine.note(f"{file}:{line}: print() is left out of the compiled network")
    return None


def _next_call(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    return machine.next_call(machine.state, *args)


def _super(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    if args:
        return NATIVE
    frame = machine.state.frames[-1]
    name = frame.code.code.co_varnames[0]
    instance = frame.cells[name].cell_contents if name in frame.cells else frame.registers[name]
    return super(frame.cells["__class__"].cell_contents, instance)


def _getattr(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    from adaptc.compiler.frontend.calls import get_attribute

    if len(args) > 1 and isinstance(args[1], texts.SymbolicText) and dst is not None:
        number, names = texts.choices(machine, args[1], dir(args[0]))
        if len(args) == 3:
            raise texts.refusal(machine)
        found = {value: getattr(args[0], name) for value, name in names.items()}
        kind = type(args[0]).__name__
        raise Fork(
            number, list(found), ("AttributeError", f"{kind!r} object has no such attribute"), dst=dst, found=found
        )
    if len(args) != 2 or dst is None or args[0] is POISON:
        return POISON if args[0] is POISON else NATIVE
    get_attribute(machine, machine.state.frames[-1], args[0], args[1], dst)
    return ENTERED


def _str(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    return texts.of_value(args[0]) if len(args) == 1 and texts.is_symbolic(args[0]) else NATIVE


def _format(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    return texts.of_value(*args) if args and texts.is_symbolic(args[0]) else NATIVE


def _globals(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    return machine.state.frames[-1].globals


def _locals(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    return {k: v for k, v in machine.state.frames[-1].registers.items() if not k.startswith("%")}


def _has_torch_function(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    """False in functions, so that they are followed; true in modules, which else take kernels that fuse them whole."""
    return machine.state.frames[-1].globals.get("__name__", "").startswith("torch.nn.modules.")


def _grown_count(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    return args[0].count


def _grown_element(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    return segments.take(machine.recorder, *args)


def _array(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    """NumPy's asarray or array of a tensor or an array."""
    if len(args) != 1 or kwargs or not isinstance(args[0], (torch.Tensor, arrays.HostArray)):
        return NATIVE
    return arrays.HostArray(arrays.plain(args[0]))


def _place(function: Any, interpretation: Any) -> Special:
    """NumPy's argmax or argmin of a list of numbers, or of tensors of one element, some of which depend on data."""
    otherwise = interpreted(interpretation)

    def special(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
        if len(args) != 1 or kwargs or type(args[0]) not in (list, tuple):
            return NATIVE
        if any(isinstance(item, torch.Tensor) for item in args[0]):
            return machine.recorder.read(function(torch.tensor(args[0])), own=True)
        if not any(isinstance(item, Symbolic) for item in args[0]):
            return NATIVE
        return otherwise(machine, args, kwargs, dst)

    return special


def _attention(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    """Attention that is causal or not as a size or data decides: torch takes only a Python bool, a mask both."""
    given = dict(zip(("query", "key", "value", "attn_mask", "dropout_p", "is_causal"), args, strict=False), **kwargs)
    if not isinstance(given.get("is_causal"), torch.SymBool) or given.pop("attn_mask", None) is not None:
        return NATIVE
    given["causal"] = arithmetic.as_tensor(machine, given.pop("is_causal"))
    return machine.recorder.record(written.attention, (), given)


LIST_METHODS = {
    "index": interpreted(list_prelude.list_index),
    "count": interpreted(list_prelude.list_count),
    "remove": interpreted(list_prelude.list_remove),
    "sort": interpreted(list_prelude.list_sort),
}
"""Methods of lists that compare their elements."""
GROWN_METHODS = {
    "index": interpreted(list_prelude.grown_index),
    "count": interpreted(list_prelude.list_count),
    "pop": interpreted(list_prelude.grown_pop),
    "remove": interpreted(list_prelude.grown_remove),
    "insert": interpreted(list_prelude.grown_insert),
}
"""Those of lists that have grown in a loop."""


SPECIALS: dict[Any, Special] = {
    **legacy.SPECIALS,
    np.argmax: _place(torch.argmax, prelude.argmax),
    np.asarray: _array,
    np.array: _array,
    np.argmin: _place(torch.argmin, prelude.argmin),
    torch.autograd.Function.apply.__func__: interpreted(prelude.apply_function),  # type: ignore[attr-defined]
    torch.cond: interpreted(prelude.cond),
    torch.ops.higher_order.cond: interpreted(prelude.cond),
    while_loop: interpreted(prelude.while_loop),
    torch.ops.higher_order.while_loop: interpreted(prelude.while_loop),
    map_rows: interpreted(prelude.map_rows),
    torch.ops.higher_order.map_impl: interpreted(prelude.map_impl),
    torch.nn.functional.scaled_dot_product_attention: _attention,
    torch.bincount: numeric.bincount,
    torch.Tensor.bincount: numeric.bincount,
    torch.squeeze: numeric.squeeze,
    torch.Tensor.resize_: resized.resize,
    torch.Tensor.resize_as_: resized.resize_as,
    torch.Tensor.squeeze: numeric.squeeze,
    prelude.indices_below: numeric.indices_below,
    prelude.own_number: numeric.own_number,
    prelude.same_object: identity.same_object,
    prelude.counted: numeric.counted,
    prelude.next_call: _next_call,
    builtins.bool: _bool,
    builtins.int: _converted(int, torch.sym_int),
    builtins.float: _converted(float, torch.sym_float),
    builtins.len: _len,
    builtins.range: _range,
    builtins.isinstance: _isinstance,
    builtins.type: _type,
    builtins.iter: sequences.make_iterator,
    builtins.next: sequences.next_item,
    builtins.print: _print,
    builtins.super: _super,
    builtins.getattr: _getattr,
    builtins.globals: _globals,
    builtins.str: _str,
    builtins.format: _format,
    builtins.locals: _locals,
    builtins.any: interpreted(prelude.any, _all_plain),
    builtins.all: interpreted(prelude.all, _all_plain),
    builtins.sum: interpreted(prelude.sum, lambda args: not isinstance(args[0], Generator)),
    builtins.divmod: interpreted(prelude.divmod, _all_plain),
    builtins.sorted: interpreted(prelude.sorted, _all_plain),
    builtins.max: _extreme("max", torch.sym_max, prelude.max),
    builtins.min: _extreme("min", torch.sym_min, prelude.min),
    builtins.enumerate: sequences.make_enumerate,
    builtins.zip: sequences.make_zip,
    builtins.map: interpreted(prelude.map),
    builtins.filter: interpreted(prelude.filter),
    functools.reduce: interpreted(prelude.reduce),
    torch.overrides.has_torch_function: _has_torch_function,
    torch.overrides.has_torch_function_unary: _has_torch_function,
    torch.overrides.has_torch_function_variadic: _has_torch_function,
    prelude.grown_count: _grown_count,
    prelude.grown_element: _grown_element,
    sequences.send: sequences.run_send,
    sequences.throw: sequences.run_throw,
    sequences.close: sequences.run_close,
    math.isnan: numeric.isnan,
    math.isinf: numeric.isinf,
    math.isfinite: numeric.isfinite,
    math.fabs: numeric.of_number("abs"),
    **{getattr(math, name): numeric.of_number(name) for name in ("sqrt", "exp", "log", "log2", "sin", "cos", "tanh")},
}
_OF_GROWN: dict[Any, Special] = {
    builtins.any: interpreted(prelude.any),
    builtins.all: interpreted(prelude.all),
    builtins.sum: interpreted(prelude.sum),
    builtins.max: interpreted(prelude.max),
    builtins.min: interpreted(prelude.min),
}
_GENERATOR_TAKERS = {
    builtins.any, builtins.all, builtins.sum, builtins.sorted, builtins.max, builtins.min, builtins.enumerate,
    builtins.zip, builtins.map, builtins.filter, builtins.iter, builtins.next, functools.reduce, builtins.isinstance,
    builtins.type, builtins.bool,
}  # fmt: skip


def find(function: Any) -> Special | None:
    """The special of a function, if it has one."""
    if isinstance(function, (torch.nn.Module, Generator)):
        return None
    try:
        return SPECIALS.get(function)
    except TypeError:
        return None  # not hashable, so none of the functions above


def of_tensors(method: Any) -> Any:
    """The method of all tensors that a bound one is, where that has a special; else None."""
    if not isinstance(method, BuiltinMethodType) or not isinstance(method.__self__, torch.Tensor):
        return None
    unbound = getattr(torch.Tensor, method.__name__, None)
    return unbound if unbound in SPECIALS else None


def find_grown(machine: Machine, function: Any) -> Special | None:
    """The special of a function that is given a list that has grown in a loop. Raises Refused where there is none."""
    if isinstance(function, FunctionType):
        return grown.SPECIALS.get(function)
    if isinstance(function, (MethodType, functools.partial, torch.nn.Module)):
        return None
    if isinstance(function, BuiltinMethodType) and isinstance(function.__self__, (list, dict)):
        return None  # such as append()
    try:
        special = grown.SPECIALS.get(function) or _OF_GROWN.get(function) or legacy.BY_TYPE.get(function)
        if special is not None or function in grown.AS_USUAL:
            return special or SPECIALS.get(function)
    except TypeError:
        pass
    if isinstance(function, type) and not issubclass(function, (list, tuple, set, dict, torch.Tensor)):
        return None
    raise Refused(segments.refusal(machine.problem, f"{getattr(function, '__name__', function)}()"))


def takes_generators(function: Any) -> bool:
    """Whether a special takes a generator as it is."""
    try:
        return function in _GENERATOR_TAKERS
    except TypeError:
        return False
