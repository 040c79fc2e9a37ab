"""Which outputs verification is given where graphs have several forms: those farthest from the blocks'."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from adaptc.compiler.planned_executable import Plan, PlannedExecutable, Replay, Replayed
from adaptc.runtime import Executable
from adaptc.runtime.trace import Trace

BLOCKS = np.array([1.0, 2.0], np.float32)


class Form:
    """A plan that gives `logits` and a number on every path."""

    def __init__(self, logits: NDArray[np.float32], number: int | NDArray[np.int64]) -> None:
        self.outputs = (logits, number)

    def replay(self, number: int, replay: Replay, inputs: Sequence[Any]) -> Replayed:
        return Replayed(self.outputs)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("number", [0, 3, np.array([0, 0]), np.array([0, -5])], ids=str)
@pytest.mark.parametrize("order", [1, -1])
def test_the_farthest_of_several_forms_counts(number: int | NDArray[np.int64], order: int) -> None:
    """Also beside integers, whose largest may be 0."""
    trace = Trace((BLOCKS, number), ("b0",), (), (), ())
    wrong = BLOCKS + np.array([0.0, 0.5], np.float32)
    forms = [cast(Plan, Form(logits, number)) for logits in (BLOCKS, wrong)][::order]
    given, _ = PlannedExecutable(cast(Executable, None), *forms).replayed(0, trace, (), ())
    np.testing.assert_array_equal(given.outputs[0], wrong)
