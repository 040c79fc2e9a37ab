"""Calls: which functions are interpreted, and which run natively."""

from __future__ import annotations

import collections
import contextlib
import functools
import inspect
import re
from collections.abc import Iterable
from types import BuiltinMethodType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.modules import module as torch_module

from adaptc.compiler.frontend import (
    arrays,
    forks,
    grown,
    reasons,
    registers,
    resized,
    segments,
    sequences,
    specials,
    texts,
    variables,
)
from adaptc.compiler.frontend import instructions as code
from adaptc.compiler.frontend.draft import leaves
from adaptc.compiler.frontend.fakes import DATA_DEPENDENT
from adaptc.compiler.frontend.interpreted import ENTERED, NATIVE
from adaptc.compiler.frontend.iterators import (
    POISON,
    MachineIterator,
    RangeIterator,
    RowIterator,
    SegmentIterator,
    SequenceIterator,
    SymbolicRange,
)
from adaptc.compiler.frontend.preludes import is_prelude
from adaptc.compiler.frontend.signals import NeedsInterpretation, NeedsSplit, Refused
from adaptc.compiler.frontend.sources import OPERATORS, codes_of, is_library_file
from adaptc.compiler.frontend.state import Frame, Generator
from adaptc.compiler.frontend.symbols import Symbolic

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine

_GLOBAL_HOOKS = (
    "_global_backward_pre_hooks",
    "_global_backward_hooks",
    "_global_forward_hooks",
    "_global_forward_pre_hooks",
)
_HOOKS = ("_backward_hooks", "_backward_pre_hooks", "_forward_hooks", "_forward_pre_hooks")


