"""The Graphviz text: blocks, edges and what they are labelled with."""

from __future__ import annotations

import re

import pytest

from adaptc.compiler.ir.dot import expression_text, to_dot
from adaptc.runtime.hostprogram import Apply, Const, Ref, Size

from .meaning import all_edges
from .programs import SAMPLES, early_exit, experts


@pytest.mark.parametrize("make", SAMPLES, ids=lambda make: make.__name__)
def test_every_block_and_edge_is_drawn(make: object) -> None:
    program = make().program  # type: ignore[operator]
    text = to_dot(program)
    assert set(re.findall(r'^  "(\w+)" \[label=', text, re.M)) == set(program.blocks)
    assert set(re.findall(r'^  "(\w+)" -> "(\w+)"', text, re.M)) == all_edges(program)
    assert text.startswith(f'digraph "{program.name}" {{\n')
    assert text.endswith("}\n")


def test_labels() -> None:
    text = to_dot(early_exit().program)
    assert r'"entry  model.py:10\l' in text
    assert r"stem: conv2d, relu, mean, linear, softmax, max, 1 more\l" in text
    assert r"confident = read is_confident\lif confident  model.py:12\l" in text
    assert '"entry" -> "leave" [label="true"];' in text
    assert '"entry" -> "deeper" [label="false"];' in text
    switch = to_dot(experts().program)
    assert '"entry" -> "expert2" [label="2"];' in switch
    assert '"entry" -> "end" [label="default"];' in switch


def test_expressions() -> None:
    expr = Apply("and", (Apply("not", (Ref("a"),)), Apply("lt", (Size("x", 0), Const(6)))))
    assert expression_text(expr) == "(not a) and (x.shape[0] < 6)"
    assert expression_text(Const("inf", "float")) == "float('inf')"
