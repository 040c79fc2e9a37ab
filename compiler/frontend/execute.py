"""What each instruction does in the running state."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.errors import Problem
from adaptc.compiler.frontend import calls, prelude, rewrites
from adaptc.compiler.frontend import instructions as code
from adaptc.compiler.frontend.iterators import POISON, SequenceIterator
from adaptc.compiler.frontend.signals import Refused
from adaptc.compiler.frontend.state import Frame, Generator
from adaptc.compiler.frontend.symbols import Symbolic

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine


class Fork(BaseException):
    """The instruction needs a concrete value of the symbolic `number` in `register`: one state per value."""

    def __init__(
        self, register: str, number: torch.SymInt, values: Sequence[int], exception: str, message: str
    ) -> None:
        super().__init__(message)
        self.register = register
        self.number = number
        self.values = values
        self.exception = exception
        self.message = message


def operand(frame: Frame, given: code.Operand) -> Any:
    """The value of an operand. Raises UnboundLocalError."""
    if isinstance(given, code.Literal):
        return given.value
    try:
        return frame.registers[given]
    except KeyError:
        raise UnboundLocalError(
            f"cannot access local variable '{given}' where it is not associated with a value"
        ) from None


def store(machine: Machine, frame: Frame, dst: str, value: Any) -> None:
    """Put a result into a register and go on."""
    frame.registers[dst] = value
    machine.step(frame)


def truth(machine: Machine, value: Any) -> bool | torch.SymBool | Any:
    """bool(value): a bool, a symbolic bool, or POISON."""
    if value is POISON or isinstance(value, (bool, torch.SymBool)):
        return value
    if isinstance(value, torch.Tensor):
        return rewrites.nonzero(machine.recorder, value)
    if isinstance(value, (torch.SymInt, torch.SymFloat)):
        return value != 0
    return bool(value)


def as_number(value: Any) -> Any:
    """A symbolic bool as a symbolic int, as Python's arithmetic sees it; anything else as it is."""
    return torch.sym_ite(value, 1, 0) if isinstance(value, torch.SymBool) else value  # type: ignore[no-untyped-call]


def as_tensor(machine: Machine, value: torch.SymBool) -> torch.Tensor:
    """A symbolic bool as a 0-d bool tensor."""
    result: torch.Tensor = machine.recorder.record(rewrites.assemble, (as_number(value), torch.bool), {})
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
    if a is POISON or b is POISON:
        result = POISON
    elif i.function in {"is_", "is_not"}:
        result = _identical(a, b)
        result = result if i.function == "is_" else negate(result)
    elif i.function in {"contains", "not_contains"}:
        result = contains(machine, a, b)
        result = result if i.function == "contains" else negate(result)
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
    else:
        result = getattr(operator, i.function)(as_number(a), as_number(b))
    store(machine, frame, i.dst, result)


def _tensor(a: Any, b: Any) -> bool:
    return isinstance(a, torch.Tensor) or isinstance(b, torch.Tensor)


def _identical(a: Any, b: Any) -> Any:
    if isinstance(a, torch.SymBool) and isinstance(b, bool):
        return a if b else torch.sym_not(a)  # type: ignore[no-untyped-call]
    return a is b


def get_item(machine: Machine, frame: Frame, i: code.GetItem) -> None:
    obj, index = operand(frame, i.obj), operand(frame, i.index)
    if obj is POISON or index is POISON:
        return store(machine, frame, i.dst, POISON)
    if isinstance(index, torch.SymBool) and not isinstance(obj, torch.Tensor):
        index = as_number(index)
    if isinstance(index, torch.SymInt) and not isinstance(obj, torch.Tensor):
        _concretise(machine, frame, i.index, index, obj)
    return store(machine, frame, i.dst, obj[index])


def _concretise(machine: Machine, frame: Frame, register: code.Operand, index: torch.SymInt, obj: Any) -> None:
    """Fork over the values that an index or key can take."""
    if isinstance(obj, (list, tuple, torch.nn.ModuleList, torch.nn.Sequential)):
        nonnegative = machine.recorder.symbols.decide(index.node.expr >= 0)
        values: list[int] = list(range(0 if nonnegative else -len(obj), len(obj)))
        exception, message = "IndexError", "list index out of range"
    elif isinstance(obj, (dict, torch.nn.ModuleDict)) and all(isinstance(key, int) for key in obj):
        values, exception, message = [key for key in obj if isinstance(key, int)], "KeyError", "no such key"
    else:
        raise Refused(
            machine.problem(
                f"a {type(obj).__name__} is indexed by a number that depends on data",
                "only lists, tuples, ModuleLists and dicts with int keys have a known set of elements",
                "keep the elements in a list or ModuleList and index that",
            )
        )
    assert isinstance(register, str)
    raise Fork(register, index, values, exception, message)


