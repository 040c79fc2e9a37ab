"""What is said of rules that are none, and of those that break what they rewrite: the rule's name, the reason, the
MLIR around."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.program import Program
from adaptc.passes import Captured, Miss, PassError, PassManager, ProgramPass, Rewriter, Rule

from .cases import shared_variant
from .rule_cases import ANY_BATCH, ROWS, VECTOR, RuleCase

aten = torch.ops.aten
RELU = RuleCase("", lambda x: (x.exp().relu() + 1,), ROWS)
TWICE = RuleCase("", lambda x: (x.exp().relu(), x.exp().neg(), x.exp().relu().neg()), ROWS)


def rule(
    pattern: Callable[..., Any],
    replace: Callable[..., Any],
    check: Callable[..., None] | None = None,
    name: str = "custom",
    shared: bool = False,
) -> Rule:
    """A rule of these functions."""
    body = {"pattern": staticmethod(pattern), "replace": staticmethod(replace), "name": name, "shared_inner": shared}
    if check is not None:
        body["check"] = staticmethod(check)
    return dataclass(frozen=True)(type("Custom", (Rule,), body))()  # type: ignore[no-any-return]


def relu(x: Any) -> Any:
    return aten.relu(x)


def fails(made: Rule, case: RuleCase = RELU) -> str:
    """What is said of the rule; the program stays as it was."""
    program = case.program()
    before = copy_program(program)
    with pytest.raises(PassError) as caught:
        PassManager([made]).run(program)
    assert program == before
    return str(caught.value)


BROKEN: dict[str, tuple[Callable[..., Any], str]] = {
    "another shape": (lambda x: aten.sum.dim_IntList(x, [1]), "gives float32[2] for 'relu', which is float32[2, 4]"),
    "another dtype": (lambda x: aten._to_copy(x, dtype=torch.float64), "gives float64[2, 4] for 'relu'"),
    "an operator that changes its argument": (lambda x: aten.relu_(x), "which changes its arguments"),
    "no ATen operator": (lambda x: torch.relu(x), "calls relu, which is no ATen operator; write torch.ops.aten.relu"),
    "a method": (lambda x: x.relu(), "calls relu, which is no ATen operator"),
    "arguments that do not fit": (lambda x: aten.softmax(x, "last"), "with arguments that no overload takes"),
    "shapes that do not fit": (lambda x: aten.view(x, [3, 3]), "aten.view.default fails on these shapes"),
    "a test of the value": (lambda x: aten.relu(x) if x else x, "asks for the value of a tensor"),
    "an exception": (lambda x: {}[x], "failed: KeyError"),
    "two results": (lambda x: (aten.relu(x), aten.relu(x)), "gives 2 results for the 1 of its pattern"),
    "nothing": (lambda x: None, "returns None; it must return a call"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_replacement_that_breaks_the_code(what: str) -> None:
    replace, message = BROKEN[what]
    text = fails(rule(relu, replace))
    assert text.startswith("the replacement of rule 'custom'")
    assert message in text
    assert "block 'entry' (model.py:1):" in text
    assert '"torch.aten.relu"(%exp)' in text


def test_sizes_that_vary_must_stay_symbols() -> None:
    made = rule(lambda x: aten.relu(x), lambda x: aten.relu(aten.slice(x, 0, 0, 5)))
    assert "for 'relu', which is float32[" in fails(made, RuleCase("", lambda x: (x.relu(),), ANY_BATCH))


PATTERNS: dict[str, tuple[Callable[..., Any], str]] = {
    "only a parameter": (lambda x: x, "gives its parameter 'x' as a result"),
    "a value that no result needs": (lambda x: [aten.exp(x), aten.relu(x)][1], "has 'exp', which no result needs"),
    "a test": (lambda x: aten.relu(x) if x else x, "asks for the value of a parameter or a call"),
    "another function": (lambda x: torch.relu(x), "calls relu, which is no ATen operator"),
    "a default": (lambda x, y=1: aten.relu(x), "has the parameter 'y=1'"),
}


@pytest.mark.parametrize("what", PATTERNS)
def test_a_pattern_that_is_none(what: str) -> None:
    pattern, message = PATTERNS[what]
    text = fails(rule(pattern, pattern))
    assert text.startswith("the pattern of rule 'custom'")
    assert message in text


def test_parameters() -> None:
    def annotated(x: complex) -> Any:
        return aten.relu(x)

    assert "'x' is annotated <class 'complex'>; a parameter is one of Tensor, NoneType, int" in fails(
        rule(annotated, annotated)
    )
    other = rule(relu, lambda y: aten.relu(y))
    assert "<lambda>(y) has other parameters than pattern(x)" in fails(other)


def test_a_check_that_fails() -> None:
    def check(x: Captured) -> None:
        raise ValueError("lost")

    assert fails(rule(relu, relu, check)).startswith("the check of rule 'custom' failed: ValueError: lost\nblock")


def test_rules_that_undo_each_other() -> None:
    there = rule(relu, lambda x: aten.clamp_min(x, 0), name="there")
    back = rule(lambda x: aten.clamp_min(x, 0), relu, name="back")
    with pytest.raises(PassError) as caught:
        PassManager([there, back]).run(RELU.program())
    assert "rules 'there' and 'back' undo each other's work without end" in str(caught.value)
    assert "(model.py:1)" in str(caught.value)
    PassManager([there]).run(RELU.program())


def test_a_rule_that_matches_what_it_makes() -> None:
    made = rule(relu, lambda x: aten.relu(aten.relu(x)))
    assert "rule 'custom' matches what it makes itself, without end" in fails(made)


def test_a_value_that_something_else_reads() -> None:
    """It stops a rule that would compute it again, unless the rule takes that on itself."""

    def pattern(x: Any) -> Any:
        return aten.neg(aten.exp(x))

    def replace(x: Any) -> Any:
        return aten.mul(aten.exp(x), -1)

    case = RuleCase("", lambda x: ((y := x.exp()), -y), ROWS)
    (report,) = PassManager([rule(pattern, replace)]).run(case.program())
    assert report.misses == {"the code's result reads a value inside the match too": 1}
    (report,) = PassManager([rule(pattern, replace, shared=True)]).run(case.program())
    assert report.hits == 1

    def both(x: Any) -> Any:
        y = aten.exp(x)
        return y, aten.neg(y)

    def replaced(x: Any) -> Any:
        y = aten.exp2(x * 1.5)
        return y, aten.neg(y)

    (report,) = PassManager([rule(both, replaced)]).run(case.program())
    assert report.hits == 1


def test_results_that_need_each_other_are_left_alone() -> None:
    """One of two results is computed from the other by something outside the match: there is no order for one call."""

    def both(x: Any, y: Any, w: Any) -> Any:
        return aten.mul(x, w), aten.mul(y, w)

    def joined(x: Any, y: Any, w: Any) -> Any:
        z = aten.mul(aten.stack([x, y]), w)
        return aten.select(z, 0, 0), aten.select(z, 0, 1)

    chain = RuleCase("", lambda x, w: ((x * w).exp() * w,), ROWS, [VECTOR])
    (report,) = PassManager([rule(both, joined)]).run(chain.program())
    assert not report.hits
    assert "what the match reads is computed from one of its results" in report.misses
    (report,) = PassManager([rule(both, joined)]).run(
        RuleCase("", lambda x, w: (x * w, x.exp() * w), ROWS, [VECTOR]).program()
    )
    assert report.hits == 1


def test_commutative_operators_and_constants() -> None:
    def pattern(x: Any, scale: float) -> Any:
        return aten.add(aten.relu(x), aten.mul(x, scale))

    def check(x: Captured, scale: float) -> None:
        if scale != 2:
            raise Miss("the factor is not 2", x)

    def replace(x: Any, scale: float) -> Any:
        return aten.maximum(x * (scale + 1), x * scale)

    swapped = RuleCase("", lambda x: (x * 2 + x.relu(),), ROWS)
    (report,) = PassManager([rule(lambda x, scale: pattern(x, scale), replace, check)]).run(swapped.program())
    assert report.misses == {"argument 'other' of aten.mul.Tensor is 2; 'scale' stands for a tensor": 1}
    made = rule(pattern, replace, check)
    (report,) = PassManager([made]).run(swapped.program())
    assert report.hits == 1
    (report,) = PassManager([made]).run(RuleCase("", lambda x: (x * 3 + x.relu(),), ROWS).program())
    assert report.misses == {"the factor is not 2": 1}


@dataclass(frozen=True)
class EditsInPlace(ProgramPass):
    """Edits code that two other blocks have too."""

    name = "edits-in-place"

    def run(self, program: Program, rw: Rewriter) -> None:
        code = program.blocks["second"].code
        assert code is not None
        node = next(node for node in code.graph.graph.nodes if node.op == "call_function")
        node.target = aten.sub.Tensor


def test_a_pass_that_edits_a_shared_graph() -> None:
    with pytest.raises(PassError) as caught:
        PassManager([EditsInPlace()]).run(shared_variant())
    text = str(caught.value)
    assert "pass 'edits-in-place' edited the graph of code 'two' in place" in text
    assert "the code of 'entry', 'second', 'third'" in text
    assert '"torch.aten.sub.Tensor"' in text
    shared_variant.__globals__["code"].cache_clear()
