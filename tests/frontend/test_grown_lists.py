"""Lists and tuples that grow in a loop of the network."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from adaptc.compiler.errors import CompileError

from .checking import check, network
from .test_loops import has_loop, rand
from .test_problems import line_of, problems


class Collect(nn.Module):
    def forward(self, x):
        outs = []
        n = 0
        while x.norm() > 0.5 and n < 40:
            x = x * 0.7
            n += 1
            outs.append(x.sum())
        if len(outs) > 3:
            return torch.stack(outs), n
        return x, n


class Toks(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.e = nn.Embedding(11, 8)
        self.c = nn.GRUCell(8, 8)
        self.o = nn.Linear(8, 11)

    def forward(self, x):
        h = x
        t = torch.zeros(1, dtype=torch.long)
        words = []
        for i in range(20):
            h = self.c(self.e(t), h)
            t = self.o(h).argmax(-1)
            if t.item() == 7:
                break
            words.append(t.item())
        return words, h


class CatOuts(nn.Module):
    def forward(self, x):
        ys = [x]
        for i in range(30):
            x = torch.sin(x) * 1.1
            ys.append(x)
            if x.max() < 0.4 + 0.01 * i:
                break
        return torch.cat(ys, 0), ys[-1], len(ys)


class RetList(nn.Module):
    def forward(self, x):
        hs = (x,)
        k = 0
        while x.sum() < 20:
            x = x.abs() * 1.3 + 0.1
            k += 1
            hs = hs + (x,)
        return hs, k


class Cond(nn.Module):
    def forward(self, x):
        kept = []
        i = 0
        while i < 25:
            i += 1
            x = torch.cos(x * 1.1)
            if x.sum() > 2:
                kept.append(x)
            if x.max() < 0.1:
                break
        if kept:
            return torch.stack(kept).mean(0)
        return x


class Iter(nn.Module):
    def forward(self, x):
        ys = []
        while x.norm() > 0.3:
            x = x * 0.6
            ys.append((x, x.sum().item()))
        t = torch.zeros(4)
        for y, v in ys:
            if v > 0:
                t = t + y * v
        return t, [v for _, v in ys]


class Last(nn.Module):
    def forward(self, x):
        ys = [x]
        while ys[-1].norm() > 0.3 and len(ys) < 50:
            ys.append(ys[-1] * 0.7 + (ys[-2] * 0.1 if len(ys) > 1 else 0))
        return ys[-1], ys[0], torch.stack(ys[1:]).sum() if len(ys) > 1 else x.sum()


class Comp(nn.Module):
    def forward(self, x):
        n = int((x > 0).sum())
        ys = [x * i for i in range(n)]
        return torch.stack(ys).sum(0) if n else x


CALLS = [(rand(4),), (rand(4) * 3,), (rand(4) * 0.01,), (-rand(4).abs(),), (rand(4).abs() * 2,)]


class Best(nn.Module):
    """Which of the scores of a search is the best, and how often a word was chosen."""

    def forward(self, x):
        scores, words = [], []
        while x.norm() > 0.5 and len(scores) < 40:
            x = x.roll(1) * torch.tensor([0.5, 0.8, 0.9])
            scores.append(x.sum())
            words.append(int(x.argmax()))
        if len(words) > 2:
            return scores.index(max(scores)), words.count(1), words.index(words[-1])
        return x


CASES = {
    "the place of an element": (Best(), [(rand(3) * scale,) for scale in (3, -5, 1, 9, 0.1)]),
    "stacked": (Collect(), CALLS),
    "numbers returned": (Toks(), [(rand(1, 8),), (rand(1, 8) * 3,), (-rand(1, 8),)]),
    "concatenated": (CatOuts(), [(rand(2, 4),), (rand(2, 4) * 3,)]),
    "tuple returned": (RetList(), CALLS),
    "appended on some ways": (Cond(), CALLS),
    "of tuples, looped over": (Iter(), CALLS),
    "last elements": (Last(), CALLS),
    "comprehension": (Comp(), CALLS),
}


@pytest.mark.parametrize("name", CASES)
def test_a_list(name):
    model, calls = CASES[name]
    assert has_loop(check(model, calls))


class Popped(nn.Module):
    def forward(self, x):
        ys = []
        while x.norm() > 0.5:
            x = x * 0.5
            ys.append(x)
        ys.sort(key=lambda y: y.sum())
        return ys


class ChangedInPlace(nn.Module):
    def forward(self, x):
        ys = []
        y = x.clone()
        while y.norm() > 0.5:
            ys.append(y)
            y *= 0.5
        return torch.stack(ys)


class ElementChanged(nn.Module):
    """The last element is y itself: the change of one would be a change of the other."""

    def forward(self, x):
        ys = []
        y = x * 1
        while y.norm() > 0.5:
            y = y * 0.5
            ys.append(y)
        if ys:
            ys[-1].mul_(2)
        return y


@pytest.mark.parametrize("model", [Popped(), ChangedInPlace(), ElementChanged()])
def test_what_rows_of_tensors_cannot_do_is_refused(model):
    assert problems(model, torch.randn(4))


def test_an_element_changed_in_place_is_named():
    model = ElementChanged()
    (problem,) = problems(model, torch.randn(4))
    assert problem.line == line_of(model, "mul_(2)")
    assert "changed in place" in problem.found


class UsedThroughClosure(nn.Module):
    """Broyden's method: the inner function is given no list, but it looks at two."""

    def forward(self, x):
        left, right = [], []

        def inverse(y):
            for u, v in zip(left, right):
                y = y + u * (v @ y)
            return y

        while x.norm() > 0.5:
            left.append(x * 0.01)
            right.append(x * 0.02)
            x = inverse(x) * 0.5
        return x, (lambda: len(left))()