def get_attribute(machine: Machine, frame: Frame, i: code.GetAttr) -> None:
    obj = operand(frame, i.obj)
    if obj is POISON:
        return store(machine, frame, i.dst, POISON)
    return calls.get_attribute(machine, frame, obj, i.name, i.dst)


def set_attribute(machine: Machine, frame: Frame, i: code.SetAttr) -> None:
    obj, value = operand(frame, i.obj), operand(frame, i.src)
    if obj is not POISON:
        if isinstance(obj, torch.nn.Module):
            machine.note(
                f"{type(obj).__name__}.{i.name} is set during a call; every call starts from its value at compile time"
            )
        setattr(obj, i.name, value)
    machine.step(frame)


def set_item(machine: Machine, frame: Frame, i: code.SetItem) -> None:
    obj, index, value = operand(frame, i.obj), operand(frame, i.index), operand(frame, i.src)
    if obj is not POISON and index is not POISON and not (value is POISON and isinstance(obj, torch.Tensor)):
        if isinstance(index, torch.SymInt) and not isinstance(obj, torch.Tensor):
            _concretise(machine, frame, i.index, index, obj)
        obj[index] = value
    machine.step(frame)


def items(machine: Machine, frame: Frame, given: Sequence[code.Item]) -> list[Any] | None:
    """The elements of a display or call; None where a generator had to be entered first to drain it."""
    result: list[Any] = []
    for item in given:
        value = operand(frame, item.value)
        if not item.star:
            result.append(value)
        elif isinstance(value, Generator):
            drain(machine, value, item.value)
            return None
        elif value is POISON:
            result.append(POISON)
        else:
            result += list(calls.iterate(machine, value))
    return result


def drain(machine: Machine, generator: Generator, register: code.Operand) -> None:
    """Run a generator to its end into a list in `register`; the running instruction is then executed again."""
    assert isinstance(register, str)
    frame = machine.make_frame(prelude.drain, (generator,), {})  # type: ignore[arg-type]
    frame.dst, frame.finish = register, "retry"
    machine.enter(frame)


def build(kind: Callable[[list[Any]], Any]) -> Callable[[Machine, Frame, Any], None]:
    """Executes a display of `kind`."""

    def run(machine: Machine, frame: Frame, i: code.BuildList) -> None:
        elements = items(machine, frame, i.items)
        if elements is not None:
            store(machine, frame, i.dst, kind(elements))

    return run


def build_dict(machine: Machine, frame: Frame, i: code.BuildDict) -> None:
    result: dict[Any, Any] = {}
    for key, value in i.items:
        given = operand(frame, value)
        if key is None:
            result.update(given)
        else:
            result[operand(frame, key)] = given
    store(machine, frame, i.dst, result)


def call(machine: Machine, frame: Frame, i: code.Call) -> None:
    function = operand(frame, i.func)
    args = items(machine, frame, i.args)
    if args is None:
        return
    kwargs: dict[str, Any] = {}
    for name, value in i.kwargs:
        given = operand(frame, value)
        if name is not None:
            kwargs[name] = given
        elif given is not POISON:
            kwargs.update(given)
    for item in i.args:
        if not item.star and isinstance(operand(frame, item.value), Generator):
            if calls.drains(machine, function):
                drain(machine, operand(frame, item.value), item.value)
                return
    calls.call(machine, function, tuple(args), kwargs, i.dst)


def make_function(machine: Machine, frame: Frame, i: code.MakeFunction) -> None:
    closure = tuple([frame.cells[cell] for _, cell in i.cells])
    defaults = operand(frame, i.defaults)
    function = FunctionType(i.code, frame.globals, i.code.co_name, None, closure)
    function.__defaults__ = defaults
    function.__kwdefaults__ = operand(frame, i.kwdefaults)
    function.__qualname__ = i.code.co_qualname
    store(machine, frame, i.dst, function)


