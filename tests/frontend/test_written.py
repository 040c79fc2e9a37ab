"""Functions that are written with others, solvers of fixed points, and parts of tensors that are put back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from .checking import check
from .test_loops import rand


class Cells(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.gru, self.lstm, self.rnn = nn.GRUCell(4, 4), nn.LSTMCell(4, 4), nn.RNNCell(4, 4)

    def forward(self, x):
        hidden, count = torch.zeros(x.shape[0], 4), 0
        while hidden.norm() < 3 and count < 10:
            hidden = self.gru(x, hidden)
            hidden = self.lstm(x, (hidden, hidden))[0] * 3 + self.rnn(x, hidden)
            count += 1
        return hidden, count


class Layers(nn.Module):
    """Recurrent layers over sequences of any length, and what a loop adds to one."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.lstm = nn.LSTM(4, 3, 2, batch_first=True, bidirectional=True, dropout=0.2)
        self.gru = nn.GRU(6, 4, bias=False)
        self.rnn = nn.RNN(4, 4, batch_first=True, nonlinearity="relu")

    def forward(self, x):
        y, (h, c) = self.lstm(x)
        y, last = self.gru(y.transpose(0, 1))
        y = y.transpose(0, 1)
        while y.norm() > 1 and y.shape[1] < 9:
            y, _ = self.rnn(torch.cat([y, y[:, -1:] * 0.5], 1))
        return y, h, c, last


class Padded(nn.Module):
    """Constant padding where sizes vary."""

    def forward(self, x):
        y = nn.functional.pad(x, (1, -1, 2, 0))
        if x.sum() > 0:
            return y, nn.functional.pad(x, (0, 0, 0, 3), value=2.0)
        return y * 2, nn.ZeroPad2d(1)(x[None])


class Solve(nn.Module):
    def forward(self, a, b):
        if a.sum() > 0:
            return torch.linalg.solve(a, b), torch.linalg.inv(a)
        return torch.linalg.solve(a, b[..., 0]), a


