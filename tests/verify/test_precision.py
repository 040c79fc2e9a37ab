"""Values forced on reads are numbers that the tensor could have held."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from adaptc.compiler.verify.candidates import candidates
from adaptc.compiler.verify.precision import around, held
from adaptc.compiler.verify.solve import Constraint, Solver
from adaptc.compiler.verify.terms import Terms, Variable

from .captured import report_on
from .networks import NarrowThreshold

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_numbers_around_a_threshold_are_neighbours(dtype: torch.dtype) -> None:
    nearest, above, below = around(0.2, dtype)
    assert below < nearest < above
    assert all(torch.tensor(value, dtype=dtype).item() == value for value in (nearest, above, below))
    assert nearest - below <= 2 * torch.finfo(dtype).eps * 0.2
    assert above > 0.2 > below


def test_numbers_beyond_a_dtype_are_left_out() -> None:
    assert around(1e39, torch.float32) == [torch.finfo(torch.float32).max]
    assert held(1e39, torch.float32) is None
    assert held(70000.0, torch.float16) is None
    assert held(0.1, torch.float32) == float(np.float32(0.1))
    assert held(-1, torch.uint8) is None
    assert held(255, torch.uint8) == 255
    assert held(math.inf, torch.float32) == math.inf
    assert held(0.1, None) == 0.1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("function", ["gt", "ge", "lt", "le"])
def test_solutions_at_a_threshold_can_occur(dtype: torch.dtype, wanted: bool, function: str) -> None:
    variable, terms = Variable("score", "float", dtype=dtype), Terms()
    test = Constraint(terms.apply(function, (terms.variable(variable), terms.constant(0.2))), wanted)
    values = Solver({}).solve((test,), near=test)
    assert values is not None
    value = values[variable]
    assert torch.tensor(value, dtype=dtype).item() == value
    assert abs(value - 0.2) <= torch.finfo(dtype).eps * 0.2


def test_no_read_of_float32_equals_what_float32_does_not_have() -> None:
    variable, terms = Variable("score", "float", dtype=torch.float32), Terms()
    test = Constraint(terms.apply("eq", (terms.variable(variable), terms.constant(0.2))), True)
    assert Solver({}).solve((test,)) is None


def test_indices_stay_within_their_dtype() -> None:
    values = candidates(Variable("index", "int", dtype=torch.uint8), [], {}, None)
    assert values
    assert all(0 <= value <= 255 for value in values)


def test_a_threshold_that_only_float32_has() -> None:
    # NumPy compares a Python number with its float32 in float32: no float64 number tells the two sides apart.
    report = report_on(NarrowThreshold(), torch.randn(2, 4))
    assert report.failures == ()
    assert [path.forced for path in report.paths] == [2, 2]