def call(machine: Machine, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> None:
    """Call `function`: enter a frame for it, or run it natively, put the result into `dst` and go on."""
    instance: Any = None
    while True:
        if function is POISON:
            return _result(machine, dst, POISON)
        if (method := specials.of_tensors(function)) is not None:
            args, function = (function.__self__, *args), method
        has_grown = any(segments.holds(arg) for arg in (*args, *kwargs.values()))
        special = specials.find_grown(machine, function) if has_grown else specials.find(function)
        if special is not None:
            outcome = special(machine, args, kwargs, dst)
            if outcome is ENTERED:
                return None
            if outcome is not NATIVE:
                return _result(machine, dst, outcome)
        if isinstance(function, functools.partial):
            args, kwargs = (*function.args, *args), {**function.keywords, **kwargs}
            function = function.func
        elif isinstance(function, MethodType):
            if isinstance(function.__self__, Generator):
                break
            args, function = (function.__self__, *args), function.__func__
        elif isinstance(function, torch.nn.Module):
            function = _module_call(machine, function)
        elif isinstance(function, FunctionType):
            if function.__code__ is torch.nn.Module._wrapped_call_impl.__code__ and args:
                function, args = _forward(machine, args[0]), args[1:]
                continue
            if is_interpreted(machine, function) or _takes_data(machine, function, args, kwargs):
                return _enter(machine, function, args, kwargs, dst, instance)
            break
        elif isinstance(function, type) and _constructor(machine, function) is not None:
            maker: Any = function.__new__
            instance = object.__new__(function) if maker is object.__new__ else maker(function, *args, **kwargs)
            args, function = (instance, *args), _constructor(machine, function)
        elif not isinstance(function, type) and isinstance(
            inspect.getattr_static(type(function), "__call__", None), FunctionType
        ):
            args, function = (function, *args), type(function).__call__
        else:
            break
    if any(arg is POISON for arg in (*args, *kwargs.values())):
        return _result(machine, dst, POISON)
    if isinstance(function, BuiltinMethodType) and type(function.__self__) is list:
        if segments.holds(function.__self__) and not grown.keeps_order(function, args):
            if function.__name__ not in specials.GROWN_METHODS:
                grown.change(machine, function)
                return _result(machine, dst, None)
            specials.GROWN_METHODS[function.__name__](machine, (function.__self__, *args), kwargs, dst)
            return None
        compares = specials.LIST_METHODS.get(function.__name__)
        if compares is not None and (kwargs or any(map(_compared_by_data, (*function.__self__, *args)))):
            compares(machine, (function.__self__, *args), kwargs, dst)
            return None
    if isinstance(function, BuiltinMethodType) and type(function.__self__) in (str, texts.SymbolicText):
        given = (function.__self__, *args, *kwargs.values())
        formats = function.__name__ == "format" and any(isinstance(arg, torch.Tensor) for arg in given)
        if formats or any(map(texts.is_symbolic, given)):
            return _result(machine, dst, _text_method(machine, function, args, kwargs))
    if (method := variables.method_of(function)) is not None:
        function = getattr(machine.heap.variable(function.__self__), method)
    if "out" in kwargs and (outcome := resized.with_out(machine, function, args, kwargs)) is not NATIVE:
        return _result(machine, dst, outcome)
    try:
        result = native(machine, function, args, kwargs)
    except (LookupError, ValueError) as error:
        method = isinstance(function, BuiltinMethodType) and type(function.__self__) in _CONTAINERS
        if method or function is max or function is min:
            machine.raised = error  # eager PyTorch raises it as well
        raise
    return _result(machine, dst, result)


_KEEPERS = frozenset({"append", "appendleft", "insert", "add", "setdefault", "index", "count", "remove"})
"""Methods of containers that take an element as it is."""
_CONTAINERS = (list, tuple, dict, set, frozenset, str, collections.deque, collections.OrderedDict)


def _compared_by_data(item: Any) -> bool:
    """Whether comparing an element of a list may depend on data."""
    return isinstance(item, (torch.Tensor, *Symbolic)) or (
        isinstance(item, tuple) and any(_compared_by_data(part) for part in item)
    )


def _text_method(machine: Machine, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """A method of a text that has, or is given, a number that depends on data."""
    if function.__name__ == "format" and not isinstance(function.__self__, texts.SymbolicText):
        return texts.formatted(function.__self__, args, kwargs)
    raise Refused(
        machine.problem(
            f"{function.__name__}() of a text with a number that depends on data",
            "the text is known only at run time",
            "make the text with an f-string",
        )
    )


def _result(machine: Machine, dst: str | None, value: Any) -> None:
    frame = machine.state.frames[-1]
    if dst is not None:
        frame.registers[dst] = value
    machine.step(frame)


def _enter(
    machine: Machine, function: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None,
    instance: Any,
) -> None:  # fmt: skip
    frame = machine.make_frame(function, args, kwargs)
    if frame.code.is_generator:
        _result(machine, dst, Generator(frame))
        return
    frame.dst = dst
    if instance is not None:
        frame.finish, frame.result = "init", instance
    machine.enter(frame)


def native(machine: Machine, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run `function` as it is; torch calls inside it are recorded."""
    if any(isinstance(arg, SymbolicRange) for arg in args):
        raise Refused(
            machine.problem(
                f"{getattr(function, '__qualname__', function)}() is given a range whose length depends on data",
                "it would hold as many numbers as data says, which are known only at run time",
                "go through the range in a for loop, or make a tensor of it with torch.arange",
            )
        )
    try:
        return variables.unchanged(machine, function, args, kwargs)
    except DATA_DEPENDENT as error:
        problem = machine.problem(
            f"{getattr(function, '__qualname__', function)} needs a number that depends on data",
            str(error).splitlines()[0],
            "compute it with tensor operations, or branch on it in the network's own Python code",
        )
        codes = codes_of(error.__traceback__)
        raise NeedsInterpretation(codes, problem) if codes else Refused(problem) from error
    except TypeError as error:
        codes = codes_of(error.__traceback__)
        if "SymBool" in str(error):
            raise forks.unclear(machine, function, [*args, *kwargs.values()], codes) from error
        if codes and re.search(r"must be \w+, not Sym(Int|Float)", str(error)):
            problem = machine.problem("a torch function is given a number that depends on data", *reasons.NATIVE)
            raise NeedsInterpretation(codes, problem) from error
        if "unhashable type: non-nested Sym" not in str(error):
            raise
        raise refuse_key(machine, [*args, *kwargs.values()]) from error
    except Refused as refusal:
        codes = codes_of(refusal.__traceback__)
        if codes:  # followed in their source, the functions can be searched for further problems
            raise NeedsInterpretation(codes, refusal.problem) from refusal
        raise


def refuse_key(machine: Machine, values: Iterable[Any]) -> NeedsSplit | Refused:
    """What to raise where a number that depends on data is used as a key of a dict or set."""
    for value in leaves(list(values)):
        if isinstance(value, Symbolic):
            site = machine.recorder.symbols.site_of(value.node.expr)
            if site is not None:
                return NeedsSplit(site)
    return Refused(
        machine.problem(
            "a number that depends on data is used as a key",
            "which entry it means is known only at run time",
            "keep the entries in a list and index that, or branch on the number",
        )
    )


def is_interpreted(machine: Machine, function: FunctionType) -> bool:
    """Whether calls of `function` are followed in its source rather than run natively."""
    if function.__code__ in machine.interpreted or is_prelude(function):
        return True
    if function.__code__.co_filename == contextlib.__file__:
        return True  # @contextmanager: its generator must be one that states can share
    generator = function.__code__.co_flags & inspect.CO_GENERATOR
    return bool(generator) and not is_library_file(function.__code__.co_filename)


def _takes_data(machine: Machine, function: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether user code is given a number that depends on data, or can reach a list whose length does: native code
    would not see a Python number or list."""
    if is_library_file(function.__code__.co_filename) or (function.__module__ or "").startswith(OPERATORS):
        return False
    dimensions = machine.recorder.dimensions
    if any(segments.holds(arg) for arg in (*args, *kwargs.values())):
        return True
    if machine.recorder.grown and machine.heap.reaches_grown([function, *args, *kwargs.values()]):
        return True
    return any(
        isinstance(arg, Symbolic) and not all(symbol in dimensions for symbol in arg.node.expr.free_symbols)
        for arg in (*args, *kwargs.values())
    )


def _constructor(machine: Machine, cls: type) -> FunctionType | None:
    constructor = cls.__init__  # type: ignore[misc]
    if not isinstance(constructor, FunctionType) or type(cls).__call__ is not type.__call__:
        return None
    if constructor.__code__ in machine.interpreted or cls is contextlib._GeneratorContextManager:
        return constructor
    return None


def _module_call(machine: Machine, module: torch.nn.Module) -> Any:
    """What calling a module runs: its forward, or the whole of Module.__call__ where hooks are registered."""
    if type(module).__call__ is not torch.nn.Module.__call__ and not isinstance(module, torch.fx.GraphModule):
        return MethodType(type(module).__call__, module)
    return _forward(machine, module)


def _forward(machine: Machine, module: torch.nn.Module) -> Any:
    hooked = any(getattr(module, name) for name in _HOOKS) or any(getattr(torch_module, name) for name in _GLOBAL_HOOKS)
    if hooked:
        machine.interpreted.add(torch.nn.Module._call_impl.__code__)
        return module._call_impl
    return module.forward


# -- attributes and iteration ----------------------------------------------------------------------------------


def get_attribute(machine: Machine, frame: Frame, obj: Any, name: str, dst: str) -> None:
    """dst = obj.name; a property whose code is interpreted is entered."""
    if isinstance(obj, Generator) and name in {"send", "__next__", "close", "throw"}:
        method = getattr(sequences, name, sequences.send)
        return registers.store(machine, frame, dst, functools.partial(method, obj))
    if isinstance(obj, (torch.SymInt, torch.SymFloat, torch.SymBool)) and name in {
        "item",
        "real",
        "numerator",
    }:
        return registers.store(machine, frame, dst, (lambda: obj) if name == "item" else obj)
    if isinstance(obj, torch.nn.Module) or not isinstance(obj, torch.Tensor):
        found = inspect.getattr_static(type(obj), name, None)
        if isinstance(found, property) and isinstance(found.fget, FunctionType):
            if is_interpreted(machine, found.fget):
                return _enter(machine, found.fget, (obj,), {}, dst, None)
    return registers.store(machine, frame, dst, native(machine, getattr, (obj, name), {}))


def iterator(machine: Machine, obj: Any) -> Any:
    """iter(obj) as an iterator that states can share."""
    if isinstance(obj, (MachineIterator, Generator)):
        return obj
    if obj is POISON:
        return SequenceIterator(())
    if type(obj) is range:
        return RangeIterator(obj.start, obj.stop, obj.step)
    if isinstance(obj, SymbolicRange):
        return RangeIterator(obj.start, obj.stop, obj.step)
    if segments.holds(obj):
        segment = segments.whole(machine.recorder, obj)
        if segment is None:
            raise Refused(segments.refusal(machine.problem, "a loop over elements of different kinds"))
        return SegmentIterator(machine.recorder, segment)
    if type(obj) in (list, tuple, str):
        return SequenceIterator(obj)
    if isinstance(obj, torch.Tensor) and obj.dim() and not isinstance(obj.shape[0], int):
        return RowIterator(obj)
    if isinstance(obj, arrays.HostArray):
        return iterator(machine, arrays.elements(machine.recorder, obj))
    return SequenceIterator(list(iterate(machine, obj)))


def iterate(machine: Machine, obj: Any) -> Iterable[Any]:
    """The items of anything whose number of items is known now."""
    unknown = isinstance(obj, torch.Tensor) and obj.dim() and not isinstance(obj.shape[0], int)
    unknown = unknown or segments.holds(obj)
    if unknown or isinstance(obj, SymbolicRange) or (isinstance(obj, MachineIterator) and obj.remaining() is None):
        raise Refused(
            machine.problem(
                "the items of something whose length depends on data or on the batch are needed at once",
                "how many there are is known only at run time",
                "loop over it with a for statement, or use tensor operations over all rows",
            )
        )
    if isinstance(obj, torch.Tensor):
        rows: Iterable[Any] = obj.unbind(0)
        return rows
    return native(machine, iter, (obj,), {})  # type: ignore[no-any-return]


def drains(machine: Machine, function: Any) -> bool:
    """Whether a generator given to `function` is run to its end first: true for native code, but for what tests or
    stops early and so is interpreted."""
    if isinstance(function, (Generator, functools.partial)) or specials.takes_generators(function):
        return False
    if isinstance(function, BuiltinMethodType) and function.__name__ in _KEEPERS:
        return not isinstance(function.__self__, _CONTAINERS)
    while isinstance(function, MethodType):
        function = function.__func__
    if isinstance(function, FunctionType):
        return not is_interpreted(machine, function)
    return not isinstance(function, torch.nn.Module)


def no_next_item(machine: Machine, frame: Frame, instruction: code.Instruction, value: Any) -> None:
    """A generator that ``next()`` or ``send()`` resumed has finished: the default, or StopIteration."""
    assert isinstance(instruction, code.Call)
    args = [registers.operand(frame, item.value) for item in instruction.args]
    if specials.find(registers.operand(frame, instruction.func)) is specials.SPECIALS[next] and len(args) == 2:
        return registers.store(machine, frame, instruction.dst, args[1])
    error = StopIteration(value)
    machine.raised = error
    raise error


# -- binding ---------------------------------------------------------------------------------------------------


def bind(function: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The values of a function's parameters by name. Raises TypeError as the call would."""
    if function.__code__.co_varnames[:1] == (".0",):
        return {".0": args[0]}
    bound = inspect.Signature.from_callable(function, follow_wrapped=False).bind(*args, **kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)
