"""torch's own operators with control flow, in networks and in exported programs."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch._higher_order_ops.map import map as map_rows
from torch._higher_order_ops.while_loop import while_loop

import adaptc

from .checking import check
from .test_loops import has_loop, rand


class Cond(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: self.first(x), lambda x: self.second(x), (x,))


class While(nn.Module):
    def forward(self, x):
        def going(count, x):
            return (count < 10) & (x.sum() < 50)

        def step(count, x):
            return count + 1, x * 1.5

        return while_loop(going, step, (torch.tensor(0), x))


class Map(nn.Module):
    def forward(self, x, y):
        return map_rows(lambda row, scale: row.sum() * scale, x, y)


CALLS = [(rand(4),), (-rand(4).abs(),), (rand(4).abs(),)]


def test_cond():
    check(Cond(), CALLS, paths=2)


def test_while_loop():
    assert has_loop(check(While(), CALLS))


def test_map():
    check(Map(), [(rand(5, 4), rand(4))])


@pytest.mark.parametrize("network", [Cond, While])
def test_an_exported_program(network, tmp_path):
    model = network().eval()
    exported = torch.export.export(model, CALLS[0])
    adaptc.compile(exported.module(), CALLS[0], tmp_path / "artifact")
    executable = adaptc.load(tmp_path / "artifact")
    for call in CALLS:
        ours, eager = executable(call[0].numpy()), model(*call)
        for one, other in zip(ours, eager, strict=True):
            torch.testing.assert_close(torch.as_tensor(one), other)
