"""What each instruction does in the running state."""

from __future__ import annotations

from collections.abc import Callable
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend import arithmetic, calls, iteration, subscripts, texts
from adaptc.compiler.frontend import instructions as code
from adaptc.compiler.frontend.iteration import items
from adaptc.compiler.frontend.iterators import POISON
from adaptc.compiler.frontend.registers import operand, store
from adaptc.compiler.frontend.signals import Refused
from adaptc.compiler.frontend.state import Frame, Generator

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine


def get_attribute(machine: Machine, frame: Frame, i: code.GetAttr) -> None:
    obj = operand(frame, i.obj)
    if obj is POISON:
        return store(machine, frame, i.dst, POISON)
    return calls.get_attribute(machine, frame, obj, i.name, i.dst)


def set_attribute(machine: Machine, frame: Frame, i: code.SetAttr) -> None:
    obj, value = operand(frame, i.obj), operand(frame, i.src)
    if obj is not POISON:
        setattr(obj, i.name, value)
    machine.step(frame)


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
                iteration.drain(machine, operand(frame, item.value), item.value)
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
    cell = frame.cells.get(i.cell)
    if cell is not None and cell != CellType():
        del cell.cell_contents
    machine.step(frame)


def make_cell(machine: Machine, frame: Frame, i: code.MakeCell) -> None:
    frame.cells[i.cell] = CellType()
    machine.step(frame)


def delete(machine: Machine, frame: Frame, i: code.Delete) -> None:
    frame.registers.pop(i.name, None)  # absent where a join has forgotten it: nothing reads it then
    machine.step(frame)


def del_attribute(machine: Machine, frame: Frame, i: code.DelAttr) -> None:
    delattr(operand(frame, i.obj), i.name)
    machine.step(frame)


def del_item(machine: Machine, frame: Frame, i: code.DelItem) -> None:
    subscripts.del_item(machine, operand(frame, i.obj), operand(frame, i.index))


def format_value(machine: Machine, frame: Frame, i: code.Format) -> None:
    value = operand(frame, i.value)
    spec = operand(frame, i.spec)
    convert: dict[str, Callable[[Any], Any]] = {"": lambda item: item, "s": str, "r": repr, "a": ascii}
    if isinstance(value, torch.Tensor) and not i.conversion:
        store(machine, frame, i.dst, format(value, spec))
        return
    if not texts.is_symbolic(value):
        value = convert[i.conversion](value)
    store(machine, frame, i.dst, texts.of_value(value, spec))


def join(machine: Machine, frame: Frame, i: code.Join) -> None:
    parts = [operand(frame, part) for part in i.parts]
    store(machine, frame, i.dst, texts.make(parts))


def raise_exception(machine: Machine, frame: Frame, i: code.Raise) -> None:
    error, cause = operand(frame, i.exc), operand(frame, i.cause)
    if error is POISON:
        raise Refused(machine.problem("an unknown exception", "it follows from a problem above", "mend that one"))
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


EXECUTE: dict[type, Callable[[Machine, Frame, Any], None]] = {
    code.Move: lambda m, f, i: store(m, f, i.dst, operand(f, i.src)),
    code.Delete: delete,
    code.LoadGlobal: load_global,
    code.StoreGlobal: store_global,
    code.MakeCell: make_cell,
    code.LoadCell: load_cell,
    code.StoreCell: store_cell,
    code.DeleteCell: delete_cell,
    code.Unary: arithmetic.unary,
    code.Binary: arithmetic.binary,
    code.GetAttr: get_attribute,
    code.SetAttr: set_attribute,
    code.DelAttr: del_attribute,
    code.GetItem: subscripts.get_item,
    code.SetItem: subscripts.set_item,
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
    code.GetIter: iteration.get_iter,
    code.Unpack: iteration.unpack,
    code.Import: lambda m, f, i: store(m, f, i.dst, __import__(i.module, f.globals, None, i.fromlist, i.level)),
    code.Goto: lambda m, f, i: m.step(f, i.target),
    code.Return: lambda m, f, i: m.leave(operand(f, i.src)),
    code.Raise: raise_exception,
    code.Catch: catch,
    code.MatchException: lambda m, f, i: store(m, f, i.dst, isinstance(operand(f, i.exc), operand(f, i.kind))),
    code.Yield: iteration.yield_value,
    code.Refuse: refuse,
}
