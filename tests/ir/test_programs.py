"""The hand-written programs are valid and mean what their eager networks mean."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adaptc.compiler.ir.verify import verify

from .meaning import all_edges, assert_means_eager, edges_taken
from .programs import SAMPLES, Sample

# No input takes these: the counter is 0 there, the test is always true, the parameter is always large.
INFEASIBLE = {
    "patience": {("test0", "leave")},
    "constants": {("scaled", "small"), ("mix", "small")},
}


@pytest.mark.parametrize("make", SAMPLES, ids=lambda make: make.__name__)
def test_sample(make: Callable[[], Sample]) -> None:
    sample = make()
    verify(sample.program)
    assert_means_eager(sample)
    missed = all_edges(sample.program) - edges_taken(sample.program, sample.cases)
    assert missed == INFEASIBLE.get(sample.program.name, set())
