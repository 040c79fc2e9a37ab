"""The rules that FunctionCode states, on the functions of real modules; and what live sets hold."""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import json.decoder
import linecache
import textwrap
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
import torch.nn.functional
import torch.nn.modules
import transformers.models.bert.modeling_bert as bert

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.instructions import FunctionCode
from adaptc.compiler.frontend.liveness import definitions, live_sets, may_raise, operands, successors
from adaptc.compiler.frontend.lower import Lowerer

LAYERS = ("module", "container", "activation", "conv", "linear", "loss", "normalization", "rnn", "transformer")
MODULES: list[ModuleType] = [
    ast,
    argparse,
    json.decoder,
    inspect,
    bert,
    torch.nn.functional,
    *(importlib.import_module(f"torch.nn.modules.{name}") for name in LAYERS),
]


def functions(module: ModuleType) -> Iterator[CodeType]:
    """The code objects of all functions, lambdas and generator expressions of a module."""
    assert module.__file__ is not None
    with open(module.__file__, encoding="utf-8") as file:
        pending = [compile(file.read(), module.__file__, "exec", dont_inherit=True)]
    while pending:
        code = pending.pop()
        pending += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        if code.co_flags & inspect.CO_OPTIMIZED and code.co_name not in ("<listcomp>", "<setcomp>", "<dictcomp>"):
            yield code


def check(lowered: FunctionCode) -> None:
    """All that FunctionCode's docstring promises."""
    count = len(lowered.instructions)
    assert count == len(lowered.handlers) == len(lowered.loops) == len(lowered.live)
    ways: list[list[int]] = []
    reached = [0] * count
    reached[0] = 1
    for pc, instruction in enumerate(lowered.instructions):
        handler = lowered.handlers[pc]
        if handler is not None:
            assert handler > pc
            assert isinstance(lowered.instructions[handler], ins.Catch)
            assert handler in lowered.joins
        forward = list(successors(pc, instruction))
        assert all(way < count and (way > pc or way in lowered.loops[pc]) for way in forward)
        for way in forward:
            reached[way] += 1
        ways.append(forward if handler is None else [*forward, handler])
    assert all(pc in lowered.joins for pc in range(count) if reached[pc] > 1)
    seen, pending = {0}, [0]
    while pending:
        for way in ways[pending.pop()]:
            if way not in seen:
                seen.add(way)
                pending.append(way)
    assert seen == set(range(count)), "code that nothing reaches"
    for header in {header for around in lowered.loops for header in around}:
        members = [pc for pc in range(count) if header in lowered.loops[pc]]
        assert members == list(range(header, members[-1] + 1))
        assert header in lowered.joins
        outer = lowered.loops[header][: lowered.loops[header].index(header)]
        for pc in members:
            assert lowered.loops[pc][: len(outer) + 1] == (*outer, header)
            assert all(header <= way for way in ways[pc])
        for pc in range(header):
            assert all(way <= header or way > members[-1] for way in ways[pc]), "a jump into a loop"


@pytest.mark.parametrize("module", MODULES, ids=[module.__name__ for module in MODULES])
def test_structure_of_real_functions(module: ModuleType) -> None:
    lowerer = Lowerer()
    count = 0
    for code in functions(module):
        lowered = lowerer.lower(code)
        check(lowered)
        assert lowered.code is code
        assert lowered.is_generator == bool(code.co_flags & inspect.CO_GENERATOR)
        count += 1
    assert count


@pytest.mark.parametrize("function", [json.decoder.JSONArray, argparse.ArgumentParser._get_option_tuples])
def test_live_sets_by_paths(function: FunctionType) -> None:
    """A register is live where some path reads it before setting it, searched naively from every instruction."""
    lowered = Lowerer().lower(function.__code__)
    cells = {name for live in lowered.live for name in live if name.startswith("&")}
    for register in {name for live in lowered.live for name in live} - cells:
        reads = {pc for pc, i in enumerate(lowered.instructions) if register in list(operands(i))}
        sets = {pc for pc, i in enumerate(lowered.instructions) if register in definitions(i)}
        for start in range(len(lowered.instructions)):
            assert (register in lowered.live[start]) == is_read(lowered, start, reads, sets), (register, start)


