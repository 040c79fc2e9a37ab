"""Random programs, lowered and run by the concrete machine, do what Python does."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from adaptc.compiler.frontend.lower import Lowerer

from .concrete_machine import Machine
from .random_programs import program

FILENAME = "<random program>"


def run(call: Callable[..., Any], log: list[Any], args: tuple[int, int]) -> tuple[Any, ...]:
    """What a call returns or raises, and what it logs."""
    log.clear()
    try:
        return "returns", repr(call(*args)), list(log)
    except Exception as error:  # noqa: BLE001 (which exception it is, is the outcome)
        own = isinstance(error, NameError | TypeError)
        kind = NameError if isinstance(error, NameError) else type(error)
        return "raises", kind, None if own else error.args, list(log)


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32))
def test_random_program(seed: int) -> None:
    source = program(seed)
    assume(source is not None)
    assert source is not None
    check(source)


def check(source: str) -> None:
    """Compare the function ``f`` of a program."""
    log: list[Any] = []
    namespace: dict[str, Any] = {"LOG": log}
    linecache.cache[FILENAME] = (len(source), None, source.splitlines(True), FILENAME)
    exec(compile(source, FILENAME, "exec"), namespace)
    function = namespace["f"]
    lowerer = Lowerer()
    for args in [(0, 1), (3, -2)]:
        expected = run(function, log, args)
        for forget in (False, True):
            machine = Machine(lowerer.lower, {FILENAME}, forget)
            found = run(lambda *args, machine=machine: machine.call(function, *args), log, args)
            assert found == expected, f"{found}\n{expected}\n{source}"
