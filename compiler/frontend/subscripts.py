"""Subscripts, and the fork over the values of an index that depends on data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend import calls
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
    """A subscript needs a concrete value of the symbolic `number`: one state per value.

    With a `register`, that register gets the value and the instruction is executed again; without one, the register
    `dst` gets the element of `container` at the value.
    """

    def __init__(
        self,
        number: torch.SymInt,
        values: Sequence[int],
        error: tuple[str, str],
        *,
        register: str | None = None,
        dst: str = "",
        container: Any = None,
    ) -> None:
        super().__init__(error[1])
        self.number = number
        self.values = values
        self.error = error
        self.register = register
        self.dst = dst
        self.container = container


def get_item(machine: Machine, frame: Frame, i: code.GetItem) -> None:
    obj, index = operand(frame, i.obj), operand(frame, i.index)
    if obj is POISON or index is POISON:
        return store(machine, frame, i.dst, POISON)
    if isinstance(index, SymbolicText):
        refuse_text(machine, index)
    if not isinstance(obj, torch.Tensor):
        if isinstance(index, torch.SymBool):
            index = as_number(index)
        if isinstance(index, torch.SymInt):
            assert isinstance(i.index, str)
            raise Fork(index, *_values(machine, index, obj), register=i.index)
        if isinstance(index, torch.Tensor) and isinstance(obj, _SEQUENCES):
            number = machine.recorder.read(index)
            if isinstance(number, torch.SymInt):
                raise Fork(number, *_values(machine, number, obj), dst=i.dst, container=obj)
            index = number
    return store(machine, frame, i.dst, obj[index])


_SEQUENCES = (list, tuple, range, torch.nn.ModuleList, torch.nn.Sequential, torch.nn.ParameterList)


def _values(
    machine: Machine, index: torch.SymInt, obj: Any, *, storing: bool = False
) -> tuple[list[int], tuple[str, str]]:
    """The values that an index or key into `obj` can take, and the error of any other."""
    if isinstance(obj, _SEQUENCES):
        nonnegative = machine.recorder.symbols.decide(index.node.expr >= 0)
        return list(range(0 if nonnegative else -len(obj), len(obj))), ("IndexError", "list index out of range")
    if machine.recorder.symbols.site_of(index.node.expr) is not None or storing or hasattr(obj, "__missing__"):
        raise calls.refuse_key(machine, [index])
    if isinstance(obj, dict) and all(isinstance(key, int) for key in obj):
        return list(obj), ("KeyError", "no such key")
    raise Refused(
        machine.problem(
            f"a {type(obj).__name__} is indexed by a number that depends on data",
            "only lists, tuples, ModuleLists and dicts with int keys have a known set of elements",
            "keep the elements in a list or ModuleList and index that",
        )
    )


def set_item(machine: Machine, frame: Frame, i: code.SetItem) -> None:
    obj, index, value = operand(frame, i.obj), operand(frame, i.index), operand(frame, i.src)
    if obj is not POISON and index is not POISON and not (value is POISON and isinstance(obj, torch.Tensor)):
        if isinstance(index, torch.SymInt) and not isinstance(obj, torch.Tensor):
            assert isinstance(i.index, str)
            raise Fork(index, *_values(machine, index, obj, storing=True), register=i.index)
        obj[index] = value
    machine.step(frame)
