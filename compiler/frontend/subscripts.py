"""Subscripts, and what becomes of an index or a key that depends on data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend import arrays, calls, list_prelude, prelude, segments, texts
from adaptc.compiler.frontend import instructions as code
from adaptc.compiler.frontend.arithmetic import as_number
from adaptc.compiler.frontend.forks import Fork
from adaptc.compiler.frontend.iterators import POISON
from adaptc.compiler.frontend.registers import operand, store
from adaptc.compiler.frontend.signals import Refused
from adaptc.compiler.frontend.state import Frame

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine


def get_item(machine: Machine, frame: Frame, i: code.GetItem) -> None:
    obj, index = operand(frame, i.obj), operand(frame, i.index)
    if obj is POISON or index is POISON:
        return store(machine, frame, i.dst, POISON)
    if isinstance(obj, arrays.HostArray):
        return store(machine, frame, i.dst, obj[index])
    index = arrays.number(machine.recorder, index) if not isinstance(obj, torch.Tensor) else index
    if isinstance(index, texts.SymbolicText) and isinstance(obj, _MAPPINGS):
        number, names = texts.choices(machine, index, list(obj))
        found = {value: obj[name] for value, name in names.items()}
        raise Fork(number, list(found), ("KeyError", "no such key"), dst=i.dst, found=found)
    if isinstance(index, texts.SymbolicText):
        raise texts.refusal(machine)
    if segments.holds(obj):
        return _grown_item(machine, frame, i, obj, index)
    if not isinstance(obj, torch.Tensor):
        if isinstance(index, torch.SymBool):
            index = as_number(index)
        if isinstance(index, torch.SymInt):
            assert isinstance(i.index, str)
            raise Fork(index, *_values(machine, index, obj), register=i.index)
        if isinstance(index, torch.Tensor) and isinstance(obj, _SEQUENCES):
            place = machine.recorder.read(index)
            if isinstance(place, torch.SymInt):
                values, error = _values(machine, place, obj)
                raise Fork(place, values, error, dst=i.dst, found={value: obj[value] for value in values})
            index = place
        if isinstance(index, slice) and isinstance(obj, _SEQUENCES):
            _fork_slice(machine, i, obj, index)
    try:
        item = obj[index]
    except (IndexError, KeyError) as error:
        fixed = isinstance(obj, torch.Tensor) and all(isinstance(extent, int) for extent in obj.shape)
        if fixed or isinstance(obj, (*_SEQUENCES, *_MAPPINGS)):
            machine.raised = error  # eager PyTorch raises it as well
        raise
    return store(machine, frame, i.dst, item)


def _fork_slice(machine: Machine, i: code.GetItem, obj: Any, index: slice) -> None:
    """Fork over the values of the bounds of a slice that depend on data. Raises Fork."""
    for name in ("start", "stop"):
        bound = getattr(index, name)
        if isinstance(bound, torch.Tensor):
            bound = machine.recorder.read(bound)
        if not isinstance(bound, torch.SymInt):
            continue
        least = 0 if machine.recorder.symbols.decide(bound.node.expr >= 0) else -len(obj)
        within = torch.sym_max(least, torch.sym_min(bound, len(obj)))  # type: ignore[no-untyped-call]
        parts = {"start": index.start, "stop": index.stop, "step": index.step}
        found = {value: slice(*{**parts, name: value}.values()) for value in range(least, len(obj) + 1)}
        assert isinstance(i.index, str)
        raise Fork(within, list(found), ("IndexError", "no such slice"), register=i.index, found=found)


def _grown_item(machine: Machine, frame: Frame, i: code.GetItem, obj: Any, index: Any) -> None:
    """An element or a slice of a list that grows in a loop."""
    if isinstance(index, torch.Tensor):
        index = machine.recorder.read(index)
    if isinstance(index, slice):
        segment = segments.whole(machine.recorder, obj)
        if segment is None:
            raise Refused(segments.refusal(machine.problem, "a slice"))
        if index == slice(None, None, -1):
            part = segments.reversed(machine.recorder, segment)
        elif index.step is not None and isinstance(index.step, int) and index.step < 1:
            raise Refused(segments.refusal(machine.problem, "a slice with a negative step"))
        else:
            part = segments.sliced(segment, index)
        return store(machine, frame, i.dst, type(obj)([part]))
    place = next(place for place, item in enumerate(obj) if type(item) is segments.Segment)
    parts = obj[:place], obj[place], obj[place + 1 :]
    inner = machine.make_frame(prelude.grown_item, (*parts, index), {})  # type: ignore[arg-type]
    inner.dst = i.dst
    return machine.enter(inner)


def _beside_segments(items: list[Any], index: Any) -> bool:
    """Whether an index is that of an element which no segment stands before, counted from its end of the list."""
    if not isinstance(index, int) or not -len(items) <= index < len(items):
        return False
    between = items[: index + 1] if index >= 0 else items[index:]
    return not any(type(item) is segments.Segment for item in between)


def _set_grown_item(machine: Machine, items: list[Any], index: Any, value: Any) -> None:
    """Assign to an element of a list that grows in a loop."""
    if isinstance(index, torch.Tensor):
        index = machine.recorder.read(index)
    if isinstance(index, slice):
        raise Refused(segments.refusal(machine.problem, "assignment to a slice"))
    inner = machine.make_frame(list_prelude.set_grown_item, (items, index, value), {})  # type: ignore[arg-type]
    machine.enter(inner)


def del_item(machine: Machine, obj: Any, index: Any) -> None:
    """del obj[index]"""
    if segments.holds(obj) and not _beside_segments(obj, index):
        if isinstance(index, slice):
            raise Refused(segments.refusal(machine.problem, "deletion of a slice"))
        if isinstance(index, torch.Tensor):
            index = machine.recorder.read(index)
        machine.enter(machine.make_frame(list_prelude.delete_grown_item, (obj, index), {}))  # type: ignore[arg-type]
        return
    del obj[index]
    machine.step(machine.state.frames[-1])


_MAPPINGS = (dict, torch.nn.ModuleDict, torch.nn.ParameterDict)
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
        if segments.holds(obj) and not _beside_segments(obj, index):
            _set_grown_item(machine, obj, index, value)
            return
        if isinstance(index, torch.SymInt) and not isinstance(obj, torch.Tensor):
            assert isinstance(i.index, str)
            raise Fork(index, *_values(machine, index, obj, storing=True), register=i.index)
        obj[index] = value
    machine.step(frame)
