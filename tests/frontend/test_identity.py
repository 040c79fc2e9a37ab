"""Which object a tensor is where joins have made one of several, and methods of lists that ask it."""

from __future__ import annotations

import torch
from torch import nn

import adaptc

from .checking import check
from .test_loops import rand


class IsIt(nn.Module):
    def forward(self, x):
        a, b = x * 2, x + 1
        y = a if x.sum() > 0 else b
        z = y + 1
        if y is a:
            z = z * 3
        return z


def test_identity_of_what_a_join_made():
    check(IsIt(), [(row,) for row in rand(6, 2, 3)], paths=2)


class Best(nn.Module):
    def forward(self, x):
        scores = [row.sum() for row in x]
        best, least = scores.index(max(scores)), scores.index(min(scores))
        return x[best] - x[least], scores.count(max(scores)), max(scores) in scores


class BestOfMany(nn.Module):
    def forward(self, x):
        scores = [x.sum()]
        while x.abs().sum() > 1:
            x = x * 0.5
            scores.append((x * x - x).sum())
        return x, scores.index(max(scores)), scores.count(max(scores))


class Among(nn.Module):
    def forward(self, x):
        marks = [torch.tensor(1.0), torch.tensor(2.0)]
        return x + 1 if x.sum().round() in marks else x - 1, x.sum().round() not in marks


def test_the_place_of_the_best(tmp_path):
    """The verifier compares what is read too: eager PyTorch reads nothing of the element that is the very object."""
    same = torch.tensor([[1.0, 2.0], [2.0, 1.0], [0.5, 0.5]])
    calls = [(row,) for row in rand(8, 3, 2)]
    check(Best(), [*calls, (same,), (same.flip(0),)])
    adaptc.compile(Best(), (calls[0][0],), tmp_path / "best", samples=calls)
    calls = [(row * size,) for size, row in enumerate(rand(8, 3, 2), 1)]
    check(BestOfMany(), calls)
    adaptc.compile(BestOfMany(), (calls[0][0],), tmp_path / "many", samples=calls)


def test_a_tensor_in_a_list_of_tensors():
    calls = [(torch.full((2,), value),) for value in (0.5, 1.0, 2.0, 0.75)]
    check(Among(), calls, paths=3)


class Largest(nn.Module):
    def forward(self, x):
        found = [row for row in x if row.sum() > 0]
        return x * max([float(len(found))] if found else [])


def test_the_largest_of_nothing():
    check(Largest(), [(row,) for row in rand(8, 2, 3)] + [(-torch.ones(2, 3),)])
