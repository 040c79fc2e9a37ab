"""Merging states at a join: tensors become block arguments, unequal numbers host scalars, containers merge elementwise.

Only what is live counts. Objects that cannot be merged (modules, None against a tensor, lengths, ranks, dtypes) are a
conflict, and the states stay apart until the difference is dead.
"""

from __future__ import annotations

import enum
import functools
import inspect
import operator
from collections.abc import Sequence
from types import BuiltinFunctionType, FunctionType, MethodType, MethodWrapperType, ModuleType
from typing import Any

import torch

from adaptc.compiler.frontend import segments, texts
from adaptc.compiler.frontend.draft import JumpEnd
from adaptc.compiler.frontend.heap import blank
from adaptc.compiler.frontend.iterators import POISON, MachineIterator, SequenceIterator
from adaptc.compiler.frontend.merge_values import Conflict, ValueMerge
from adaptc.compiler.frontend.state import Frame, Generator, State
from adaptc.compiler.frontend.symbols import expression, kind_of

_ATOMS = (
    str, bytes, torch.dtype, torch.device, range, complex, ModuleType, enum.Enum, torch.overrides.TorchFunctionMode,
)  # fmt: skip
_METHODS = (MethodType, BuiltinFunctionType, MethodWrapperType)
_COMPARED_BY_VALUE = (*_ATOMS, *_METHODS)


def _kind_name(item: Any) -> str:
    """What the user calls the type of `item`."""
    if item is None:
        return "None"
    return kind_of(item) or ("Tensor" if isinstance(item, torch.Tensor) else type(item).__name__)


def _differ(a: Any, b: Any) -> bool:
    return expression(a) != expression(b) if kind_of(a) and kind_of(b) else a is not b


def own_attributes(module: torch.nn.Module, attributes: dict[str, Any]) -> dict[str, Any]:
    """A module's attributes without methods that are its class's own: code that wraps a method for a while and puts it
    back leaves them."""
    return {
        name: value
        for name, value in attributes.items()
        if not (
            isinstance(value, MethodType)
            and value.__self__ is module
            and inspect.getattr_static(type(module), name, None) is value.__func__
        )
    }