def is_read(lowered: FunctionCode, start: int, reads: set[int], sets: set[int]) -> bool:
    """Whether a path from `start` comes to `reads` before it is through one of `sets`."""
    seen, pending = {start}, [start]
    while pending:
        pc = pending.pop()
        if pc in reads:
            return True
        instruction, handler = lowered.instructions[pc], lowered.handlers[pc]
        ways = list(successors(pc, instruction)) if pc not in sets else []
        if pc in sets and isinstance(instruction, ins.Next):
            ways = [instruction.exhausted]
        if handler is not None and may_raise(instruction):
            ways.append(handler)
        fresh = [way for way in ways if way not in seen]
        seen.update(fresh)
        pending += fresh
    return False


def lower(text: str) -> FunctionCode:
    """The code of the first function of a text."""
    source = textwrap.dedent(text)
    linecache.cache["<structure>"] = (len(source), None, source.splitlines(True), "<structure>")
    namespace: dict[str, Any] = {}
    exec(compile(source, "<structure>", "exec"), namespace)
    return Lowerer().lower(next(value for value in namespace.values() if hasattr(value, "__code__")).__code__)


def test_a_loop_variable_is_dead_around_the_loop() -> None:
    lowered = lower("""
        def f(xs, y):
            for x in xs:
                y = y + x
            return y
        """)
    (header,) = {header for around in lowered.loops for header in around}
    loop = lowered.instructions[header]
    assert isinstance(loop, ins.Next)
    assert lowered.live[header] == {loop.iterator, "y"}
    assert lowered.live[loop.exhausted] == {"y"}


def test_a_deleted_variable_is_dead_before() -> None:
    lowered = lower("""
        def f(x, c):
            if c:
                c = 1
            del x
            return c
        """)
    assert not any(isinstance(i, ins.Delete) for i in lowered.instructions), "nobody asks for x again"
    assert all("x" not in live for live in lowered.live)


def test_a_variable_that_closures_share_keeps_its_cell() -> None:
    lowered = lower("""
        def f(c):
            x = 0
            get = lambda: x
            if c:
                c = 1
            x = 5
            return get()
        """)
    (store,) = [pc for pc, i in enumerate(lowered.instructions) if isinstance(i, ins.StoreCell) and pc]
    assert "&x" in lowered.live[store]
    assert "&x" not in lowered.live[store + 1]


def test_super_reads_the_first_argument() -> None:
    lowered = lower("""
        def outer():
            pass
        """)
    assert live_sets(lowered.code, lowered.instructions, lowered.handlers) == (frozenset(),)
    source = "class C:\n    def f(self, c):\n        if c: c = 2\n        return super().f(c)\n"
    linecache.cache["<structure>"] = (len(source), None, source.splitlines(True), "<structure>")
    namespace: dict[str, Any] = {}
    exec(compile(source, "<structure>", "exec"), namespace)
    lowered = Lowerer().lower(namespace["C"].f.__code__)
    assert lowered.live[0] == {"self", "c", "&__class__"}


def test_a_value_set_where_an_exception_is_caught_stays_live() -> None:
    lowered = lower("""
        def f(g):
            x = 1
            try:
                x = g(x)
            except ValueError:
                pass
            return x
        """)
    call = next(pc for pc, i in enumerate(lowered.instructions) if isinstance(i, ins.Call))
    assert "x" in lowered.live[call]
    handler = lowered.handlers[call]
    assert handler is not None
    assert "x" in lowered.live[handler]


def test_tests_have_the_place_of_what_they_test() -> None:
    lowered = lower("def f(a, b):\n    if a and not b:\n        return 1\n    while (a <\n           b): a = b\n")
    spans = [i.span for i in lowered.instructions if isinstance(i, ins.Test)]
    assert spans == [ins.Span(2, 7, 2, 8), ins.Span(2, 17, 2, 18), ins.Span(4, 11, 5, 12)]
