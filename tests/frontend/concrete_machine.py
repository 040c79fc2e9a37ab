"""An executor of register code on ordinary Python objects: no forks, no merges. The meaning of the instructions.

Functions whose code comes from one of the machine's files are run in frames of their own; everything else is called
natively. With `forget`, registers and cells that are not live are dropped before every instruction, so that a result
that still comes out right shows that the live sets are sound.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CellType, FunctionType, MethodType
from typing import Any

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.instructions import FunctionCode, Instruction, Literal, Operand

MISSING = object()


@dataclass(eq=False)
class Frame:
    """A call that is running; `dst` is the register of the caller that takes the result."""

    code: FunctionCode
    globals: dict[str, Any]
    registers: dict[str, Any]
    cells: dict[str, CellType]
    dst: str = ""
    pc: int = 0
    caught: BaseException | None = None


@dataclass(eq=False)
class Yielded:
    """What a generator's frame hands to its consumer."""

    value: Any


class Generator:
    """A generator that runs in the machine, with the interface of Python's own."""

    def __init__(self, machine: Machine, frame: Frame) -> None:
        self.machine = machine
        self.frame: Frame | None = frame
        self.started = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        if self.frame is not None and self.started:
            waiting = self.frame.code.instructions[self.frame.pc]
            assert isinstance(waiting, ins.Yield)
            self.frame.registers[waiting.dst] = value
            self.frame.pc += 1
        return self._resume(None)

    def throw(self, error: BaseException) -> Any:
        if self.frame is None or not self.started:
            self.frame = None
            raise error
        return self._resume(error)

    def close(self) -> None:
        try:
            self.throw(GeneratorExit())
        except (GeneratorExit, StopIteration):
            return
        raise RuntimeError("generator ignored GeneratorExit")

    def _resume(self, error: BaseException | None) -> Any:
        frame, self.started = self.frame, True
        if frame is None:
            raise StopIteration
        self.frame = None
        try:
            outcome = self.machine.execute(frame, error)
        except StopIteration as stop:
            raise RuntimeError("generator raised StopIteration") from stop
        if isinstance(outcome, Yielded):
            self.frame = frame
            return outcome.value
        raise StopIteration(outcome)


