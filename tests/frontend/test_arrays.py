"""NumPy arrays of data: counts of tokens, confidences and predictions as published code takes them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import adaptc
from adaptc.compiler.errors import CompileError

from .checking import check, network
from .test_loops import rand


class Experts(nn.Module):
    """Tokens sorted by expert, whose bounds are the running sums of an array of counts."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.experts = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.gate = nn.Linear(4, 3)

    def forward(self, x):
        weights, chosen = torch.topk(self.gate(x).softmax(-1), 2, dim=-1)
        return self.infer(x, chosen.view(-1), weights.view(-1, 1))

    @torch.no_grad()
    def infer(self, x, chosen, weights):
        cache = torch.zeros_like(x)
        order = chosen.argsort()
        ends = chosen.bincount().cpu().numpy().cumsum(0)
        tokens = order // 2
        for number, end in enumerate(ends):
            start = 0 if number == 0 else ends[number - 1]
            if start == end:
                continue
            rows = tokens[start:end]
            out = self.experts[number](x[rows])
            out.mul_(weights[order[start:end]])
            cache.scatter_reduce_(0, rows.view(-1, 1).repeat(1, x.shape[-1]), out, reduce="sum")
        return cache


class Confident(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        for number, layer in enumerate(self.layers):
            x = layer(x).relu()
            probabilities = self.head(x).softmax(-1)
            confidence = probabilities.detach().cpu().numpy().max()
            predicted = np.argmax(probabilities.detach().numpy(), axis=1)
            if confidence > 0.5:
                break
        if isinstance(predicted, np.ndarray) and (predicted == predicted[0]).all():
            x = x + 1
        return x, number, torch.from_numpy(predicted), float(confidence), int(predicted[1])


class Counts(nn.Module):
    def forward(self, x):
        counts = (x > 0).sum(1).numpy()
        ends = counts.cumsum()
        if counts.max() > 2:
            x = x * 2
        many = [int(count) for count in counts if count > 1]
        fewest = int(counts.min()) % 3 + 1
        return x[:fewest], ends[-1], counts.max(), many, [0, *ends.tolist()], len(counts), counts.shape[0]


class Bytes(nn.Module):
    """Numbers that overflow as NumPy's do."""

    def forward(self, x):
        small = (x > 0).sum(1).to(torch.uint8).numpy()
        return x * 2 if small[0] + 254 < 3 else x, int(small[1] + 254)


class Truths(nn.Module):
    """Truths add and turn round as NumPy's do."""

    def forward(self, x):
        positive = (x[:, 0] > 0).numpy()
        both, none = positive[0] + positive[1], ~positive[2]
        for flag in positive:
            x = x + 1 if flag else x * 2
        if none and not positive[0]:
            x = -x
        return x, int(both), int(positive.sum()), bool(none)


@pytest.mark.parametrize("model", [Experts(), Confident(), Counts(), Bytes(), Truths()])
def test_arrays_of_data(model, tmp_path):
    calls = [(row * 2,) for row in rand(8, 3, 4)]
    check(model, calls)
    adaptc.compile(model.eval(), (calls[0][0],), tmp_path / "arrays", samples=calls)


def whole(self, x):
    return x + float(np.linalg.norm(x.numpy()))


def in_place(self, x):
    counts = x.numpy()
    counts += 1
    return x


def of_two_dtypes(self, x):
    return x, (x > 0).sum(1).numpy() * 0.5


def with_a_tensor(self, x):
    return x * x.numpy()


def shape_of(self, x):
    return x * np.shape(x.numpy())[0]


@pytest.mark.parametrize("forward", [whole, shape_of, in_place, of_two_dtypes, with_a_tensor])
def test_what_arrays_cannot_do(forward):
    with pytest.raises(CompileError, match="of a NumPy array that depends on data"):
        check(network(forward), [(rand(2, 3),)])
