"""Host scalars: the arithmetic, comparisons and conversions of Python, NaN and rounding included."""

from __future__ import annotations

import math

import torch
from torch import nn

from .checking import check, signs


def with_nan() -> list[tuple[torch.Tensor]]:
    calls = signs(16, 3)
    for index, (x,) in enumerate(calls):
        if index % 3 == 0:
            x[0] = math.nan
        if index % 4 == 0:
            x[1] = math.inf
    return calls


class NotANumber(nn.Module):
    def forward(self, x):
        v, w = x[0].item(), float(x[1])
        y = x + 1 if not v > 0.5 else x - 1
        if v != v:
            y = y * 2
        if math.isnan(v) or math.isinf(w):
            y = y - 3
        if math.isfinite(w) and v - v == 0:
            y = y * 5
        return y, not w < 0, v == v, max(v, w), min(w, v)


def test_nan_and_infinity():
    check(NotANumber(), with_nan())


class Rounding(nn.Module):
    def forward(self, x):
        a, b = x[0].item(), x[1].item()
        if x.sum() > 0:
            a = a + 0.1 + 0.2
        total = 0.1 + a + b + 0.2
        return a, total, 0.1 * a * 3, (a - b) / 3 + b / 7, -a, abs(b), a**2, a // 0.3, a % 0.7


def test_floats_round_as_written():
    check(Rounding(), signs(12, 2))


class Kinds(nn.Module):
    def forward(self, x):
        a, i, flag = x[0].item(), int(x.argmax()), x[1] > 0
        number = bool(flag)
        kinds = (isinstance(a, float), isinstance(i, int), isinstance(number, bool), type(i) is int)
        if kinds == (True, True, True, True) and a < 10:
            x = x + 1
        return (
            x,
            number + 1,
            -i,
            ~i,
            min(a, 0),
            max(i, 1),
            i // -2,
            i % 3,
            divmod(i, -2),
            divmod(a, 0.5),
            number is True,
            float(i),
            int(a * 10),
        )


def test_kinds_of_numbers():
    check(Kinds(), signs(20, 3))


class Functions(nn.Module):
    def forward(self, x):
        a = abs(x[0].item()) + 0.5
        b = math.sqrt(a) + math.exp(-a) + math.log(a) + math.tanh(a)
        if b > 1.0:
            x = x * b
        return x, b, math.floor(a), math.ceil(a)


def test_math_functions():
    check(Functions(), signs(12, 3))


class InTensors(nn.Module):
    """Host scalars that tensor code uses: they convert as Python numbers do."""

    def forward(self, x, i):
        t, k = 0.5, 0
        for n in range(3):
            p = torch.softmax(x / t, -1)
            if p.max() > 0.6:
                break
            t *= 0.7
            k += n
        scalars = torch.tensor([t, float(k)]), torch.full((2,), t), x.new_tensor(k)
        return p * t, scalars, x.clamp(min=-t, max=t), i * k, i / (k + 1), i + t, torch.where(x > t, x, t), x[: k + 1]


def test_host_scalars_in_tensor_code():
    calls = [(x, torch.tensor([1, 2, 3])) for (x,) in signs(12, 4)]
    check(InTensors(), calls)


class Indices(nn.Module):
    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.table = {0: 1.0, 1: 2.0, 2: 4.0}

    def forward(self, x):
        i = x[:3].argmax().item()
        names = ["a", "b", "c"]
        y = self.experts[i](x) * self.table[i]
        last = [1, 2, 3][-1 - i]
        return y, names[i], last, i in (0, 2), [10, 20][int(x.sum() > 0)]


def test_indices_and_keys_from_data():
    check(Indices(), signs(20, 4))


class Booleans(nn.Module):
    def forward(self, x):
        a, b = bool(x[0] > 0), bool(x[1] > 0)
        both = a & b
        either = a | b
        if both != either:
            x = x * 3
        return x * a, (x > 0) & b, a + b, a ^ True, both, either


def test_booleans_in_arithmetic():
    check(Booleans(), signs(20, 3))


class BooleanTensors(nn.Module):
    def forward(self, x):
        n = 0
        going = x.abs().sum() > 1
        while going:
            n = n + 1
            x = x * 0.6
            going = torch.logical_and(torch.tensor(n < 5), x.abs().sum() > 1)
        return torch.tensor(n), x, torch.tensor(n > 2), torch.tensor([n < 2, n > 4])


def test_a_test_of_numbers_as_a_tensor():
    """Its constants are numbers, though the tensor holds booleans."""
    check(BooleanTensors(), [*signs(6, 4), (torch.full((4,), 100.0),)])
