"""What each rule makes of small code, as MLIR text, that it means the same, and why it leaves other code alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.interpret import interpret
from adaptc.compiler.ir.mlir import to_mlir
from adaptc.compiler.ir.program import Program
from adaptc.passes import PassManager, Rule, default_pipeline, load_registry

from ..ir.test_mlir import parse
from .rule_cases import REFUSALS, RULES, RuleCase

COMMAND = "// python -m pytest tests/passes/test_rules.py -k {name}"


def assert_close(found: Program, expected: Program, case: RuleCase) -> None:
    """The programs give the same for the case's inputs, but for rounding."""
    outcomes = [interpret(program, case.inputs()) for program in (found, expected)]
    for left, right in zip(*(outcome.outputs for outcome in outcomes), strict=True):
        assert isinstance(right, torch.Tensor)
        torch.testing.assert_close(left, right, rtol=0, atol=2e-6 * float(right.abs().max()))


@pytest.mark.parametrize("name", RULES)
def test_rule(name: str, golden: Callable[[str, str], None]) -> None:
    case = RULES[name]
    program = case.program()
    original = copy_program(program)
    before = to_mlir(program, locations=False)
    manager = PassManager(load_registry().parse(case.passes))
    assert all(report.changed for report in manager.run(program))
    after = to_mlir(program, locations=False)
    for text in (before, after):
        parse(text)
    golden(name, f"{COMMAND.format(name=name)}\n{before}// ----- {case.passes}\n{after}")
    assert_close(program, original, case)
    assert to_mlir(original, locations=False) == before, "code that others share was edited"
    assert not any(report.changed for report in manager.run(program)), "a second run changes something"


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal(name: str) -> None:
    case = REFUSALS[name]
    program = case.program()
    before = copy_program(program)
    (report,) = PassManager(load_registry().parse(case.passes)).run(program)
    assert not report.changed
    assert report.misses == {case.reason: 1}
    assert case.reason in report.nearest
    assert "model.py:1" in report.nearest
    assert program == before


def test_every_rule_has_a_case() -> None:
    shown = {pass_.name for case in RULES.values() for pass_ in load_registry().parse(case.passes)}
    refused = {pass_.name for case in REFUSALS.values() for pass_ in load_registry().parse(case.passes)}
    registry = load_registry()
    rules = {name for name in registry.names() if issubclass(registry.find(name), Rule)}
    assert rules <= shown
    assert rules <= refused
    assert rules == {pass_.name for pass_ in default_pipeline() if isinstance(pass_, Rule)}


def test_new_nodes_say_where_they_come_from() -> None:
    program = RULES["rule_select_before_linear"].program()
    PassManager(load_registry().parse("whole-slice,select-before-linear")).run(program)
    code = program.blocks["entry"].code
    assert code is not None
    made = [node for node in code.graph.graph.nodes if node.meta.get("pass") == "select-before-linear"]
    assert [str(node.target) for node in made] == ["aten.select.int", "aten.linear.default"]
    assert all(node.meta["loc"] == "model.py:1" for node in made)
