"""Snapshots of the Python objects that a state can reach, so that states can be taken up again in turn.

Code runs on the user's real objects. When a state is frozen, a shallow copy of every mutable object reachable from
its live variables is kept; when it is activated, the copies are written back. Modules are reached through what is set
on them: the first attribute set on a module puts it under watch.
"""

from __future__ import annotations

import collections
import enum
import functools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, MethodWrapperType, ModuleType
from typing import Any

import torch

from adaptc.compiler.frontend import segments
from adaptc.compiler.frontend.state import Frame, Generator, Snapshot, State
from adaptc.compiler.frontend.variables import Variable

_ATOMS: tuple[type, ...] = (
    int, float, complex, str, bytes, type(None), type, torch.Tensor, torch.dtype, torch.device, torch.Size,
    torch.SymInt, torch.SymFloat, torch.SymBool, ModuleType, CodeType, range, enum.Enum,
    torch.Generator, property, staticmethod, classmethod, torch.layout, torch.memory_format,
    torch.overrides.TorchFunctionMode, torch.fx.Graph, torch._ops.OperatorBase,
)  # fmt: skip
_MODULE_TABLES = frozenset(torch.nn.Module().__dict__) - {"training"}


def slots_of(kind: type) -> list[str]:
    """Names of the ``__slots__`` of a class and its bases."""
    names: list[str] = []
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
    return [name for name in names if name not in {"__dict__", "__weakref__"}]


def contents(item: Any) -> Any:
    """A shallow copy of what a mutable object holds, None for an object that holds nothing that can change.

    Lists give a list, dicts and sets a dict or set, cells and context variables a 1-tuple, everything else a dict of
    its parts by kind.
    """
    if type(item) is list:
        return list(item)
    if type(item) is dict:
        return dict(item)
    if type(item) is CellType:
        return (item.cell_contents,) if item != CellType() else ()
    if isinstance(item, Variable):
        return item.held()
    if isinstance(item, Generator):
        return {
            "frame": None if item.frame is None else item.frame.copy(),
            "running": item.running,
            "started": item.started,
        }
    parts: dict[str, Any] = {}
    if isinstance(item, list):
        parts["items"] = list(list.__iter__(item))
    elif isinstance(item, collections.deque):
        parts["items"] = list(collections.deque.__iter__(item))
    elif isinstance(item, dict):
        parts["entries"] = dict(_base(item).items(item))
    elif isinstance(item, set):
        parts["items"] = set(set.__iter__(item))
    if isinstance(item, BaseException):
        parts["args"] = item.args
        if isinstance(item, StopIteration):
            parts["value"] = item.value
    if hasattr(item, "__dict__"):
        parts["attributes"] = dict(item.__dict__)
    slots = {name: getattr(item, name) for name in slots_of(type(item)) if hasattr(item, name)}
    if slots:
        parts["slots"] = slots
    return parts or None


def _base(item: dict[Any, Any]) -> type[dict[Any, Any]]:
    """The class whose methods reach the entries of a dict past what a class of the user's makes of them."""
    return collections.OrderedDict if isinstance(item, collections.OrderedDict) else dict


def blank(like: Any) -> Any:
    """A new object of the type of `like` without its contents, None where none can be made."""
    if type(like) is CellType:
        return CellType()
    if isinstance(like, Generator):
        return Generator(None)
    if isinstance(like, BaseException):
        new = type(like).__new__(type(like), *like.args)
        new.__cause__, new.__context__ = like.__cause__, like.__context__
        return new
    holds = hasattr(like, "__dict__") or slots_of(type(like)) or isinstance(like, (list, dict, set))
    if callable(like) or not holds:
        return None
    kind: Any = type(like)
    return kind.__new__(kind)


def restore(item: Any, held: Any) -> None:
    """Give an object back the contents that `contents` returned."""
    if type(item) is list:
        item[:] = held
    elif type(item) is dict:
        item.clear()
        item.update(held)
    elif type(item) is CellType:
        if held:
            item.cell_contents = held[0]
        elif item != CellType():
            del item.cell_contents
    elif isinstance(item, Variable):
        item.restore(held)
    elif isinstance(item, Generator):
        frame = held["frame"]
        item.frame = None if frame is None else frame.copy()
        item.running, item.started = held["running"], held["started"]
    else:
        _restore_parts(item, held)


def _restore_parts(item: Any, held: dict[str, Any]) -> None:
    if "entries" in held:
        base = _base(item)
        base.clear(item)
        for key, value in held["entries"].items():
            base.__setitem__(item, key, value)
    elif isinstance(item, set):
        set.clear(item)
        set.update(item, held["items"])
    elif isinstance(item, collections.deque):
        item.clear()
        item.extend(held["items"])
    elif isinstance(item, list):
        list.clear(item)
        list.extend(item, held["items"])
    if "args" in held:
        item.args = held["args"]
        if isinstance(item, StopIteration):
            item.value = held["value"]
    if "attributes" in held:
        attributes = item.__dict__
        attributes.clear()
        attributes.update(held["attributes"])
    for name, value in held.get("slots", {}).items():
        object.__setattr__(item, name, value)


