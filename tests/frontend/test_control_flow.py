"""if, loops, tests of all kinds: every way captured and equal to eager."""

from __future__ import annotations

import torch
from torch import nn

from .checking import check, signs


class Nested(nn.Module):
    def forward(self, x):
        if x.mean() > 0:
            if x.max() > 1.5:
                y = x * 2
            elif x.min() < -1:
                y = x - 3
            else:
                y = x / 2
            y = y + 1
        else:
            y = -x
        return y * 3


def test_nested_if():
    check(Nested(), signs(24, 6), paths=4)


class Ternaries(nn.Module):
    def forward(self, x):
        y = x * 2 if x.sum() > 0 else x - 1
        z = (y if y.max() > 1 else y + 1) * (2 if x[0] > 0 else 3)
        return z


def test_ternaries():
    check(Ternaries(), signs(30, 3))


class BooleanOperators(nn.Module):
    def forward(self, x):
        a, b = x.mean() > 0, x[0] > 0
        if a and b:
            y = x + 1
        elif a or not b:
            y = x + 2
        else:
            y = x + 3
        if not ((a and x[1] > 0) or b):
            y = y * 2
        if 0 < x[2] < 1:
            y = y - 5
        if -1 < x[0].item() <= x[1].item() < 2:
            y = y + 7
        return y


def test_boolean_operators_and_chains():
    check(BooleanOperators(), signs(60, 4))


class Loops(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(4)])
        self.named = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4)})

    def forward(self, x):
        total = 0
        for index, layer in enumerate(self.layers):
            if index == 1:
                continue
            x = torch.tanh(layer(x))
            if x.sum() > 1.0:
                total += index
                break
            if x[0] > 0:
                total += 10
        else:
            total = -1
        for name, layer in self.named.items():
            if x.sum() < 0:
                x = layer(x) if name == "a" else layer(x) * 2
        for i in range(3):
            for j in range(i):
                if x[i] > x[j]:
                    x = x * 1.1
                    break
        for left, right in zip(self.layers, reversed(self.layers)):
            x = x + (left(x) - right(x)) * 0.1
        return x, total


def test_loops_with_break_continue_and_else():
    check(Loops(), signs(40, 4))


class Patience(nn.Module):
    def __init__(self, layers=5, patience=2):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(layers)])
        self.head = nn.Linear(8, 3)
        self.patience = patience

    def forward(self, x):
        previous, counter, flag = None, 0, False
        for index, layer in enumerate(self.layers):
            x = torch.tanh(layer(x))
            y = self.head(x)
            label = y.argmax()
            if previous is not None and label == previous:
                counter += 1
            else:
                counter = 0
                flag = True
            previous = label
            if counter == self.patience:
                break
        return y, index, flag, counter


def test_patience():
    torch.manual_seed(1)
    check(Patience(), signs(60, 8))


class EarlyReturns(nn.Module):
    def helper(self, x, scale):
        if x.sum() > 0:
            return x * scale
        if x.max() > 0.5:
            return x + scale, "never"[:0] == ""
        return -x

    def forward(self, x):
        y = self.helper(x, 2.0)
        if isinstance(y, tuple):
            return y[0], 1
        z = self.helper(y, scale=3.0)
        if isinstance(z, tuple):
            z = z[0]
        return z.sum(), 2


def test_returns_at_any_depth():
    check(EarlyReturns(), signs(30, 4))


class DifferentResults(nn.Module):
    def forward(self, x):
        outputs = []
        for i in range(3):
            x = torch.sin(x) * 1.5
            outputs.append(x)
            if x.mean() > 0.1 * i:
                return outputs
        return {"last": x, "all": tuple(outputs), "none": None, "name": "end", "count": len(outputs)}


def test_outputs_whose_number_differs():
    check(DifferentResults(), signs(30, 4))


class Flags(nn.Module):
    def forward(self, x, training=False):
        done = x.mean() > 0
        level = 0.5
        if done:
            level = 1.5
        if x[0] > 0:
            level *= 2
        halt = False
        for i in range(3):
            if halt:
                continue
            x = x * level
            if x.abs().max() > 2:
                halt = True
        return x, level, halt


def test_flags_and_numbers_changed_under_a_branch():
    check(Flags(), signs(30, 3))


class Arithmetic(nn.Module):
    def forward(self, x):
        a = x[0].item()
        k = int(x.argmax())
        b = float(x[1]) * 0.5 + k
        c = max(a, b, 0.25)
        if c - min(a, 1.0) > abs(b) / 3 and k % 2 == 0:
            y = x * c
        else:
            y = x - k
        if bool(x[2] > 0):
            y = y + round(2.4)
        n = (x > 0).sum().item()
        if n >= 2:
            y = y / n
        return y, a, k, c, n > 1, n // 2


def test_scalar_arithmetic():
    check(Arithmetic(), signs(60, 4))


class Assertions(nn.Module):
    def forward(self, x):
        assert x.max() < 1.9, f"too large: {x.max()}"
        if x.min() < -2:
            raise ValueError("too small")
        return x * 2


def test_assertions_and_raises():
    check(Assertions(), signs(40, 4), paths=3)


class AnyAll(nn.Module):
    def forward(self, x):
        parts = x.unbind(0)
        if any(part > 1.5 for part in parts):
            x = x - 1
        if all([part > -1 for part in parts]):
            x = x * 2
        best = max(parts)
        order = sorted(parts[:3], key=lambda t: -t)
        if torch.equal(x, x.abs()):
            x = x + 10
        if torch.allclose(x, x.round(), atol=0.45):
            x = x + 20
        low = min(parts, key=lambda t: (t - 1) ** 2)
        return x, best, order[0], low, sum(parts)


def test_any_all_max_sorted_of_tensors():
    check(AnyAll(), signs(40, 4))


class WhileOnData(nn.Module):
    def forward(self, x):
        steps = 0
        while x.abs().max() > 0.5 and steps < 6:
            x = x * 0.6
            steps += 1
        return x, steps


def test_bounded_while_on_data():
    check(WhileOnData(), signs(40, 4))


class Walrus(nn.Module):
    def forward(self, x):
        if (m := x.mean()) > 0:
            x = x - m
        values = [y for y in (x, x * 2, x * 3) if y.sum() > 1]
        match len(values):
            case 0:
                return x
            case 1:
                return values[0]
            case _:
                return values[-1] + values[0]


def test_walrus_comprehension_match():
    check(Walrus(), signs(40, 4))
