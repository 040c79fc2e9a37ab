"""Comparing outputs leaf by leaf."""

from __future__ import annotations

import math
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from adaptc.compiler.verify.compare import Difference, compare, compare_leaf

Pair = namedtuple("Pair", ["a", "b"])


def array(*values: float, dtype: str = "float32") -> Any:
    return np.array(values, dtype=dtype)


def different(eager: object, ours: object) -> Difference:
    (difference,) = compare(eager, ours).differences
    return difference


def test_equal_outputs_of_every_kind() -> None:
    eager = {"x": torch.tensor([1.0, 2.0]), "n": 3, "f": 0.5, "b": True, "s": "text", "z": None}
    ours = {"x": array(1.0, 2.0), "n": 3, "f": 0.5, "b": True, "s": "text", "z": None}
    assert compare(eager, ours).differences == ()
    assert compare(eager, ours).max_relative_error == 0.0


def test_the_error_is_relative_to_the_largest_element() -> None:
    eager = torch.tensor([100.0, 0.001])
    assert compare(eager, array(100.0, 0.0015)).max_relative_error == pytest.approx(5e-6)
    difference = different([eager], [array(100.0, 0.003)])
    assert (difference.where, difference.index) == ("output[0]", (1,))
    assert difference.error == pytest.approx(2e-5)
    assert "output[0][1]: relative error 2e-05 is above 1e-05" in str(difference)


def test_tiny_outputs_are_measured_against_a_floor() -> None:
    assert compare(torch.tensor([1e-9]), array(1.5e-9)).max_relative_error == pytest.approx(5e-4, rel=1e-3)


@pytest.mark.parametrize(
    ("dtype", "numpy_dtype", "good", "bad"),
    [
        (torch.float32, "float32", 5e-6, 5e-5),
        (torch.float64, "float64", 5e-10, 5e-9),
        (torch.float16, "float16", 1e-3, 5e-3),
        (torch.float16, "float32", 1e-3, 5e-3),
        (torch.bfloat16, "float32", 1e-2, 5e-2),
    ],
)
def test_tolerances_follow_the_dtype(dtype: torch.dtype, numpy_dtype: str, good: float, bad: float) -> None:
    eager = torch.ones(3, dtype=dtype)
    assert compare(eager, np.full(3, 1 + good, numpy_dtype)).differences == ()
    assert len(compare(eager, np.full(3, 1 + bad, numpy_dtype)).differences) == 1


def test_infinities_and_nan_stand_in_the_same_places() -> None:
    eager = torch.tensor([1.0, math.inf, -math.inf, math.nan])
    assert compare(eager, array(1.0, math.inf, -math.inf, math.nan)).max_relative_error == 0.0
    assert different(eager, array(1.0, -math.inf, -math.inf, math.nan)).index == (1,)
    assert different(eager, array(1.0, math.inf, -math.inf, 3.0)).index == (3,)
    assert different(eager, array(math.nan, math.inf, -math.inf, math.nan)).index == (0,)


def test_integers_and_bools_are_exact() -> None:
    difference = different(torch.tensor([[1, 2], [3, 4]]), array(1, 2, 3, 5, dtype="int64").reshape(2, 2))
    assert (difference.index, difference.eager, difference.ours) == ((1, 1), "4", "5")
    assert different(torch.tensor([True]), array(False, dtype="bool")).index == (0,)
    assert different(2, 3).reason == "the value differs"
    assert different("a", "b").where == "output"


@pytest.mark.parametrize(
    ("eager", "ours", "reason"),
    [
        (torch.ones(2), np.ones(3, "float32"), "the shape differs"),
        (torch.ones(2), np.ones(2, "float64"), "the dtype differs"),
        (torch.ones(2).bfloat16(), np.ones(2, "float16"), "the dtype differs"),
        (torch.tensor(1.0), 1.0, "no array"),
        (1.0, 1, "the class differs"),
        (True, 1, "the class differs"),
        ((torch.ones(1),), [np.ones(1, "float32")], "the structure differs"),
        (Pair(1, 2), (1, 2), "the structure differs"),
        ({"a": 1}, {"b": 1}, "the structure differs"),
        ({"a": None}, {"a": 1}, "the structure differs"),
        ([1], [object()], "no such structure"),
    ],
)
def test_other_differences(eager: object, ours: object, reason: str) -> None:
    comparison = compare(eager, ours)
    assert [difference.reason for difference in comparison.differences] == [reason]
    assert comparison.max_relative_error == math.inf


def test_classes_are_compared_by_name_and_fields() -> None:
    @dataclass
    class State:
        h: Any
        n: int

    def ours() -> Any:
        from dataclasses import make_dataclass

        return make_dataclass("State", ["h", "n"])(array(1.0), 2)

    assert compare(State(torch.ones(1), 2), ours()).differences == ()
    assert compare(Pair(1, 2), namedtuple("Pair", ["a", "b"])(1, 2)).differences == ()
    assert "Pair(a=_, b=_)" in str(different(Pair(1, 2), [1, 2]))


def test_scalars_of_arrays_and_empty_arrays() -> None:
    assert compare_leaf("x", torch.tensor(2.0), np.float32(2.0)) == 0.0
    assert compare_leaf("x", torch.ones(0, 3), np.ones((0, 3), "float32")) == 0.0
    assert (
        compare(
            torch.max(torch.ones(2, 2), 0),
            namedtuple("max", ["values", "indices"])(np.ones(2, "float32"), np.zeros(2, "int64")),
        ).differences
        == ()
    )