def children(item: Any, held: Any) -> Iterable[Any]:
    """The objects that an object with contents `held` refers to."""
    if isinstance(item, Generator):
        frame = held["frame"]
        return () if frame is None else (*frame.registers.values(), *frame.cells.values())
    if type(held) is dict and type(item) is not dict:
        found: list[Any] = []
        for part in held.values():
            if isinstance(part, dict):
                found += part.values()
            elif isinstance(part, (list, set)):
                found += part
            else:
                found.append(part)
        return found
    if isinstance(held, dict):
        return held.values()
    return held if held is not None else ()


class Heap:
    """Freezes and activates states. `owned` are the mutable objects that the network's modules hold from the start, and
    the context variables that it has set, with `variables` telling what these held before. Modules in `made` were made
    by the network's code: like other objects, they count only where something leads to them."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.paused = False
        self.watched: dict[int, tuple[torch.nn.Module, dict[str, Any], dict[str, dict[str, Any]]]] = {}
        self.made: dict[int, torch.nn.Module] = {}
        self.owned: list[Any] = []
        self.names: dict[int, str] = {}
        self.variables: dict[ContextVar[Any], tuple[Variable, tuple[Any, ...]]] = {}
        for module in model.modules():
            for name, value in module.__dict__.items():
                if name not in _MODULE_TABLES and not isinstance(value, (*_ATOMS, torch.nn.Module)):
                    self.owned.append(value)
                    self.names.setdefault(id(value), f"{type(module).__name__}.{name}")
        self.start = self.snapshot([])

    def snapshot(self, roots: Iterable[Any], tensors: list[torch.Tensor] | None = None) -> Snapshot:
        """Shallow copies of all mutable objects reachable from `roots`, from owned objects and watched modules;
        `tensors` takes the tensors that are met."""
        found: Snapshot = {}
        watched = [module for module, _, _ in self.watched.values() if id(module) not in self.made]
        stack = [*roots, *self.owned, *watched]
        seen: set[int] = set()
        while stack:
            item = stack.pop()
            if tensors is not None and isinstance(item, torch.Tensor):
                tensors.append(item)
            if isinstance(item, _ATOMS) or id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, torch.nn.Module):
                if id(item) in self.watched:
                    attributes, tables = held_by_module(item)
                    found[id(item)] = (item, (attributes, tables))
                    stack += [value for name, value in attributes.items() if name not in _MODULE_TABLES]
                    stack += [value for table in tables.values() for value in table.values()]
                elif id(item) in self.made:
                    stack += item._modules.values()
                continue
            if isinstance(item, (tuple, frozenset)):
                stack += item
            elif isinstance(item, slice):
                stack += (item.start, item.stop, item.step)
            elif isinstance(item, FunctionType):
                if not (item.__module__ or "").startswith("torch."):
                    stack += item.__closure__ or ()
                    stack += (item.__defaults__, item.__kwdefaults__)
            elif isinstance(item, (MethodType, BuiltinFunctionType, MethodWrapperType)):
                stack.append(item.__self__)
            elif isinstance(item, functools.partial):
                stack += (item.func, *item.args, *item.keywords.values())
            else:
                held = contents(item)
                if held is not None:
                    found[id(item)] = (item, held)
                    stack += children(item, held)
        return found

    def reaches_grown(self, roots: Iterable[Any]) -> bool:
        """Whether `roots` or the network's modules lead to a list or tuple that has grown in a loop."""
        return any(
            segments.holds(item) or any(map(segments.holds, children(item, held)))
            for item, held in self.snapshot(roots).values()
            if not isinstance(item, torch.nn.Module)
        ) or any(segments.holds(value) for module, _, _ in self.watched.values() for value in module.__dict__.values())

    def freeze(self, state: State) -> None:
        """Keep what the running state reaches."""
        from adaptc.compiler.frontend.state import Modes

        state.prune()
        state.heap = self.snapshot(roots(state.frames))
        state.modes = Modes.current()

    def activate(self, state: State) -> None:
        """Write the contents of a frozen state back into the objects."""
        assert state.heap is not None
        assert state.modes is not None
        self._write(state.heap)
        state.modes.activate()

    def _write(self, heap: Snapshot) -> None:
        for module, attributes, tables in self.watched.values():
            if id(module) in heap:
                attributes, tables = heap[id(module)][1]
            restore_module(module, attributes, tables)
        for variable, before in self.variables.values():
            if id(variable) not in heap:
                variable.restore(before)
        for item, held in heap.values():
            if not isinstance(item, torch.nn.Module):
                restore(item, held)

    def changes(self) -> list[str]:
        """What the network's modules and the objects that they own hold now and did not hold at the start."""
        found: list[str] = []
        reached = self.snapshot([])
        for module, attributes, tables in self.watched.values():
            if id(module) not in reached:
                continue
            before = {
                **attributes,
                **{f"{table}.{name}": item for table in tables for name, item in tables[table].items()},
            }
            now = dict(module.__dict__)
            now |= {f"{table}.{name}": item for table in tables for name, item in now[table].items()}
            names = [name for name in {**before, **now} if name not in _MODULE_TABLES]
            found += [
                f"{type(module).__name__}.{name.removeprefix('_buffers.').removeprefix('_parameters.')}"
                for name in names
                if not same(before.get(name, self), now.get(name, self))
            ]
        for item, held in self.start.values():
            if not isinstance(item, torch.nn.Module) and not same_contents(contents(item), held):
                found.append(self.names.get(id(item), f"an object of class {type(item).__name__}"))
        return found

    def reset(self) -> None:
        """Put all modules and what they own back to where the capture began."""
        self._write(self.start)

    def variable(self, variable: ContextVar[Any]) -> Variable:
        """A context variable, whose value belongs to the states from now on."""
        if variable not in self.variables:
            watched = Variable(variable)
            self.variables[variable] = watched, watched.held()
            self.owned.append(watched)
        return self.variables[variable][0]

    def contents(self, item: Any, heap: Snapshot) -> Any:
        """What an object held when a state was frozen."""
        if id(item) in heap:
            return heap[id(item)][1]
        return self.variables[item.variable][1] if isinstance(item, Variable) else contents(item)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While it lasts, setting or deleting an attribute of a module puts the module under watch."""
        heap = self
        initialise = torch.nn.Module.__init__
        set_attribute, delete_attribute = torch.nn.Module.__setattr__, torch.nn.Module.__delattr__

        def watched_init(module: torch.nn.Module, *args: Any, **kwargs: Any) -> None:
            if id(module) not in heap.watched and not heap.paused:
                heap.made[id(module)] = module
            initialise(module, *args, **kwargs)

        def watched_set(module: torch.nn.Module, name: str, value: Any) -> None:
            heap.watch(module)
            set_attribute(module, name, value)

        def watched_delete(module: torch.nn.Module, name: str) -> None:
            heap.watch(module)
            delete_attribute(module, name)

        cls: Any = torch.nn.Module
        cls.__init__, cls.__setattr__, cls.__delattr__ = watched_init, watched_set, watched_delete
        try:
            yield
        finally:
            cls.__init__, cls.__setattr__, cls.__delattr__ = initialise, set_attribute, delete_attribute

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """While it lasts, modules that are set are not the network's."""
        before, self.paused = self.paused, True
        try:
            yield
        finally:
            self.paused = before

    def watch(self, module: torch.nn.Module) -> None:
        """Keep the attributes of a module from now on."""
        if id(module) not in self.watched and not self.paused:
            self.watched[id(module)] = (module, *held_by_module(module))


