"""None on ways where eager PyTorch would fail on it: the compiled network raises the same there."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from .checking import check
from .test_loops import rand


class Exits(nn.Module):
    """A result that no exit may set."""

    def __init__(self, use) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.use = use

    def forward(self, x):
        out = None
        for layer in self.layers:
            x = layer(x).tanh()
            if x.sum() > 0.5:
                out = x
                break
        return self.use(out)


@pytest.mark.parametrize(
    "use",
    [
        lambda out: out.mean(),
        lambda out: out + 1,
        lambda out: out[0],
        lambda out: F.linear(out, torch.ones(4, 4)),
        lambda out: [row + 1 for row in out],
        lambda out: len(out),
    ],
)
def test_a_result_that_may_be_none(use):
    check(Exits(use), [(row,) for row in rand(12, 2, 4)])


class Best(nn.Module):
    """A variable that some iteration may set, or none."""

    def __init__(self, most):
        super().__init__()
        self.most = most

    def forward(self, x):
        least = 1.0
        for _ in range(self.most):
            x = x * 0.7
            norm = x.norm().item()
            if norm < least:
                best, least = x, norm
            if norm < 0.3 or norm > 5:
                break
        return best, least


@pytest.mark.parametrize("most", [4, 500])
def test_a_variable_that_no_iteration_may_set(most):
    check(Best(most), [(row,) for scale in (0.1, 1, 9) for row in rand(3, 2, 4) * scale])
