"""What cannot be lowered is listed, all of it, with its place; the rest is lowered all the same."""

from __future__ import annotations

import linecache
from typing import Any

import pytest

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.lower import Lowerer

SOURCES = {
    "    class Inner: pass": "class `Inner` inside a function",
    "    async def g(): pass": "`async def`",
    "    def g(): return (yield from x)\n    raise": "`raise` outside of an `except` clause",
    "    y = yield from x": "the value of a `yield from`",
    "    global TOTAL\n    del TOTAL": "unbinding of the global `TOTAL`",
    "    try: pass\n    except* ValueError: pass": "`TryStar` statement",
}


def lower(text: str) -> ins.FunctionCode:
    """The code of a function ``f(x)`` with the body `text`."""
    source = f"def f(x):\n{text}\n"
    linecache.cache["<refusals>"] = (len(source), None, source.splitlines(True), "<refusals>")
    namespace: dict[str, Any] = {}
    exec(compile(source, "<refusals>", "exec"), namespace)
    return Lowerer().lower(namespace["f"].__code__)


@pytest.mark.parametrize("text", SOURCES, ids=SOURCES.values())
def test_refused(text: str) -> None:
    lowered = lower(text)
    (refusal,) = lowered.refusals
    assert refusal.found == SOURCES[text]
    assert refusal.why
    assert refusal.instead
    (instruction,) = [i for i in lowered.instructions if isinstance(i, ins.Refuse)]
    assert instruction.refusal is refusal
    assert instruction.span == refusal.span


def test_all_refusals_are_listed_with_their_lines() -> None:
    lowered = lower(
        "    class A: pass\n    y = x + 1\n    if y:\n        class B: pass\n    return y\n    class C: pass"
    )
    assert [(refusal.found[:9], refusal.span.line) for refusal in lowered.refusals] == [
        ("class `A`", 2),
        ("class `B`", 5),
    ]
    assert any(isinstance(i, ins.Binary) for i in lowered.instructions)


def test_a_refusal_in_a_finally_is_listed_once() -> None:
    lowered = lower("    try:\n        if x: return 1\n    finally:\n        class A: pass")
    assert len(lowered.refusals) == 1
    assert sum(isinstance(i, ins.Refuse) for i in lowered.instructions) == 3


def test_asynchronous_functions_are_refused_as_a_whole() -> None:
    source = "async def f(x):\n    async for y in x: await y\n    return [z async for z in x]\n"
    linecache.cache["<refusals>"] = (len(source), None, source.splitlines(True), "<refusals>")
    namespace: dict[str, Any] = {}
    exec(compile(source, "<refusals>", "exec"), namespace)
    (refusal,) = Lowerer().lower(namespace["f"].__code__).refusals
    assert refusal.found == "asynchronous function `f`"