def next_item(machine: Machine, frame: Frame, i: code.Next) -> None:
    iterator = frame.registers[i.iterator]
    if isinstance(iterator, Generator):
        resume(machine, iterator, None, i.dst)
        return
    try:
        value = next(iterator)
    except StopIteration:
        machine.step(frame, i.exhausted)
        return
    frame.registers[i.dst] = value
    machine.step(frame)


def resume(machine: Machine, generator: Generator, sent: Any, dst: str | None) -> None:
    """Go on with a generator's body; its next item goes to `dst` of the running frame."""
    if generator.running:
        raise ValueError("generator already executing")
    if generator.frame is None:
        exhausted(machine, machine.state.frames[-1], None)
        return
    frame = generator.frame
    if generator.started:
        waiting = frame.code.instructions[frame.pc]
        assert isinstance(waiting, code.Yield)
        frame.registers[waiting.dst] = sent
        machine.step(frame)
    frame.dst, frame.finish, frame.result = dst, "generator", generator
    generator.frame, generator.running, generator.started = None, True, True
    machine.enter(frame)


def exhausted(machine: Machine, consumer: Frame, value: Any) -> None:
    """A generator has no more items for the instruction that `consumer` is at."""
    instruction = consumer.code.instructions[consumer.pc]
    if isinstance(instruction, code.Next):
        machine.step(consumer, instruction.exhausted)
        return
    calls.no_next_item(machine, consumer, instruction, value)


def yield_value(machine: Machine, frame: Frame, i: code.Yield) -> None:
    value = operand(frame, i.value)
    machine.state.frames.pop()
    generator: Generator = frame.result
    generator.frame, generator.running = frame, False
    consumer = machine.state.frames[-1]
    machine.returned = True
    if frame.dst is not None:
        consumer.registers[frame.dst] = value
    machine.step(consumer)


def unpack(machine: Machine, frame: Frame, i: code.Unpack) -> None:
    source = operand(frame, i.src)
    if isinstance(source, Generator):
        drain(machine, source, i.src)
        return
    if source is POISON:
        for name in i.dsts:
            frame.registers[name] = POISON
        machine.step(frame)
        return
    values: list[Any] = list(calls.iterate(machine, source))
    if i.star is not None:
        after = len(i.dsts) - i.star - 1
        if len(values) < len(i.dsts) - 1:
            raise ValueError(f"not enough values to unpack (expected at least {len(i.dsts) - 1}, got {len(values)})")
        stop = len(values) - after
        values = [*values[: i.star], values[i.star : stop], *values[stop:]]
    if len(values) > len(i.dsts):
        raise ValueError(f"too many values to unpack (expected {len(i.dsts)})")
    if len(values) < len(i.dsts):
        raise ValueError(f"not enough values to unpack (expected {len(i.dsts)}, got {len(values)})")
    frame.registers.update(zip(i.dsts, values, strict=True))
    machine.step(frame)


def load_global(machine: Machine, frame: Frame, i: code.LoadGlobal) -> None:
    if i.name in frame.globals:
        value = frame.globals[i.name]
    else:
        namespace = frame.globals["__builtins__"]
        table = namespace if isinstance(namespace, dict) else namespace.__dict__
        if i.name not in table:
            raise NameError(f"name '{i.name}' is not defined")
        value = table[i.name]
    store(machine, frame, i.dst, value)


def store_global(machine: Machine, frame: Frame, i: code.StoreGlobal) -> None:
    raise Refused(
        machine.problem(
            f"the global variable {i.name} is set",
            "a compiled network keeps nothing outside itself from call to call",
            "return the value, or keep it in a local variable",
        )
    )


def load_cell(machine: Machine, frame: Frame, i: code.LoadCell) -> None:
    try:
        value = frame.cells[i.cell].cell_contents
    except ValueError:
        raise NameError(f"cannot access free variable '{i.cell}' where it is not associated with a value") from None
    store(machine, frame, i.dst, value)


def store_cell(machine: Machine, frame: Frame, i: code.StoreCell) -> None:
    frame.cells.setdefault(i.cell, CellType()).cell_contents = operand(frame, i.src)
    machine.step(frame)


def delete_cell(machine: Machine, frame: Frame, i: code.DeleteCell) -> None:
    del frame.cells[i.cell].cell_contents
    machine.step(frame)


def make_cell(machine: Machine, frame: Frame, i: code.MakeCell) -> None:
    frame.cells[i.cell] = CellType()
    machine.step(frame)