class UsedThroughAttributes(nn.Module):
    def __init__(self):
        super().__init__()
        self.kept = []
        self.by_name = {"kept": ()}

    def total(self, x):
        for y in self.kept:
            x = x + y
        return x + len(self.by_name["kept"])

    def forward(self, x):
        self.kept.clear()
        self.by_name["kept"] = ()
        while x.norm() > 0.5:
            self.kept.append(x * 0.1)
            self.by_name["kept"] += (x,)
            x = x * 0.5
        return self.total(x)


@pytest.mark.parametrize("model", [UsedThroughClosure(), UsedThroughAttributes()])
def test_functions_that_reach_a_grown_list_without_being_given_it(model):
    calls = [(torch.ones(3) * scale,) for scale in (0.1, 1.0, 3.0, 10.0)]
    assert has_loop(check(model, calls))


class Replaced(nn.Module):
    def forward(self, x):
        scores = [x.sum()]
        while x.sum() < 8:
            x = x + 1
            scores.append(x.sum())
            scores[-1] = scores[-1] * 2
            if len(scores) > 3:
                scores[len(scores) // 2] = x.mean()
        scores[0] = x.min()
        if len(scores) > 2:
            scores[1] = x.max()
        return scores, scores[-1]


def test_elements_that_are_replaced():
    check(Replaced(), [(row * 3,) for row in rand(8, 2, 4)])


@dataclasses.dataclass
class Trace:
    steps: list
    count: int = 0


class Traced(nn.Module):
    def forward(self, x):
        trace = Trace([])
        while x.sum() < 8:
            x = x + 1
            trace.steps.append(x)
            trace.count += 1
        return trace, {"steps": trace.steps}


def test_a_list_that_grew_in_a_dataclass():
    check(Traced(), [(row * 3,) for row in rand(8, 2, 4)])


class TakenOut(nn.Module):
    def forward(self, x):
        scores = [x.sum()]
        while x.sum() < 8:
            x = x + 1
            scores.append(x.sum())
        last = scores.pop()
        first = scores.pop(0) if len(scores) > 1 else x.mean()
        if len(scores) > 2:
            del scores[1]
        scores.insert(1, x.max())
        scores.insert(-1, x.min())
        scores.insert(99, last)
        largest = x.max()
        found = largest in scores, scores.count(largest), x.mean() not in scores
        scores.remove(largest)
        if len(scores) > 3:
            del scores[-2]
        return scores, last, first, found


def test_elements_taken_out_and_put_in():
    check(TakenOut(), [(row * 3,) for row in rand(8, 2, 4)])


class TakenFromNothing(nn.Module):
    def forward(self, x):
        rows = [row for row in x[x.sum(1) > 0]]
        return rows.pop() + rows.pop(0)


def test_nothing_is_left_to_take():
    check(TakenFromNothing(), [(row,) for row in rand(12, 3, 4)])


class Repeated(nn.Module):
    def forward(self, x):
        count = x.shape[0]
        done, pairs = [False] * count, (2 - int(x[0] > 0) * 3) * [(x[0], 1.5)]
        total = torch.zeros(())
        for first, number in pairs:
            total = total + first * number
        for row in x[x > 0].tolist():
            done.append(row > 1)
        zeros = same = [0]
        zeros *= count
        return total, torch.tensor(done), len(pairs), same, (count + 1) * (x.sum(),)


def test_a_list_that_is_repeated():
    calls = [(torch.randn(count, generator=torch.Generator().manual_seed(count)) * 2,) for count in (3, 1, 4, 7)]
    check(Repeated(), calls, dims={"x": {0: "length"}})


def test_a_list_of_other_things_that_is_repeated_is_refused():
    def forward(self, x):
        return len([None] * x.shape[0])

    with pytest.raises(CompileError, match="a list of other things than numbers and tensors, repeated"):
        check(network(forward), [(torch.randn(3),)], dims={"x": {0: "length"}})


class Suppressed(nn.Module):
    """The places that are kept, a list of numbers, index the boxes."""

    def forward(self, x):
        _, order = x[:, 0].sort(descending=True)
        keep = []
        while order.numel():
            best = order[0]
            keep.append(best.item())
            if order.numel() == 1:
                break
            overlap = torch.sigmoid((x[best] * x[order[1:]]).sum(1))
            order = order[1:][overlap <= 0.5]
        x[keep] = x[keep] * 2
        return x[keep], x[keep, 1], keep, x


def test_a_list_that_grew_as_an_index():
    check(Suppressed(), [(row,) for row in rand(8, 4, 3)])