@dataclass
class Machine:
    """Runs the functions of `files`."""

    lower: Callable[[Any], FunctionCode]
    files: set[str]
    forget: bool = False
    seen: set[tuple[int, int]] = field(default_factory=set)
    steps: int = 0

    def call(self, function: FunctionType, *args: Any, **kwargs: Any) -> Any:
        """What calling `function` gives or raises."""
        frame = self.frame(function, args, kwargs)
        return Generator(self, frame) if frame.code.is_generator else self.execute(frame)

    def frame(self, function: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Frame:
        if function.__code__.co_varnames[:1] == (".0",):
            bound = {".0": args[0]}
        else:
            signature = inspect.Signature.from_callable(function, follow_wrapped=False)
            arguments = signature.bind(*args, **kwargs)
            arguments.apply_defaults()
            bound = dict(arguments.arguments)
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
        for name in function.__code__.co_cellvars:
            cells[name] = CellType(bound.pop(name)) if name in bound else CellType()
        return Frame(self.lower(function.__code__), function.__globals__, bound, cells)

    def execute(self, bottom: Frame, error: BaseException | None = None) -> Any:
        """Run a frame, and those it calls, until it returns (its value), yields (Yielded) or raises."""
        stack = [bottom]
        while True:
            frame = stack[-1]
            if error is None:
                try:
                    outcome = self.step(frame, stack)
                except BaseException as raised:  # noqa: BLE001 (the machine hands on whatever the program raises)
                    error = raised
                else:
                    if outcome is MISSING:
                        continue
                    stack.pop()
                    if isinstance(outcome, Yielded) or not stack:
                        return outcome
                    stack[-1].registers[frame.dst] = outcome
                    stack[-1].pc += 1
                    continue
            handler = frame.code.handlers[frame.pc]
            if handler is not None:
                frame.caught, frame.pc, error = error, handler, None
                continue
            stack.pop()
            if not stack:
                raise error

    def step(self, frame: Frame, stack: list[Frame]) -> Any:
        """Execute one instruction; the value that ends the frame, or MISSING."""
        self.steps += 1
        if self.steps > 200_000:
            raise RuntimeError("the program runs too long")
        if self.forget:
            live = frame.code.live[frame.pc]
            frame.registers = {name: value for name, value in frame.registers.items() if name in live}
            frame.cells = {name: cell for name, cell in frame.cells.items() if f"&{name}" in live}
        self.seen.add((id(frame.code), frame.pc))
        instruction = frame.code.instructions[frame.pc]
        if isinstance(instruction, ins.Return):
            return read(frame, instruction.src)
        if isinstance(instruction, ins.Yield):
            return Yielded(read(frame, instruction.value))
        if isinstance(instruction, ins.Call):
            return self.enter(frame, instruction, stack)
        target = jump(frame, instruction)
        if target is None:
            perform(frame, instruction)
            target = frame.pc + 1
        frame.pc = target
        return MISSING

    def enter(self, frame: Frame, call: ins.Call, stack: list[Frame]) -> Any:
        """Execute a call: in a frame of its own where its function is one of ours."""
        function = read(frame, call.func)
        args = tuple(elements(frame, call.args))
        kwargs: dict[str, Any] = {}
        for name, value in call.kwargs:
            given = {name: read(frame, value)} if name is not None else dict(read(frame, value))
            repeated = kwargs.keys() & given.keys()
            if repeated or not all(isinstance(key, str) for key in given):
                raise TypeError(f"keywords {repeated or given} are given twice or no strings")
            kwargs |= given
        if function is super and not args:
            first = frame.code.code.co_varnames[0]
            instance = frame.cells[first].cell_contents if first in frame.cells else read(frame, first)
            args = (frame.cells["__class__"].cell_contents, instance)
        if isinstance(function, MethodType):
            function, args = function.__func__, (function.__self__, *args)
        if not isinstance(function, FunctionType) or function.__code__.co_filename not in self.files:
            frame.registers[call.dst] = function(*args, **kwargs)
            frame.pc += 1
            return MISSING
        entered = self.frame(function, args, kwargs)
        if entered.code.is_generator:
            frame.registers[call.dst] = Generator(self, entered)
            frame.pc += 1
        else:
            entered.dst = call.dst
            stack.append(entered)
        return MISSING


def read(frame: Frame, operand: Operand) -> Any:
    """The value of an operand."""
    if isinstance(operand, Literal):
        return operand.value
    if operand not in frame.registers:
        raise UnboundLocalError(f"cannot access local variable '{operand}' where it is not associated with a value")
    return frame.registers[operand]


def elements(frame: Frame, items: tuple[ins.Item, ...]) -> Iterator[Any]:
    """The elements of a call or display."""
    for item in items:
        value = read(frame, item.value)
        if item.star:
            yield from value
        else:
            yield value


def jump(frame: Frame, instruction: Instruction) -> int | None:
    """Where an instruction goes, None where it goes on and has to be performed."""
    match instruction:
        case ins.Goto(target=target):
            return target
        case ins.Test(test=test, then=then, orelse=orelse):
            return then if read(frame, test) else orelse
        case ins.Next(dst=dst, iterator=iterator, exhausted=exhausted):
            try:
                frame.registers[dst] = next(frame.registers[iterator])
            except StopIteration:
                return exhausted
            return frame.pc + 1
    return None


def perform(frame: Frame, instruction: Instruction) -> None:
    """Execute an instruction that goes on to the next one."""
    registers, cells = frame.registers, frame.cells

    def value(operand: Operand) -> Any:
        return read(frame, operand)

    match instruction:
        case ins.Move(dst=dst, src=src):
            registers[dst] = value(src)
        case ins.Delete(name=name):
            registers.pop(name, None)
        case ins.LoadGlobal(dst=dst, name=name):
            builtins = frame.globals["__builtins__"]
            builtins = builtins if isinstance(builtins, dict) else vars(builtins)
            if name not in frame.globals and name not in builtins:
                raise NameError(f"name '{name}' is not defined")
            registers[dst] = frame.globals[name] if name in frame.globals else builtins[name]
        case ins.StoreGlobal(name=name, src=src):
            frame.globals[name] = value(src)
        case ins.MakeCell(cell=cell):
            cells[cell] = CellType()
        case ins.LoadCell(dst=dst, cell=cell):
            if is_empty(cells[cell]):
                free = cell in frame.code.code.co_freevars
                raise (NameError if free else UnboundLocalError)(f"cell {cell} is empty")
            registers[dst] = cells[cell].cell_contents
        case ins.StoreCell(cell=cell, src=src):
            cells.setdefault(cell, CellType()).cell_contents = value(src)
        case ins.DeleteCell(cell=cell):
            if cell in cells and not is_empty(cells[cell]):
                del cells[cell].cell_contents
        case ins.Unary(dst=dst, function=function, a=a):
            registers[dst] = getattr(operator, function)(value(a))
        case ins.Binary(dst=dst, function=function, a=a, b=b):
            left, right = value(a), value(b)
            if function in ("contains", "not_contains"):
                registers[dst] = (left in right) is (function == "contains")
            else:
                registers[dst] = getattr(operator, function)(left, right)
        case ins.GetAttr(dst=dst, obj=obj, name=name):
            registers[dst] = getattr(value(obj), name)
        case ins.SetAttr(obj=obj, name=name, src=src):
            source = value(src)
            setattr(value(obj), name, source)
        case ins.DelAttr(obj=obj, name=name):
            delattr(value(obj), name)
        case ins.GetItem(dst=dst, obj=obj, index=index):
            registers[dst] = value(obj)[value(index)]
        case ins.SetItem(obj=obj, index=index, src=src):
            source = value(src)
            value(obj)[value(index)] = source
        case ins.DelItem(obj=obj, index=index):
            del value(obj)[value(index)]
        case ins.BuildSlice(dst=dst, lower=lower, upper=upper, step=step):
            registers[dst] = slice(value(lower), value(upper), value(step))
        case ins.BuildTuple(dst=dst, items=items):
            registers[dst] = tuple(elements(frame, items))
        case ins.BuildList(dst=dst, items=items):
            registers[dst] = list(elements(frame, items))
        case ins.BuildSet(dst=dst, items=items):
            registers[dst] = set(elements(frame, items))
        case ins.BuildDict(dst=dst, items=pairs):
            result: dict[Any, Any] = {}
            for key, item in pairs:
                result.update({**value(item)} if key is None else {value(key): value(item)})
            registers[dst] = result
        case ins.Format(dst=dst, value=given, conversion=conversion, spec=spec):
            convert = {"": lambda x: x, "s": str, "r": repr, "a": ascii}[conversion]
            registers[dst] = format(convert(value(given)), value(spec))
        case ins.Join(dst=dst, parts=parts):
            registers[dst] = "".join([value(part) for part in parts])
        case ins.MakeFunction(dst=dst, code=code, cells=pairs, defaults=defaults, kwdefaults=kwdefaults):
            closure = tuple(cells.setdefault(cell, CellType()) for _, cell in pairs)
            function = FunctionType(code, frame.globals, code.co_name, value(defaults), closure)
            function.__kwdefaults__ = value(kwdefaults)
            registers[dst] = function
        case ins.GetIter(dst=dst, obj=obj):
            registers[dst] = iter(value(obj))
        case ins.Unpack(dsts=dsts, star=star, src=src):
            registers.update(zip(dsts, unpack(value(src), len(dsts), star)))
        case ins.Import(dst=dst, module=module, fromlist=fromlist, level=level):
            registers[dst] = __import__(module, frame.globals, None, fromlist, level)
        case ins.Raise(exc=exc, cause=cause):
            if isinstance(cause, Literal):
                raise value(exc)
            raise value(exc) from value(cause)
        case ins.Catch(dst=dst):
            registers[dst] = frame.caught
        case ins.MatchException(dst=dst, exc=exc, kind=kind):
            registers[dst] = matches(value(exc), value(kind))
        case ins.Refuse(refusal=refusal):
            raise NotImplementedError(refusal.found)
        case _:
            raise AssertionError(f"unknown instruction {instruction}")


def is_empty(cell: CellType) -> bool:
    """Whether a cell has no contents."""
    try:
        _ = cell.cell_contents
    except ValueError:
        return True
    return False


def unpack(source: Any, count: int, star: int | None) -> list[Any]:
    """The elements of `source` for `count` targets; without a star no more than one too many is taken."""
    iterator = iter(source)
    if star is not None:
        rest = list(iterator)
        if len(rest) < count - 1:
            raise ValueError(f"not enough values to unpack (expected at least {count - 1}, got {len(rest)})")
        stop = len(rest) - (count - star - 1)
        return [*rest[:star], rest[star:stop], *rest[stop:]]
    found = []
    for item in iterator:
        if len(found) == count:
            raise ValueError(f"too many values to unpack (expected {count})")
        found.append(item)
    if len(found) < count:
        raise ValueError(f"not enough values to unpack (expected {count}, got {len(found)})")
    return found


def matches(error: BaseException, kind: Any) -> bool:
    """Whether ``except kind`` takes `error`."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not all(isinstance(one, type) and issubclass(one, BaseException) for one in kinds):
        raise TypeError("catching classes that do not inherit from BaseException is not allowed")
    return isinstance(error, kinds)
