"""How a case says on which inputs its function is run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

LOG: list[Any] = []


class Cases:
    """The functions of one file with the argument tuples to call them with."""

    def __init__(self) -> None:
        self.all: list[tuple[Callable[..., Any], tuple[tuple[Any, ...], ...]]] = []

    def __call__(self, *inputs: Any) -> Callable[[F], F]:
        """Register a function; an input that is no tuple is a single argument, no input at all is one call."""

        def register(function: F) -> F:
            rows = tuple(given if isinstance(given, tuple) else (given,) for given in inputs)
            self.all.append((function, rows or ((),)))
            return function

        return register


def say(value: Any) -> Any:
    """Note that `value` was evaluated now."""
    LOG.append(value)
    return value


class Probe:
    """Notes what is done with it, and gives back values that do the same."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def __deepcopy__(self, memo: Any) -> Probe:
        return self

    def __bool__(self) -> bool:
        LOG.append(f"bool {self.name}")
        return not self.name.startswith("false")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        LOG.append((f"call {self.name}", args, tuple(kwargs.items())))
        return args[0] if args else None

    def __getitem__(self, index: Any) -> Any:
        LOG.append((f"get {self.name}", index))
        return index

    def __setitem__(self, index: Any, value: Any) -> None:
        LOG.append((f"set {self.name}", index, value))

    def __delitem__(self, index: Any) -> None:
        LOG.append((f"del {self.name}", index))

    def __eq__(self, other: object) -> Any:
        LOG.append((f"eq {self.name}", other))
        return self is other

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: Any) -> Any:
        LOG.append((f"lt {self.name}", getattr(other, "name", other)))
        return Probe(f"{'false ' if self.name > getattr(other, 'name', '') else ''}{self.name}<")

    def __iter__(self) -> Any:
        for letter in self.name:
            LOG.append(f"next {letter}")
            yield letter


class Manager:
    """A context manager that notes how it is left; `swallows`: whether it stops exceptions."""

    def __init__(self, name: str, swallows: bool = False, fails: str = "") -> None:
        self.name, self.swallows, self.fails = name, swallows, fails

    def __enter__(self) -> str:
        LOG.append(f"enter {self.name}")
        if self.fails == "enter":
            raise KeyError(self.name)
        return self.name

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> bool:
        LOG.append((f"exit {self.name}", kind, error and error.args, traceback is None))
        if self.fails == "exit":
            raise OSError(self.name)
        return self.swallows