class Merge(ValueMerge):
    """One attempt to merge frozen states into one. `run` plans it; nothing but the plan changes before `commit`.

    `rolling`: the join is the header of a loop, at which sizes and positions of iterators become symbols too.
    `observed`: takes the expressions of all pairs of numbers and sizes that the first two states hold.
    `growing`: whether lists of different lengths may become one that has grown.
    `exact`: whether integers stay apart that are known and differ.
    """

    def run(self) -> State:
        """The merged state, frozen. Raises Conflict."""
        first = self.states[0]
        if any(state.modes != first.modes for state in self.states):
            raise Conflict("gradient or autocast mode")
        frames = [self._frame([state.frames[level] for state in self.states]) for level in range(len(first.frames))]
        for item, _ in [entry for state in self.states for entry in (state.heap or {}).values()]:
            if isinstance(item, torch.nn.Module) and id(item) not in self.heap:
                self._module(item)
        for item in self.objects.owned:
            self.value([item] * len(self.states))
        for weight in self.recorder.real.values():
            self._follow_changes(self.recorder.memories.of(weight))
        self._entangle()
        tainted = any(state.tainted for state in self.states)
        known = self.recorder.symbols.common([state.known for state in self.states])
        return State(
            frames, self.draft, self.held, self.heap, first.modes, tainted=tainted, rolls=first.rolls, known=known
        )

    def commit(self) -> None:
        """End the states' drafts with jumps to the join."""
        for index, state in enumerate(self.states):
            state.draft.end = JumpEnd(self.arm(index))

    # -- frames and objects ------------------------------------------------------------------------------------

    def _frame(self, frames: Sequence[Frame]) -> Frame:
        merged = frames[0].copy()
        if any(set(frame.registers) != set(merged.registers) for frame in frames):
            raise Conflict("a variable that only one way sets")
        merged.registers = {
            name: self._variable(name, [frame.registers[name] for frame in frames]) for name in merged.registers
        }
        if any(set(frame.cells) != set(merged.cells) for frame in frames):
            raise Conflict("a cell that only one way has")
        merged.cells = {name: self._variable(name, [frame.cells[name] for frame in frames]) for name in merged.cells}
        merged.result = self.value([frame.result for frame in frames])
        merged.pending = self.value([frame.pending for frame in frames])
        merged.forks = {header: max(frame.forks.get(header, 0) for frame in frames) for header in merged.forks}
        return merged

    def _variable(self, name: str, given: Sequence[Any]) -> Any:
        try:
            return self.value(given)
        except Conflict as conflict:
            shown = "" if "%" in name else name  # a register of the machine's own
            raise Conflict(conflict.what, conflict.variable or shown) from None

    def value(self, given: Sequence[Any]) -> Any:
        """What stands for `given` (one object per state) after the join."""
        first = given[0]
        if isinstance(first, torch.Tensor) and all(isinstance(item, torch.Tensor) for item in given):
            return self._tensor(given)
        if all(item is first for item in given) and (
            first is None or isinstance(first, (int, float, type, torch.nn.Module, *_ATOMS))
        ):
            return first
        if any(item is POISON for item in given):
            return POISON
        kinds = {kind_of(item) for item in given}
        if None not in kinds:
            return self._number(given)
        if any(type(item) is not type(first) for item in given):
            raise Conflict(" against ".join(dict.fromkeys(_kind_name(item) for item in given)))
        if isinstance(first, texts.SymbolicText):
            return self._text(given)
        if isinstance(first, _COMPARED_BY_VALUE):
            if not all(item == first for item in given):
                raise Conflict(f"different {type(first).__name__}")
            owner = getattr(first, "__self__", None)
            if isinstance(first, _METHODS) and not isinstance(owner, (type, ModuleType)):
                self.value([item.__self__ for item in given])
            return first
        key = tuple(id(item) for item in given)
        if key in self.memo:
            return self.memo[key]
        self.kept.append(given)
        if isinstance(first, tuple):
            return self._tuple(given, key)
        if isinstance(first, slice):
            return slice(*[self.value([getattr(s, part) for s in given]) for part in ("start", "stop", "step")])
        return self._object(given, key)

    def _text(self, given: Sequence[texts.SymbolicText]) -> Any:
        first = given[0]
        if any(len(item.parts) != len(first.parts) for item in given):
            raise Conflict("different texts")
        for column in zip(*[item.parts for item in given], strict=True):
            holes = [part for part in column if isinstance(part, texts.Hole)]
            if len(holes) != len(column):
                if any(part != column[0] for part in column):
                    raise Conflict("different texts")
            elif self.value([hole.number for hole in holes]) is not holes[0].number:
                raise Conflict("texts with different numbers")
        return first

    def _tuple(self, given: Sequence[Any], key: tuple[int, ...]) -> Any:
        first = given[0]
        if any(len(item) != len(first) for item in given):
            if type(first) is not tuple:
                raise Conflict("tuples of different lengths")
            given = [tuple(items) for items in self._grown(given)]
        items = [self.value(column) for column in zip(*given, strict=True)]
        if len(items) == len(first) and all(map(operator.is_, items, first)):
            merged = first
        elif hasattr(first, "_fields"):
            merged = type(first)(*items)
        else:
            merged = tuple(items)
        self.memo[key] = merged
        return merged

    def _contents(self, state: State, item: Any) -> Any:
        assert state.heap is not None
        return self.objects.contents(item, state.heap)

    def _object(self, given: Sequence[Any], key: tuple[int, ...]) -> Any:
        first = given[0]
        held = [self._contents(state, item) for state, item in zip(self.states, given, strict=True)]
        same = all(item is first for item in given)
        if all(part is None for part in held) or isinstance(first, (FunctionType, functools.partial)):
            if same:
                self._follow(first)
                return first
            raise Conflict(f"different {type(first).__name__} objects")
        for item, column in zip(given, self.columns, strict=True):
            if column.setdefault(id(item), key) != key:
                raise Conflict("objects that are one on one way and two on another")
        merged = first if same else blank(first)
        if merged is None:
            raise Conflict(f"different {type(first).__name__} objects")
        self.memo[key] = merged
        self.heap[id(merged)] = (merged, self._parts(merged, held))
        self.kept.append(merged)
        return merged

    def _follow(self, item: Any) -> None:
        """Merge what an object that cannot change itself refers to: cells and defaults of a function, parts of a
        partial."""
        count = len(self.states)
        parts: tuple[Any, ...] = ()
        if isinstance(item, FunctionType) and not (item.__module__ or "").startswith("torch."):
            parts = (*(item.__closure__ or ()), item.__defaults__, item.__kwdefaults__)
        elif isinstance(item, functools.partial):
            parts = (item.func, item.args, item.keywords)
        for part in parts:
            self.value([part] * count)

    def _parts(self, item: Any, held: Sequence[Any]) -> Any:
        first = held[0]
        if isinstance(first, tuple):
            if any(len(part) != len(first) for part in held):
                raise Conflict("a variable that only one way sets")
            return tuple([self.value(column) for column in zip(*held, strict=True)])
        if isinstance(first, list):
            if any(len(part) != len(first) for part in held):
                held = self._grown(held)
            return [self.value(column) for column in zip(*held, strict=True)]
        if isinstance(first, set):
            if any(part != first for part in held):
                raise Conflict("different sets")
            return first
        if isinstance(first, dict):
            if any(list(part) != list(first) for part in held):
                raise Conflict("dicts or objects with different keys")
            if isinstance(item, Generator):
                frames = [part["frame"] for part in held]
                if any((frame is None) != (frames[0] is None) for frame in frames):
                    raise Conflict("a generator that has finished on one way")
                place = (lambda frame: (frame.code, frame.pc)) if self.rolling else Frame.position
                if frames[0] is not None and any(place(frame) != place(frames[0]) for frame in frames):
                    raise Conflict("a generator at different places")
                merged = None if frames[0] is None else self._frame(frames)
                return {"frame": merged, "running": first["running"], "started": first["started"]}
            if isinstance(item, MachineIterator) and not (self.rolling and not isinstance(item, SequenceIterator)):
                for name in ("index", "current", "count"):
                    places = [part["slots"].get(name) for part in held]
                    if any(_differ(place, places[0]) for place in places):
                        raise Conflict("an iterator at different places")
            # the parts of an object are its own; what they hold are objects that others may hold too
            nested = item is not None and type(item) is not dict
            return {
                name: self._parts(None, [part[name] for part in held])
                if nested and isinstance(first[name], (list, dict, set))
                else self.value([part[name] for part in held])
                for name in first
            }
        raise Conflict(f"{type(item).__name__} objects")

    def _grown(self, lists: Sequence[Sequence[Any]]) -> Sequence[list[Any]]:
        """Lists of different lengths with one segment in place of what differs. Raises Conflict."""
        if not self.growing:
            raise Conflict("lists or tuples of different lengths")
        if not self.rolling and not any(segments.holds(items) for items in lists):
            raise Conflict("lists or tuples of different lengths")
        layout = segments.split(lists)
        if layout is None:
            raise Conflict("a list that grows by elements of different kinds, dtypes or shapes")
        fixed, kind = layout
        recorder, result = self.recorder, []
        before = recorder.draft, recorder.held
        for state, items in zip(self.states, lists, strict=True):
            recorder.draft, recorder.held = state.draft, state.held
            try:
                segment = segments.collect(recorder, items[fixed:], kind)
            except LookupError:
                raise Conflict("a list that grows by tensors whose size depends on data") from None
            finally:
                recorder.draft, recorder.held = before
            result.append([*items[:fixed], segment])
        return result

    def _module(self, module: torch.nn.Module) -> None:
        _, *original = self.objects.watched[id(module)]
        held = [
            state.heap[id(module)][1] if state.heap and id(module) in state.heap else tuple(original)
            for state in self.states
        ]
        attributes = [own_attributes(module, part[0]) for part in held]
        for part in attributes:
            if list(part) != list(attributes[0]):
                names = sorted(set(part) ^ set(attributes[0])) or sorted(part)
                raise Conflict(f"an attribute that only one way sets ({', '.join(names)})", type(module).__name__)
        merged = {}
        for name, first in attributes[0].items():
            column = [part[name] for part in attributes]
            if all(item is first for item in column) and name in held[0][1]:
                merged[name] = first
            else:
                merged[name] = self.value(column)
        tables = {}
        for name, table in held[0][1].items():
            others = [part[1].get(name) for part in held]
            if any(list(other or ()) != list(table) for other in others):
                raise Conflict("a module with different submodules")
            tables[name] = {
                key: value
                if not isinstance(value, torch._subclasses.FakeTensor)  # which one way may have changed in place
                and all(other is not None and other[key] is value for other in others)
                else self.value([other[key] for other in others if other is not None])
                for key, value in table.items()
            }
        self.heap[id(module)] = (module, (merged, tables))
