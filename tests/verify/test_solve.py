"""Finding values of reads under which tests go as wanted."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptc.compiler.verify.solve import Constraint, Solver, Values
from adaptc.compiler.verify.terms import UNDEFINED, Term, Terms, Variable, evaluate

TERMS = Terms()
P, Q, R = (Variable(name, "float") for name in "pqr")
K, N = Variable("k", "int"), Variable("n", "int")
A, B = Variable("a", "bool"), Variable("b", "bool")


def term(value: Any) -> Term:
    """A term from nested tuples ("lt", P, 0.5)."""
    if isinstance(value, tuple):
        return TERMS.apply(value[0], [term(arg) for arg in value[1:]])
    return TERMS.variable(value) if isinstance(value, Variable) else TERMS.constant(value)


def solved(*constraints: tuple[Any, bool | None], near: int | None = None, **hints: Any) -> Values | None:
    """Solve, at a threshold of the constraint of number `near`, and check the solution by evaluating."""
    wanted = tuple(Constraint(term(value), truth) for value, truth in constraints)
    values = Solver(hints).solve(wanted, near=None if near is None else wanted[near])
    if values is not None:
        for (value, truth), constraint in zip(constraints, wanted):
            result = evaluate(constraint.term, values)
            assert result is not UNDEFINED
            assert truth is None or bool(result) == truth, (value, values)
    return values


@pytest.mark.parametrize(
    "test",
    [
        ("gt", P, 0.5),
        ("le", ("mul", P, 3.0), -2.0),
        ("gt", ("add", P, Q), 1.5),
        ("gt", ("mul", P, Q), 40.0),
        ("lt", ("sub", 1.0, P), 0.25),
        ("ge", ("max", P, Q), 7.5),
        ("lt", ("min", P, ("neg", Q)), -7.5),
        ("lt", ("truediv", 1.0, P), 0.01),
        ("gt", P, ("mul", 0.5, P)),
        ("gt", ("exp", P), 20.0),
        ("lt", ("log", P), -3.0),
        ("eq", ("int", ("mul", P, 10.0)), 7),
        ("eq", ("floordiv", K, 4), 5),
        ("eq", ("mod", K, 4), 3),
        ("eq", ("add", K, N), 11),
        ("and", ("gt", P, 0.3), ("lt", P, 0.31)),
        ("or", ("gt", P, 0.3), A),
        ("and", ("not", A), ("eq", K, 3)),
        ("eq", ("add", ("int", A), ("int", B)), 1),
        ("gt", ("select", A, P, Q), 99.5),
        ("ge", ("abs", P), 12.0),
        ("sub", K, 3),
        ("gt", ("pow", P, 2.0), 50.0),
        ("lt", ("sqrt", P), 0.01),
        ("gt", ("tanh", P), 0.99),
    ],
)
@pytest.mark.parametrize("truth", [True, False])
@pytest.mark.parametrize("near", [None, 0])
def test_both_outcomes_are_found(test: Any, truth: bool, near: int | None) -> None:
    assert solved((test, truth), near=near) is not None


def test_contradictions_have_no_solution() -> None:
    assert solved((("gt", P, 0.5), True), (("gt", P, 0.7), False), (("lt", P, 0.4), True)) is None
    assert solved((A, True), (("not", A), True)) is None
    assert solved((("eq", K, 3), True), (("eq", K, 4), True)) is None
    assert solved((("lt", ("mul", P, P), 0.0), True)) is None


def test_parts_without_reads_decide_too() -> None:
    assert solved((("and", ("gt", P, 0.5), ("gt", 2, 1)), True)) is not None
    assert solved((("and", ("gt", P, 0.5), ("gt", 1, 2)), True)) is None
    assert solved((("or", ("gt", P, 0.5), ("truediv", 1, 0)), False)) is None
    assert solved((("or", ("gt", P, 0.5), ("truediv", 1, 0)), True)) is not None


def test_tests_that_share_reads_are_solved_together() -> None:
    values = solved((("lt", P, 0.9), True), (("lt", Q, 0.9), True), (("gt", ("add", P, Q), 1.7), True))
    assert values is not None
    assert solved((("gt", P, 0.45), True), (("lt", P, 0.4501), True)) is not None


def test_a_chain_of_equalities_reaches_every_case_and_none() -> None:
    chain = [("eq", K, key) for key in range(5)]
    for case in range(5):
        values = solved(*((test, i == case) for i, test in enumerate(chain[: case + 1])))
        assert values == {K: case}
    values = solved(*((test, False) for test in chain))
    assert values is not None
    assert values[K] not in range(5)


def test_comfortable_values_keep_away_from_the_threshold_and_tight_ones_sit_on_it() -> None:
    assert solved((("gt", P, 3.0), True)) == {P: 3.3}
    assert solved((("gt", P, 0.9), True)) == {P: 0.95}
    assert solved((("gt", P, 0.9), False)) == {P: 0.45}
    assert solved((("gt", P, 3.0), True), near=0) == {P: math.nextafter(3.0, math.inf)}
    assert solved((("gt", P, 3.0), False), near=0) == {P: 3.0}
    both = (("gt", P, 3.0), True), (("gt", P, 4.0), False)
    assert solved(*both) == {P: 3.5}
    assert solved(*both, near=0) == {P: math.nextafter(3.0, math.inf)}
    assert solved(*both, near=1) == {P: 4.0}
    assert solved((("ge", P, 3.0), False), near=0) == {P: math.nextafter(3.0, -math.inf)}


def test_a_value_that_the_data_gave_is_preferred() -> None:
    assert solved((("gt", P, 0.5), True), p=0.625) == {P: 0.625}
    assert solved((("gt", P, 0.5), False), p=0.625) == {P: 0.25}
    assert solved((("gt", K, 5), True), k=17) == {K: 17}


def test_undefined_values_are_avoided() -> None:
    assert solved((("truediv", 1.0, ("sub", P, 3.3)), None), (("gt", P, 3.0), True)) is not None
    assert solved((("log", P), None), (("lt", P, -1.0), True)) is None


def test_a_sum_of_many_reads() -> None:
    flags = [Variable(f"f{i}", "bool") for i in range(60)]
    total: Any = 0
    for flag in flags:
        total = ("add", total, ("int", flag))
    values = solved((("eq", total, 41), True))
    assert values is not None
    assert sum(values.values()) == 41


def test_repeated_squaring_stays_small() -> None:
    value = term(("add", P, 0.0))
    for _ in range(200):
        value = TERMS.apply("mul", [TERMS.apply("min", [value, value]), value])
    assert len(value.order()) < 700
    assert evaluate(value, {P: 1.0}) == 1.0


def test_constants_fold_as_python_computes_them() -> None:
    assert term(("and", True, P)) is term(P)
    assert term(("or", 0, P)) is term(P)
    assert term(("select", ("gt", 2, 1), P, Q)) is term(P)
    assert term(1) is not term(True)
    assert term(1) is not term(1.0)
    assert repr(term(("floordiv", -7, 2)).value) == "-4"
    assert evaluate(term(("truediv", 1, 0)), {}) is UNDEFINED
    assert evaluate(term(("pow", 2, ("pow", 10, 9))), {}) is UNDEFINED


LEAVES = st.sampled_from([P, Q, A, K, N, 0.25, 0.5, 1, 2, 3.5])
NUMBERS = st.recursive(
    LEAVES,
    lambda inner: st.tuples(st.sampled_from(["add", "sub", "mul", "min", "max"]), inner, inner),
    max_leaves=5,
)
TESTS = st.recursive(
    st.tuples(st.sampled_from(["lt", "le", "gt", "ge", "eq", "ne"]), NUMBERS, NUMBERS),
    lambda inner: st.one_of(st.tuples(st.sampled_from(["and", "or"]), inner, inner), st.tuples(st.just("not"), inner)),
    max_leaves=4,
)
GRID: dict[Variable, list[Any]] = {
    P: [-1.0, 0.3, 2.0],
    Q: [-1.0, 0.5, 2.0],
    A: [True, False],
    K: [-1, 1, 5],
    N: [0, 2],
}


@settings(max_examples=60, deadline=None)
@given(TESTS, st.booleans())
def test_random_tests_are_solved_where_a_grid_finds_a_solution(test: Any, truth: bool) -> None:
    condition = term(test)
    variables = sorted(condition.variables, key=lambda variable: variable.name)
    grid = (dict(zip(variables, point)) for point in itertools.product(*(GRID[v] for v in variables)))
    on_grid = any(bool(evaluate(condition, point)) == truth for point in grid)
    found = solved((test, truth)) if variables else on_grid or None
    # The solver may find what the grid misses; `solved` has checked its answer.
    assert found is not None or not on_grid
