"""Further loops: searches, generators, switches and shrinking batches in them, and loops that are unrolled."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from .checking import check
from .networks import Routed
from .test_loops import has_loop, rand


class LineSearch(nn.Module):
    def forward(self, x):
        f = lambda z: (z**4).sum() + (z - x).pow(2).sum()
        z = torch.zeros_like(x)
        it = 0
        while it < 50:
            g = 4 * z**3 + 2 * (z - x)
            if g.norm() < 1e-2:
                break
            a = 1.0
            fz = f(z)
            while f(z - a * g) > fz - 0.5 * a * (g * g).sum():
                a = a * 0.5
            z = z - a * g
            it += 1
        return z, it


class GenLoop(nn.Module):
    def gen(self, x):
        while True:
            x = x * 0.7
            yield x

    def forward(self, x):
        n = 0
        for y in self.gen(x):
            n += 1
            if y.norm() < 0.1:
                break
        return y, n


class Experts(Routed):
    def forward(self, x):
        n = 0
        while x.norm() < 10 and n < 50:
            k = self.router(x).argmax().item()
            x = x + torch.tanh(self.layers[k](x))
            n += 1
        return x, n


class Rows(nn.Module):
    def forward(self, x):
        h = torch.zeros(4)
        for row in x:
            h = torch.tanh(h * 0.5 + row)
            if h.sum() > 2:
                break
        else:
            h = h - 1
        return h


class WhileElse(nn.Module):
    def forward(self, x):
        n = 0
        while x.sum() > 1:
            x = x * 0.9
            n += 1
            if n == 7:
                break
        else:
            x = x + 100
        return x


class Cap(nn.Module):
    def forward(self, x):
        it = 0
        done = False
        while not done and it < 50:
            x = torch.sin(x) * 1.01
            it = it + 1
            done = bool(x.abs().max() < 0.3)
        return x, it, done


class RangeDim(nn.Module):
    def forward(self, x):
        h = torch.zeros(x.shape[0])
        for t in range(1, x.shape[1]):
            h = h * 0.5 + x[:, t] - x[:, t - 1]
        return h


class ContinueLoop(nn.Module):
    def forward(self, x):
        n = 0
        k = 0
        while n < 60:
            n += 1
            if x.sum() > 0:
                x = x - 0.1
                continue
            x = x + 0.25
            k += 1
            if k > 9:
                break
        return x, n, k


class DictState(nn.Module):
    def forward(self, x):
        st = {"h": x, "n": 0, "hist": [x, x]}
        while st["h"].norm() > 0.2:
            st["h"] = st["h"] * 0.6
            st["n"] += 1
            st["hist"] = [st["hist"][1], st["h"]]
        return st


class Shrink(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.l = nn.Linear(4, 4)
        self.c = nn.Linear(4, 3)

    def forward(self, x):
        n = x.shape[0]
        out = torch.zeros(n, 3)
        steps = torch.zeros(n, dtype=torch.long)
        idx = torch.arange(n)
        t = 0
        while idx.numel() > 0 and t < 40:
            x = torch.tanh(self.l(x) + 0.1)
            p = self.c(x)
            conf = torch.softmax(p, -1).max(-1).values
            done = (conf > 0.36 + 0.001 * t) | (t == 39)
            out[idx[done]] = p[done]
            steps[idx[done]] = t
            idx = idx[~done]
            x = x[~done]
            t += 1
        return out, steps


CASES = {
    "line search": (LineSearch(), [(rand(4),), (rand(4) * 3,)], {}),
    "generator": (GenLoop(), [(rand(4),), (rand(4) * 3,)], {}),
    "experts": (Experts(), [(rand(4),), (rand(4) * 3,)], {}),
    "rows": (Rows(), [(rand(5, 4),), (rand(1, 4),), (rand(3, 4) * 3,)], {"x": {0: "length"}}),
    "while else": (WhileElse(), [(rand(4),), (rand(4).abs() * 3,), (rand(4).abs() * 0.5,)], {}),
    "cap": (Cap(), [(rand(4),), (rand(4) * 3,)], {}),
    "range to a size": (RangeDim(), [(rand(2, 5),), (rand(2, 1),), (rand(2, 9),)], {"x": {1: "length"}}),
    "continue": (ContinueLoop(), [(rand(4),), (rand(4) * 3,), (rand(4) * 0 - 5,)], {}),
    "dict": (DictState(), [(rand(4),), (rand(4) * 3,)], {}),
    "shrinking batch": (Shrink(), [(rand(5, 4),), (rand(1, 4),), (rand(3, 4) * 3,)], {"x": {0: "batch"}}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_loop(name):
    model, calls, dims = CASES[name]
    assert has_loop(check(model, calls, dims=dims))


class Layers(nn.Module):  # counter picks modules
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.ls = nn.ModuleList(nn.Linear(4, 4) for _ in range(5))

    def forward(self, x):
        i = 0
        while i < len(self.ls):
            x = torch.tanh(self.ls[i](x))
            i += 1
            if x.max() > 0.6:
                break
        return x, i


def test_a_counter_that_chooses_modules_unrolls_the_loop():
    program = check(Layers(), [(rand(4),), (rand(4) * 3,), (rand(4) * 0,)])
    assert not has_loop(program)


class Steps(nn.Module):
    def __init__(self, cap):
        super().__init__()
        self.cap = cap

    def forward(self, x):
        for step in range(self.cap):
            x = torch.cos(x) + 0.001 * step
            if x.sum() > 2.9:
                break
        return x, step


def test_the_cap_of_a_loop_does_not_change_its_size():
    calls = [(rand(4),), (rand(4) * 3,)]
    sizes = {len(check(Steps(cap), calls).blocks) for cap in (9, 20, 1000)}
    assert len(sizes) == 1


class Started(nn.Module):
    def smaller(self, x):
        for _ in range(5):
            x = x * torch.tanh(x)
            yield x

    def forward(self, x):
        steps = self.smaller(x)
        x = x - next(steps) if x.sum() > 0 else x + next(steps)
        n = 0
        while x.norm() > 0.5 and n < 30:
            x = x * 0.7
            n += 1
            y = next(steps, x)
            if y.sum() > 3:
                break
        return x, y if n else x


def test_a_generator_that_waits_keeps_nothing_it_does_not_use():
    check(Started(), [(rand(4),), (rand(4) * 3,), (-rand(4),)])


def stream(tensor, count):
    for _ in range(count):
        yield tensor


class RowsAndGenerator(nn.Module):
    def forward(self, x):
        kept = x[0][x[0] > -0.5]
        total = x[1]
        for row, other in zip(kept, stream(x[1], 3)):
            total = total + row * other
        return total


class NextOfRows(nn.Module):
    def forward(self, x):
        rows = iter(x[0][x[0] > 0.2])
        first = next(rows, None)
        if first is None:
            return x, 0
        count = 0
        try:
            while True:
                x = x + next(rows)
                count += 1
        except StopIteration:
            x = x * first
        return x, count


class StoredGenerators(nn.Module):
    def forward(self, x):
        streams = []
        for row in x:
            streams.append(stream(row, 3))
        total = 0
        for _ in range(2):
            for each in streams:
                row = next(each)
                if row.sum() > 0:
                    total = total + row
        return total


@pytest.mark.parametrize("model", [RowsAndGenerator(), NextOfRows(), StoredGenerators()])
def test_iterators_taken_step_by_step(model):
    check(model, [(row,) for row in rand(10, 2, 4)])
