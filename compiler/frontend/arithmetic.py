"""Operators on numbers that depend on data, with the meaning they have in Python."""

from __future__ import annotations

import operator
from functools import reduce
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend import arrays, identity, list_prelude, parts, rewrites, segments, texts
from adaptc.compiler.frontend import instructions as code
from adaptc.compiler.frontend.assembling import assemble
from adaptc.compiler.frontend.interpreted import interpreted
from adaptc.compiler.frontend.iterators import POISON
from adaptc.compiler.frontend.registers import operand, store
from adaptc.compiler.frontend.signals import Refused
from adaptc.compiler.frontend.state import Frame
from adaptc.compiler.frontend.symbols import Symbolic

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine


def truth(machine: Machine, value: Any) -> bool | torch.SymBool | Any:
    """bool(value): a bool, a symbolic bool, or POISON."""
    if value is POISON or isinstance(value, (bool, torch.SymBool)):
        return value
    if isinstance(value, torch.Tensor):
        return rewrites.nonzero(machine.recorder, value)
    if isinstance(value, arrays.HostArray):
        return truth(machine, arrays.number(machine.recorder, value))
    if isinstance(value, (torch.SymInt, torch.SymFloat)):
        return value != 0
    if segments.holds(value):
        return length(value) > 0
    return bool(value)


def length(items: list[Any]) -> Any:
    """The number of elements of a list, some of which stand for any number of them."""
    counts = [item.count if type(item) is segments.Segment else 1 for item in items]
    return sum(counts)


def as_number(value: Any) -> Any:
    """A symbolic bool as a symbolic int, as Python's arithmetic sees it; anything else as it is."""
    return torch.sym_ite(value, 1, 0) if isinstance(value, torch.SymBool) else value  # type: ignore[no-untyped-call]


def as_tensor(machine: Machine, value: torch.SymBool) -> torch.Tensor:
    """A symbolic bool as a 0-d bool tensor."""
    result: torch.Tensor = machine.recorder.record(assemble, (as_number(value), torch.bool), {})
    return result


def has_symbols(value: Any) -> bool:
    """Whether a tuple or list holds symbolic numbers, at any depth."""
    if isinstance(value, (tuple, list)):
        return any(has_symbols(item) for item in value)
    return isinstance(value, Symbolic)


def equal(a: Any, b: Any) -> Any:
    """a == b for sequences that hold symbolic numbers, and for symbolic bools."""
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        if len(a) != len(b) or isinstance(a, tuple) != isinstance(b, tuple):
            return False
        results = [equal(x, y) for x, y in zip(a, b, strict=True)]
        return reduce(_and, results, True)
    if isinstance(a, torch.SymBool) or isinstance(b, torch.SymBool):
        a, b = as_number(a), as_number(b)
        a, b = (int(item) if isinstance(item, bool) else item for item in (a, b))
    return a == b


def _and(a: Any, b: Any) -> Any:
    if isinstance(a, bool):
        return b if a else False
    if isinstance(b, bool):
        return a if b else False
    return torch.sym_and(a, b) if hasattr(torch, "sym_and") else a & b


def _or(a: Any, b: Any) -> Any:
    if isinstance(a, bool):
        return True if a else b
    if isinstance(b, bool):
        return True if b else a
    return a | b


def negate(value: Any) -> Any:
    """``not`` of a bool or a symbolic bool."""
    return torch.sym_not(value) if isinstance(value, torch.SymBool) else not value  # type: ignore[no-untyped-call]


def contains(machine: Machine, item: Any, container: Any) -> Any:
    """item in container"""
    if isinstance(container, torch.Tensor):
        return container.__contains__(item)
    symbolic = isinstance(item, Symbolic) or has_symbols(container if isinstance(container, (list, tuple)) else ())
    if symbolic and isinstance(container, (list, tuple, set, frozenset, dict, range)):
        return reduce(_or, [equal(item, other) for other in container], False)
    return item in container


def _asks_tensors(item: Any, container: Any) -> bool:
    """Whether `item in container` compares tensors."""
    if not isinstance(container, (list, tuple)):
        return False
    if segments.holds(container):
        return True
    return isinstance(item, torch.Tensor) or any(isinstance(other, torch.Tensor) for other in container)


_ON_FLOATS = {
    name: name.removeprefix("i") if name not in {"is_", "is_not"} else name
    for name in (
        "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lt", "le", "gt", "ge", "eq", "ne",
        "iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow",
    )
}  # fmt: skip
"""Binary functions that the host computes as written where a float takes part -> their names there."""


def float_arithmetic(machine: Machine, function: str, a: Any, b: Any) -> Any:
    """A binary function of host scalars of which one is a symbolic float, or whose result is one; else None."""
    name = _ON_FLOATS.get(function)
    if name is None or not all(isinstance(item, (int, float, *Symbolic)) for item in (a, b)):
        return None
    floats = any(isinstance(item, torch.SymFloat) for item in (a, b))
    symbolic = isinstance(a, Symbolic) or isinstance(b, Symbolic)
    mixed = symbolic and any(isinstance(item, float) for item in (a, b))
    if floats or mixed or (symbolic and name == "truediv"):
        return machine.let(name, as_number(a), as_number(b))
    if symbolic and name == "pow" and not (isinstance(b, int) and b >= 0):
        raise Refused(
            machine.problem(
                "an integer power whose exponent depends on data",
                "its result is an int or a float, depending on the exponent's sign",
                "write the base or the exponent as a float",
            )
        )
    return None


