"""Loops whose number of iterations depends on data become loops of the program."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from adaptc.compiler.ir.program import Program, edges

from .checking import check


def has_loop(program: Program) -> bool:
    """Whether a block can be reached from itself."""
    following = {name: {edge.block for edge in edges(block)} for name, block in program.blocks.items()}
    for start in following:
        seen, stack = set(), list(following[start])
        while stack:
            name = stack.pop()
            if name == start:
                return True
            if name not in seen:
                seen.add(name)
                stack += following[name]
    return False


def rand(*shape: int) -> torch.Tensor:
    """Random numbers that are the same in every run."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


class Fixed(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.l = nn.Linear(4, 4)

    def forward(self, x):
        z = torch.zeros_like(x)
        n = 0
        while (z - torch.tanh(self.l(z) * 0.5 + x)).abs().max() > 1e-3 and n < 200:
            z = torch.tanh(self.l(z) * 0.5 + x)
            n += 1
        return z, n


class Decode(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.e = nn.Embedding(11, 8)
        self.a = nn.MultiheadAttention(8, 2, batch_first=True)
        self.o = nn.Linear(8, 11)

    def forward(self, tokens, n):
        steps = 0
        while steps < int(n):
            h = self.e(tokens)
            L = tokens.shape[1]
            mask = torch.ones(L, L, dtype=torch.bool).tril().logical_not()
            h, _ = self.a(h, h, h, attn_mask=mask, need_weights=False)
            nxt = self.o(h[:, -1]).argmax(-1, keepdim=True)
            tokens = torch.cat([tokens, nxt], 1)
            steps += 1
            if nxt.item() == 3:
                break
        return tokens


class ACT(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.l = nn.Linear(4, 4)
        self.h = nn.Linear(4, 1)

    def forward(self, x):
        p = torch.zeros(x.shape[0])
        rem = torch.ones(x.shape[0])
        out = torch.zeros_like(x)
        n = torch.zeros(x.shape[0])
        while ((p < 0.95) & (n < 30)).any():
            x = torch.tanh(self.l(x))
            q = torch.sigmoid(self.h(x)).squeeze(-1) * 0.2
            still = (p < 0.95).float()
            p = p + q * still
            n = n + still
            out = out + x * (q * still)[:, None]
        return out, n


class Inplace(nn.Module):
    def forward(self, x):
        y = x.clone()
        v = y[0]
        i = 0
        while y.sum() < 100:
            y *= 1.5
            v += 0.1
            i += 1
        return y, v, i


class ForRows(nn.Module):
    def forward(self, x):
        idx = torch.nonzero(x.flatten() > 0)
        s = torch.zeros(())
        c = 0
        for i, row in enumerate(idx):
            s = s * 0.5 + x.flatten()[row[0]]
            c = i
        return s, c


class ForRange(nn.Module):
    def forward(self, x):
        k = int((x > 0).sum())
        s = x
        for i in range(k):
            s = torch.sin(s) + i
            if s.sum() > 50:
                break
        else:
            s = s + 1
        return s


class PrevNone(nn.Module):
    def forward(self, x):
        prev = None
        n = 0
        while n < 100:
            y = torch.cos(x)
            if prev is not None and (y - prev).abs().max() < 1e-3:
                break
            prev = y
            x = y
            n += 1
        return x, n


class Nested(nn.Module):
    def forward(self, x):
        n = 0
        m = 0
        while x.norm() > 0.5:
            x = x * 0.8
            n += 1
            while x.max() > 1:
                x = x - 0.3
                m += 1
                if m > 20:
                    return x, n, m
        return x, n, m


class Exc(Exception):
    pass


class TryLoop(nn.Module):
    def step(self, x):
        if x.sum() > 5:
            raise Exc()
        return x * 1.5 + 0.1

    def forward(self, x):
        k = 0
        try:
            while True:
                x = self.step(x)
                k += 1
                if k >= 30:
                    return x, k, False
        except Exc:
            x = x * 0
        return x, k, True


class KV(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.e = nn.Embedding(13, 8)
        self.q = nn.Linear(8, 8)
        self.k = nn.Linear(8, 8)
        self.v = nn.Linear(8, 8)
        self.o = nn.Linear(8, 13)

    def forward(self, tok):
        cache = None
        out = tok
        for t in range(100):
            h = self.e(tok)
            q, k, v = self.q(h), self.k(h), self.v(h)
            if cache is not None:
                k = torch.cat([cache[0], k], 1)
                v = torch.cat([cache[1], v], 1)
            cache = (k, v)
            a = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(8), -1) @ v
            tok = self.o(a[:, -1:]).argmax(-1)
            out = torch.cat([out, tok], 1)
            if tok.item() == 4:
                break
        return out, cache[0]


CASES = {
    "fixed point": (Fixed(), [(rand(4),), (rand(4) * 3,), (rand(4) * 0,)], {}),
    "greedy decode": (
        Decode(),
        [
            (torch.tensor([[1, 2]]), torch.tensor(4)),
            (torch.tensor([[4, 2]]), torch.tensor(9)),
            (torch.tensor([[4, 2]]), torch.tensor(0)),
        ],
        {},
    ),
    "adaptive computation time": (ACT(), [(rand(3, 4),), (rand(1, 4) * 4,)], {"x": {0: "batch"}}),
    "in place": (Inplace(), [(rand(3, 4).abs(),), (rand(3, 4) * 0 + 3,), (rand(3, 4) * 0 + 30,)], {}),
    "rows of a tensor": (ForRows(), [(rand(3, 4),), (-rand(3, 4).abs(),), (rand(3, 4).abs(),)], {}),
    "range to a number": (ForRange(), [(rand(3, 4),), (-rand(3, 4).abs(),), (rand(3, 4).abs(),)], {}),
    "None before the loop": (PrevNone(), [(rand(4),), (rand(4) * 3,)], {}),
    "nested": (Nested(), [(rand(4),), (rand(4) * 3,), (rand(4) * 0,), (rand(4) * 9,)], {}),
    "exception as exit": (TryLoop(), [(rand(4),), (rand(4) * 0 - 1,), (rand(4).abs() * 9,)], {}),
    "key-value cache": (KV(), [(torch.tensor([[1, 2, 3]]),), (torch.tensor([[5, 5, 5]]),)], {}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_loop(name):
    model, calls, dims = CASES[name]
    assert has_loop(check(model, calls, dims=dims))
