"""Context variables (contextvars): each state of the machine has its own values of those that its code sets."""

from __future__ import annotations

from contextvars import ContextVar, Token, copy_context
from types import BuiltinMethodType, FunctionType
from typing import TYPE_CHECKING, Any

from adaptc.compiler.errors import Problem
from adaptc.compiler.frontend.signals import NeedsInterpretation, Refused
from adaptc.compiler.frontend.sources import codes_of, is_library_file

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine

_NOTHING = object()


class Variable:
    """A context variable that interpreted code sets.

    A token takes its variable back once, and only to no value where there was none. Several states may have to do that
    with one token, so its old value is set instead, and a token of each time that a value came is kept.
    """

    def __init__(self, variable: ContextVar[Any]) -> None:
        self.variable = variable
        self._came: Token[Any] | None = None

    def held(self) -> tuple[Any, ...]:
        """The value, in a tuple; an empty one where there is none."""
        value = self.variable.get(_NOTHING)
        return () if value is _NOTHING else (value,)

    def set(self, value: Any) -> Token[Any]:
        """``variable.set(value)``"""
        token = self.variable.set(value)
        if token.old_value is Token.MISSING:
            self._came = token
        return token

    def reset(self, token: Token[Any]) -> None:
        """``variable.reset(token)``"""
        self.restore(() if token.old_value is Token.MISSING else (token.old_value,))

    def restore(self, held: tuple[Any, ...]) -> None:
        """Give the variable back what ``held`` returned. Raises Refused."""
        if held:
            self.set(held[0])
        elif self.held():
            if self._came is None:
                raise Refused(
                    Problem(
                        "",
                        0,
                        f"the context variable {self.variable.name!r} is set by native code",
                        "it cannot be given back its state of before, when it had no value",
                        "set it in the network's own Python code",
                    )
                )
            self.variable.reset(self._came)
            self._came = None


def method_of(function: Any) -> str | None:
    """The name of a function that is the method set or reset of a context variable."""
    if isinstance(function, BuiltinMethodType) and type(function.__self__) is ContextVar:
        return function.__name__ if function.__name__ in {"set", "reset"} else None
    return None


def unchanged(machine: Machine, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call native code, which may change a context variable only for itself.

    Raises NeedsInterpretation where it leaves one changed.
    """
    if not isinstance(function, FunctionType) or is_library_file(function.__code__.co_filename):
        return function(*args, **kwargs)
    before, context = copy_context(), copy_context()
    try:
        result = context.run(function, *args, **kwargs)
    except ValueError as error:
        codes = codes_of(error.__traceback__)
        if not codes or "was created in a different Context" not in str(error):
            raise
        raise NeedsInterpretation(codes, _problem(machine, function)) from error
    if len(context) != len(before) or any(context.get(key, _NOTHING) is not value for key, value in before.items()):
        raise NeedsInterpretation([function.__code__], _problem(machine, function))
    return result


def _problem(machine: Machine, function: FunctionType) -> Problem:
    return machine.problem(
        f"{function.__qualname__}() changes a context variable",
        "ways through the network that are captured in turn would see each other's value",
        "set and reset it in functions whose source is available",
    )