def same(a: Any, b: Any) -> bool:
    """Whether two things that an object has held are one, or equal numbers or texts."""
    if a is b:
        return True
    return type(a) is type(b) and isinstance(a, (bool, int, float, str, bytes)) and a == b


def same_contents(a: Any, b: Any) -> bool:
    """Whether an object holds the same things as before, given what `contents` said then and says now."""
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same_contents(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and type(a) is type(b):
        return len(a) == len(b) and all(map(same_contents, a, b))
    return (isinstance(a, set) and a == b) or same(a, b)


def held_by_module(module: torch.nn.Module) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Copies of a module's attributes, and of its tables of parameters, buffers and submodules."""
    attributes = dict(module.__dict__)
    tables = {name: dict(attributes[name]) for name in _MODULE_TABLES if isinstance(attributes.get(name), dict)}
    return attributes, tables


def restore_module(module: torch.nn.Module, attributes: dict[str, Any], tables: dict[str, dict[str, Any]]) -> None:
    """Give a module back its attributes, and its tables of parameters, buffers and submodules their entries."""
    module.__dict__.clear()
    module.__dict__.update(attributes)
    for name, entries in tables.items():
        table = module.__dict__[name]
        table.clear()
        table.update(entries)


def roots(frames: Iterable[Frame]) -> Iterator[Any]:
    """Everything that frames refer to."""
    for frame in frames:
        yield from frame.registers.values()
        yield from frame.cells.values()
        yield frame.result
        yield frame.pending
