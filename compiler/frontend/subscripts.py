"""Subscripts, and the fork over the values of an index that depends on data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend import instructions as code
from adaptc.compiler.frontend.arithmetic import as_number
from adaptc.compiler.frontend.iterators import POISON
from adaptc.compiler.frontend.registers import operand, store
from adaptc.compiler.frontend.signals import Refused
from adaptc.compiler.frontend.specials import SymbolicText, refuse_text
from adaptc.compiler.frontend.state import Frame

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


def get_item(machine: Machine, frame: Frame, i: code.GetItem) -> None:
    obj, index = operand(frame, i.obj), operand(frame, i.index)
    if obj is POISON or index is POISON:
        return store(machine, frame, i.dst, POISON)
    if isinstance(index, SymbolicText):
        refuse_text(machine, index)
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


def set_item(machine: Machine, frame: Frame, i: code.SetItem) -> None:
    obj, index, value = operand(frame, i.obj), operand(frame, i.index), operand(frame, i.src)
    if obj is not POISON and index is not POISON and not (value is POISON and isinstance(obj, torch.Tensor)):
        if isinstance(index, torch.SymInt) and not isinstance(obj, torch.Tensor):
            _concretise(machine, frame, i.index, index, obj)
        obj[index] = value
    machine.step(frame)
