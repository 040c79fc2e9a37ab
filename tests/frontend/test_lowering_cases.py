"""Lowered functions, run by the concrete machine, do what Python does."""

from __future__ import annotations

import copy
import linecache
import types
from collections.abc import Callable
from typing import Any

import pytest

from adaptc.compiler.frontend.instructions import FunctionCode
from adaptc.compiler.frontend.lower import Lowerer

from .concrete_machine import Machine
from .lowering_cases import control_flow, exceptions, expressions, functions, patterns, registry

MODULES = (expressions, control_flow, exceptions, functions, patterns)
FILES = {module.__file__ for module in MODULES}
CASES = [(function, inputs) for module in MODULES for function, inputs in module.case.all]


def outcome(run: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, ...]:
    """What `run` returns or raises, and what it logs meanwhile."""
    registry.LOG.clear()
    try:
        result: tuple[Any, ...] = ("returns", plain(run(*copy.deepcopy(args))))
    except Exception as error:  # noqa: BLE001 (which exception it is, is the outcome)
        result = ("raises", *described(error))
    return (*result, list(map(plain, registry.LOG)))


def described(error: BaseException) -> tuple[Any, ...]:
    """An exception by value. Some of Python's own messages are worded by the machine."""
    own = isinstance(error, TypeError | NameError)
    cause = error.__cause__
    return type(error), None if own else error.args, cause and described(cause), error.__suppress_context__


def plain(value: Any) -> Any:
    """A value that compares by what it holds and how it is typed."""
    if isinstance(value, list | tuple):
        return type(value), [plain(item) for item in value]
    if isinstance(value, dict):
        return [(plain(key), plain(item)) for key, item in value.items()]
    if isinstance(value, registry.Probe | types.FunctionType):
        return repr(value)
    return type(value), value


@pytest.mark.parametrize("forget", [False, True], ids=["keep", "forget"])
@pytest.mark.parametrize(("function", "inputs"), CASES, ids=[function.__name__ for function, _ in CASES])
def test_case(function: types.FunctionType, inputs: tuple[tuple[Any, ...], ...], forget: bool) -> None:
    lowerer = Lowerer()
    machine = Machine(lowerer.lower, FILES, forget)
    for args in inputs:
        expected = outcome(function, args)
        found = outcome(lambda *args: machine.call(function, *args), args)
        assert found == expected, args
    lowered = lowerer.lower(function.__code__)
    assert not lowered.refusals
    assert not unreached(lowered, machine)


def unreached(lowered: FunctionCode, machine: Machine) -> list[str]:
    """The lines, except those that say "never", of which no instruction ran: the inputs must take every branch."""
    lines = {instruction.span.line for instruction in lowered.instructions[:-1]}
    ran = {lowered.instructions[pc].span.line for code, pc in machine.seen if code == id(lowered)}
    texts = [linecache.getline(lowered.code.co_filename, line) for line in sorted(lines - ran)]
    return [text for text in texts if "never" not in text]
