"""Every operator case computes in ONNX Runtime what eager PyTorch computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils import _pytree

from adaptc.compiler.backends.onnx.lower import lower

from .building import bound, code_of, run, session_of
from .operators import Case, cases

CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_operator(name: str) -> None:
    check(CASES[name])


def check(case: Case) -> None:
    code, weights = code_of(case.module, case.inputs[0], case.dynamic)
    session = session_of(bound(lower(code), weights))
    for inputs in case.inputs:
        with torch.no_grad():
            expected = _pytree.tree_leaves(case.module(*inputs))
        for result, value in zip(run(session, inputs), expected, strict=True):
            reference = (value.float() if value.dtype is torch.bfloat16 else value).detach().numpy()
            assert result.dtype == reference.dtype
            assert result.shape == reference.shape
            if reference.dtype.kind == "f":
                np.testing.assert_allclose(result, reference, rtol=case.tolerance, atol=case.tolerance)
            else:
                np.testing.assert_array_equal(result, reference)
