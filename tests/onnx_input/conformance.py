"""ONNX's own test cases of operators, as inputs and results for networks that were read from them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.case.test_case import TestCase

from adaptc.compiler.errors import CompileError
from adaptc.compiler.onnx_input.model import read_model
from adaptc.compiler.onnx_input.network import network_of
from adaptc.compiler.onnx_input.registry import Unsupported

ROUNDING = {torch.float16: 3e-3, torch.bfloat16: 2e-2}
"""Relative tolerances of types of which the cases' own (0.001) is less than a rounding."""


def cases() -> list[TestCase]:
    """All cases of operators that the onnx package holds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns where a case divides by zero on purpose
        found: list[TestCase] = collect_testcases(None)
    return found


def tensors(value: Any) -> Any:
    """An array, a sequence of them, or a serialized tensor, for torch."""
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        return [tensors(item) for item in value]
    array = np.array(numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value)
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.astype(np.float32)).bfloat16()
    return torch.from_numpy(array)


def same(ours: Any, expected: Any, relative: float, absolute: float) -> None:
    """Assert that a result is the expected one."""
    if isinstance(expected, list):
        assert len(ours) == len(expected)
        for one, other in zip(ours, expected):
            same(one, other, relative, absolute)
        return
    if expected is None:
        assert ours is None
        return
    relative = max(relative, ROUNDING.get(expected.dtype, 0.0))
    torch.testing.assert_close(ours, expected, rtol=relative, atol=max(absolute, 1e-6), equal_nan=True)


def run(case: TestCase) -> str:
    """What becomes of a case: "passed", or "refused: " and why. Raises AssertionError where a result is wrong."""
    try:
        network, _ = network_of(read_model(case.model))
    except CompileError as error:
        return f"refused: {error.problems[0].found}"
    data: Sequence[Any] = case.data_sets or ()
    for inputs, outputs in data:
        try:
            with torch.no_grad():
                made = network(*[tensors(value) for value in inputs])
        except Unsupported as error:
            return f"refused: {error}"
        made = list(made) if isinstance(made, tuple) else [made]
        same(made, [tensors(value) for value in outputs], case.rtol, case.atol)
    return "passed"