def unary(machine: Machine, frame: Frame, i: code.Unary) -> None:
    a = operand(frame, i.a)
    result: Any
    if a is POISON:
        result = a
    elif i.function == "not_":
        value = truth(machine, a)
        if machine.recorder.symbols.may_be_nan(value):
            result = machine.let("not", value)
        else:
            result = value if value is POISON else negate(value)
    else:
        a = as_number(a)
        if i.function == "invert" and isinstance(a, torch.SymInt):
            result = -1 - a
        else:
            result = getattr(operator, i.function)(a)
    store(machine, frame, i.dst, result)


def binary(machine: Machine, frame: Frame, i: code.Binary) -> None:
    a, b = operand(frame, i.a), operand(frame, i.b)
    result: Any
    if a is POISON or b is POISON:
        result = POISON
    elif isinstance(a, str) and (i.function in {"add", "iadd"} or i.function == "mod"):
        result = _text(i.function, a, b)
    elif i.function in {"is_", "is_not"}:
        result = identity.identical(machine, a, b)
        result = result if i.function == "is_" else negate(result)
    elif i.function in {"contains", "not_contains"} and _asks_tensors(a, b):
        interpreted(list_prelude.list_contains)(machine, (b, a, i.function == "contains"), {}, i.dst)
        return
    elif i.function in {"contains", "not_contains"}:
        result = contains(machine, a, b)
        result = result if i.function == "contains" else negate(result)
    elif i.function in {"mul", "imul"} and (repeats := _repeats(a, b)) is not None:
        result = _repeated(machine, *repeats)
        if i.function == "imul" and type(a) is list:
            a[:] = result
            result = a
    elif (computed := float_arithmetic(machine, i.function, a, b)) is not None:
        result = computed
    elif isinstance(a, torch.Tensor) and isinstance(b, torch.SymBool):
        result = getattr(operator, i.function)(a, as_tensor(machine, b))
    elif isinstance(a, torch.SymBool) and isinstance(b, torch.Tensor):
        result = getattr(operator, i.function)(as_tensor(machine, a), b)
    elif i.function in {"eq", "ne"} and (has_symbols(a) or has_symbols(b)) and not _tensor(a, b):
        result = equal(a, b)
        result = result if i.function == "eq" else negate(result)
    elif isinstance(a, torch.SymBool) and isinstance(b, (bool, torch.SymBool)) and i.function in {"and_", "or_"}:
        result = (_and if i.function == "and_" else _or)(a, b)
    elif i.function in {"xor", "ixor"} and _booleans(a, b):
        result = negate(equal(a, b))
    elif (
        isinstance(a, torch.Tensor)
        and i.function in _IN_PLACE
        and _puts_back(frame, i)
        and parts.put_back(machine.recorder, a)
    ):
        result = getattr(operator, i.function[1:])(a, as_number(b))  # x[i] += v: the part is a copy
    else:
        result = getattr(operator, i.function)(as_number(a), as_number(b))
    store(machine, frame, i.dst, result)


_IN_PLACE = frozenset({"iadd", "isub", "imul", "itruediv", "ipow"})


def _puts_back(frame: Frame, i: code.Binary) -> bool:
    """Whether the next instruction stores the result of `i` in a container: the end of ``x[i] += v``."""
    following = frame.code.instructions[frame.pc + 1]
    return isinstance(following, code.SetItem) and following.src == i.dst


def _repeats(a: Any, b: Any) -> tuple[list[Any] | tuple[Any, ...], Any] | None:
    """A list and how often it is repeated, where that depends on data."""
    if type(b) in (list, tuple):
        a, b = b, a
    given = type(a) in (list, tuple) and isinstance(b, (torch.SymInt, torch.SymBool))
    return (a, as_number(b)) if given else None


def _repeated(machine: Machine, items: list[Any] | tuple[Any, ...], count: Any) -> list[Any] | tuple[Any, ...]:
    segment = segments.repeated(machine.recorder, items, count) if items else None
    if items and segment is None:
        raise Refused(
            machine.problem(
                "a list of other things than numbers and tensors, repeated as often as data or the batch says",
                "the list is kept as the rows of tensors, which have one dtype and shape",
                "repeat a number or a tensor, or append what there is to a list that begins empty",
            )
        )
    return type(items)([] if segment is None else [segment])


def _text(function: str, a: str, b: Any) -> Any:
    """``a + b`` or ``a % b`` of a text."""
    if function != "mod":
        symbolic = isinstance(b, str) and (texts.is_symbolic(a) or texts.is_symbolic(b))
        return texts.make([a, b]) if symbolic else a + b
    given = b if isinstance(b, tuple) else (b,)
    as_numbers = isinstance(a, str) and "%s" not in a and any(map(_whole, given))
    symbolic = as_numbers or any(map(texts.is_symbolic, given))
    made = texts.percent(a, b) if symbolic else None
    return a % b if made is None else made


def _whole(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and not value.is_floating_point()


def _booleans(a: Any, b: Any) -> bool:
    return all(isinstance(item, (bool, torch.SymBool)) for item in (a, b))


def _tensor(a: Any, b: Any) -> bool:
    return any(isinstance(item, (torch.Tensor, arrays.HostArray)) for item in (a, b))