class Anderson(nn.Module):
    """Anderson's acceleration of a fixed-point iteration, its function given as a callable."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.weight = nn.Linear(8, 8)
        self.weight.weight.data *= 0.5

    def forward(self, x):
        return self.solve(lambda z: torch.tanh(self.weight(z) + x), torch.zeros_like(x), m=3, most=12, tolerance=1e-3)

    def solve(self, f, start, m, most, tolerance):
        batch, width = start.shape
        points, images = torch.zeros(batch, m, width), torch.zeros(batch, m, width)
        points[:, 0], images[:, 0] = start, f(start)
        points[:, 1], images[:, 1] = images[:, 0], f(images[:, 0])
        h = torch.zeros(batch, m + 1, m + 1)
        h[:, 0, 1:] = h[:, 1:, 0] = 1
        y = torch.zeros(batch, m + 1, 1)
        y[:, 0] = 1
        for k in range(2, most):
            n = min(k, m)
            g = images[:, :n] - points[:, :n]
            h[:, 1 : n + 1, 1 : n + 1] = torch.bmm(g, g.transpose(1, 2)) + 1e-4 * torch.eye(n)[None]
            alpha = torch.linalg.solve(h[:, : n + 1, : n + 1], y[:, : n + 1])[:, 1 : n + 1, 0]
            points[:, k % m] = (alpha[:, None] @ images[:, :n])[:, 0]
            images[:, k % m] = f(points[:, k % m])
            if (images[:, k % m] - points[:, k % m]).norm() / (1e-5 + images[:, k % m].norm()) < tolerance:
                break
        return points[:, k % m]


class PutBack(nn.Module):
    def forward(self, x):
        table, count = torch.zeros(6, 4), 0
        while x.norm() > 0.3 and count < 6:
            table[count] += x
            table[count] *= 2
            table[:, count % 4] = x.sum()
            x = x * 0.7
            count += 1
        return table, count


class Leading(nn.Module):
    """Rows with a dimension of one element before them, put at places that depend on data; places as a list."""

    def forward(self, x):
        rows, column, i = torch.zeros(6, 4), torch.zeros(4, 6), 0
        for i in range(6):
            rows[i] = x[None]
            column[:, i] = x[None]
            x = x * 0.7
            if x.norm() < 0.5:
                break
        place = int(x.argmax())
        rows[place] = x[None]
        return rows[[i, place]], rows[:, [place, int(x.argmin())]], column


def _token(count):
    return torch.LongTensor([[1]] * count)


class Natively(nn.Module):
    """A tensor made by its type in a function that would run natively."""

    def forward(self, x):
        x = x + _token(2).sum()
        return x * 2 if x.sum() > 0 else x


class Legacy(nn.Module):
    def forward(self, x):
        places = [0]
        while x.norm() > 0.5:
            x = x * 0.7
            places.append(x.argmax().item())
        alias = torch.autograd.Variable(torch.FloatTensor(x))
        alias.requires_grad = False
        return torch.LongTensor(places), torch.FloatTensor([int(x.argmax()), 2]), torch.Tensor(2, 3).fill_(1), alias


class Equations(nn.Module):
    """A loop whose size is needed as a number is unrolled."""

    def forward(self, x):
        n = 1
        while x.norm() > 0.5 and n < 6:
            x = x * 0.7 + torch.linalg.solve(torch.eye(n) * 2, torch.ones(n)).sum() * 0.01
            n += 1
        return x, n


CALLS = [(rand(4),), (rand(4) * 3,), (rand(4) * 0.1,)]
CASES = {
    "cells of any batch": (Cells(), [(rand(3, 4),), (rand(1, 4),), (rand(6, 4) * 3,)], {"x": {0: "batch"}}),
    "layers over any length": (
        Layers(),
        [(rand(2, 3, 4) * scale,) if scale < 5 else (rand(3, 5, 4) * scale,) for scale in (1, 9, 0.1, 20)],
        {"x": {0: "batch", 1: "length"}},
    ),
    "padding": (Padded(), [(rand(2, 4),), (rand(3, 4).abs(),), (-rand(5, 4).abs(),)], {"x": {0: "batch"}}),
    "linear equations": (  # far from singular, but none without exchanging rows
        Solve(),
        [(sign * (rand(2, 5, 5) * 0.3 + torch.eye(5)).flip(1), rand(2, 5, 3)) for sign in (1, -1)],
        {},
    ),
    "equations of any condition": (
        Solve(),
        [(rand(2, 5, 5).double(), rand(2, 5, 3).double()), (-rand(2, 5, 5).double(), rand(2, 5, 3).double())],
        {},
    ),
    "Anderson": (Anderson(), [(rand(2, 8),), (rand(2, 8) * 3,)], {}),
    "parts that are put back": (PutBack(), CALLS, {}),
    "rows with a leading dimension": (Leading(), CALLS, {}),
    "tensors made by their type natively": (Natively(), CALLS, {}),
    "tensors made by their type": (Legacy(), CALLS, {}),
    "sizes needed as numbers": (Equations(), CALLS, {}),
}


@pytest.mark.parametrize("name", CASES)
def test_it_means_the_same(name):
    model, calls, dims = CASES[name]
    check(model, calls, dims=dims)


class Shifted(nn.Module):
    """Tensors that are rolled by data, also without rows."""

    def forward(self, x):
        n = int(x[0].argmax())
        rows = x[x[:, 0] > 0]
        return torch.roll(x, n, 1), x.roll((n, -1), (0, 1)), torch.roll(x, -n), rows.roll(1, 0), torch.roll(rows, 2)


class Distances(nn.Module):
    def forward(self, x):
        rows = x[x[:, 0] > 0]
        return torch.cdist(rows, x), torch.cdist(x, rows, p=1)


@pytest.mark.parametrize("model", [Shifted(), Distances()])
def test_functions_of_sizes_that_data_decides(model):
    check(model, [(row,) for row in rand(6, 3, 4)] + [(-torch.ones(3, 4),)])


class Anderson(nn.Module):
    """Slices as long as a counter says, assigned and solved with (Anderson's method, as in locuslab/deq)."""

    def forward(self, x):
        most, size = 3, x.numel()
        xs, fs = torch.zeros(1, most, size), torch.zeros(1, most, size)
        table, right = torch.zeros(1, most + 1, most + 1), torch.zeros(1, most + 1, 1)
        table[:, 0, 1:] = table[:, 1:, 0] = right[:, 0] = 1
        f = lambda z: torch.tanh(z * 0.5 + x.reshape(1, -1))
        xs[:, 0], fs[:, 0] = x.reshape(1, -1), f(x.reshape(1, -1))
        xs[:, 1], fs[:, 1] = fs[:, 0], f(fs[:, 0])
        for k in range(2, 12):
            n = min(k, most)
            g = fs[:, :n] - xs[:, :n]
            table[:, 1 : n + 1, 1 : n + 1] = torch.bmm(g, g.transpose(1, 2)) + 1e-2 * torch.eye(n)[None]
            alpha = torch.linalg.solve(table[:, : n + 1, : n + 1], right[:, : n + 1])[:, 1 : n + 1, 0]
            xs[:, k % most] = (alpha[:, None] @ fs[:, :n])[:, 0]
            fs[:, k % most] = f(xs[:, k % most])
            if (fs[:, k % most] - xs[:, k % most]).norm().item() < 1e-3:
                break
        return xs[:, k % most], k


class SolveOfAnySize(nn.Module):
    def forward(self, x):
        n = int((x[0] > 0).sum()) + 1
        a = (torch.eye(6) * 3 + x.sum() * 0.1)[:n, :n]
        return torch.linalg.solve(a, torch.ones(6)[:n]), torch.linalg.inv(a)


def test_as_many_equations_as_data_says():
    check(SolveOfAnySize(), [(row,) for row in rand(8, 2, 4)])
    check(Anderson(), [(row * size,) for size, row in enumerate(rand(5, 2, 2), 1)])


class LastFew(nn.Module):
    """The end of a list whose length is a counter."""

    def forward(self, x):
        trace, count = [], 0
        while count < 40:
            x = x * 0.8
            count += 1
            trace.append(x.abs().sum().item())
            if trace[-1] < 0.1:
                break
            last = torch.tensor(trace[-3:])
            if trace[-1] < 3 and count > 3 and torch.max(last) / torch.min(last) < 1.6:
                break
        return x, count


def test_the_end_of_a_list_that_grew():
    check(LastFew(), [(row * 3,) for row in rand(6, 2, 4)])