def delete(machine: Machine, frame: Frame, i: code.Delete) -> None:
    operand(frame, i.name)
    del frame.registers[i.name]
    machine.step(frame)


def del_attribute(machine: Machine, frame: Frame, i: code.DelAttr) -> None:
    delattr(operand(frame, i.obj), i.name)
    machine.step(frame)


def del_item(machine: Machine, frame: Frame, i: code.DelItem) -> None:
    del operand(frame, i.obj)[operand(frame, i.index)]
    machine.step(frame)


def format_value(machine: Machine, frame: Frame, i: code.Format) -> None:
    value = operand(frame, i.value)
    if isinstance(value, Symbolic):
        value = calls.symbolic_text(machine, value)
    spec = operand(frame, i.spec)
    convert: dict[str, Callable[[Any], Any]] = {"": lambda item: item, "s": str, "r": repr, "a": ascii}
    text = str(value) if isinstance(value, calls.SymbolicText) else format(convert[i.conversion](value), spec)
    store(machine, frame, i.dst, calls.SymbolicText(text) if isinstance(value, calls.SymbolicText) else text)


def join(machine: Machine, frame: Frame, i: code.Join) -> None:
    parts = [operand(frame, part) for part in i.parts]
    text = "".join(parts)
    symbolic = any(isinstance(part, calls.SymbolicText) for part in parts)
    store(machine, frame, i.dst, calls.SymbolicText(text) if symbolic else text)


def raise_exception(machine: Machine, frame: Frame, i: code.Raise) -> None:
    error, cause = operand(frame, i.exc), operand(frame, i.cause)
    if error is POISON:
        raise Refused(Problem(*machine.location(), "an unknown exception", "it follows from a problem above", ""))
    if isinstance(error, type):
        error = error()
    machine.raised = error
    if cause is not None:
        raise error from (cause() if isinstance(cause, type) else cause)
    raise error


def catch(machine: Machine, frame: Frame, i: code.Catch) -> None:
    error, frame.pending = frame.pending, None
    store(machine, frame, i.dst, error)


def refuse(machine: Machine, frame: Frame, i: code.Refuse) -> None:
    raise Refused(machine.problem(i.refusal.found, i.refusal.why, i.refusal.instead))


def get_iter(machine: Machine, frame: Frame, i: code.GetIter) -> None:
    store(machine, frame, i.dst, calls.iterator(machine, operand(frame, i.obj)))


EXECUTE: dict[type, Callable[[Machine, Frame, Any], None]] = {
    code.Move: lambda m, f, i: store(m, f, i.dst, operand(f, i.src)),
    code.Delete: delete,
    code.LoadGlobal: load_global,
    code.StoreGlobal: store_global,
    code.MakeCell: make_cell,
    code.LoadCell: load_cell,
    code.StoreCell: store_cell,
    code.DeleteCell: delete_cell,
    code.Unary: unary,
    code.Binary: binary,
    code.GetAttr: get_attribute,
    code.SetAttr: set_attribute,
    code.DelAttr: del_attribute,
    code.GetItem: get_item,
    code.SetItem: set_item,
    code.DelItem: del_item,
    code.BuildSlice: lambda m, f, i: store(
        m, f, i.dst, slice(operand(f, i.lower), operand(f, i.upper), operand(f, i.step))
    ),
    code.BuildTuple: build(tuple),
    code.BuildList: build(list),
    code.BuildSet: build(set),
    code.BuildDict: build_dict,
    code.Call: call,
    code.Format: format_value,
    code.Join: join,
    code.MakeFunction: make_function,
    code.GetIter: get_iter,
    code.Next: next_item,
    code.Unpack: unpack,
    code.Import: lambda m, f, i: store(m, f, i.dst, __import__(i.module, f.globals, None, i.fromlist, i.level)),
    code.Goto: lambda m, f, i: m.step(f, i.target),
    code.Return: lambda m, f, i: m.leave(operand(f, i.src)),
    code.Raise: raise_exception,
    code.Catch: catch,
    code.MatchException: lambda m, f, i: store(m, f, i.dst, isinstance(operand(f, i.exc), operand(f, i.kind))),
    code.Yield: yield_value,
    code.Refuse: refuse,
}

__all__ = ["EXECUTE", "Fork", "SequenceIterator", "operand", "truth"]
