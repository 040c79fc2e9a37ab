"""Tensors whose ``data`` is set."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import adaptc
from adaptc.compiler.errors import CompileError

from .checking import check, network, signs


def doubled(self, x):
    y = x * 1
    if x.sum() > 0:
        y.data = y.data * 2
    y.data = y + 1
    return y


class Tied(nn.Module):
    """A layer that a call makes and gives the weights of another, as WaveRNN's cells have those of its layers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.own = nn.LayerNorm(3)
        nn.init.normal_(self.own.weight)

    def forward(self, x):
        layer = nn.LayerNorm(3)
        layer.weight.data = self.own.weight.data
        layer.bias.data = self.own.bias.data
        return layer(x) if x.sum() > 0 else x


class Remembers(nn.Module):
    """A weight that calls change by its data."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x):
        if x.sum() > 0:
            self.weight.data = self.weight.data * 0.5 + x
        return x * self.weight


def test_the_data_of_a_weight_is_set(tmp_path):
    model = Remembers()
    check(model, signs(4, 3), paths=2)
    adaptc.compile(model, signs(4, 3)[0], tmp_path / "a")
    assert torch.equal(model.weight, torch.ones(3))


def test_data_is_set():
    check(network(doubled), signs(4, 3), paths=2)
    check(Tied(), signs(4, 3), paths=2)


def with_a_view(self, x):
    y = x * 1
    first = y[:1]
    y.data = y * 2
    return y, first


def changed_later(self, x):
    y, z = x * 1, x * 2
    y.data = z
    y.add_(1)
    return y, z


@pytest.mark.parametrize("forward", [with_a_view, changed_later])
def test_what_shares_memory_with_it_is_refused(forward):
    with pytest.raises(CompileError, match=r"x\.data = y"):
        check(network(forward), signs(2, 3))
