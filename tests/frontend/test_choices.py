"""Data as index, key, size and name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from .checking import check
from .networks import Routed
from .test_loops import rand


class Tolist(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.g = nn.Linear(4, 3)
        self.ex = nn.ModuleDict({f"expert_{i}": nn.Linear(4, 4) for i in range(3)})

    def forward(self, x):
        route = self.g(x).argmax(-1)
        out = torch.zeros_like(x)
        for e in route.unique().tolist():
            m = route == e
            out[m] = self.ex[f"expert_{e}"](x[m])
        return out


class Getattr(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.g = nn.Linear(4, 3)
        for i in range(3):
            setattr(self, f"fc{i}", nn.Linear(4, 4))

    def forward(self, x):
        k = self.g(x).argmax().item()
        return getattr(self, f"fc{k}")(x)


class DictKey(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.g = nn.Linear(4, 3)
        self.d = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4), "c": nn.Linear(4, 4)})
        self.names = ["a", "b", "c"]

    def forward(self, x):
        k = int(self.g(x).argmax())
        name = self.names[k]
        return self.d[name](x)


class SplitSizes(Routed):
    def forward(self, x):
        r_ = self.router(x).argmax(-1)
        order = r_.argsort()
        counts = torch.bincount(r_, minlength=3).tolist()
        xs = x[order].split(counts)
        ys = [e(p) for e, p in zip(self.layers, xs)]
        y = torch.cat(ys)
        out = torch.empty_like(y)
        out[order] = y
        return out


class Skip(Routed):
    def forward(self, x):
        sel = self.router(x).argmax(-1)
        out = torch.zeros_like(x)
        for i, e in enumerate(self.layers):
            idx = torch.where(sel == i)[0]
            if idx.numel() == 0:
                continue
            out.index_add_(0, idx, e(x[idx]))
        return out


class RangeExit(Routed):
    def __init__(self):
        super().__init__(5)

    def forward(self, x):
        n = int(self.router(x).argmax()) + 1
        for i in range(n):
            x = torch.tanh(self.layers[i](x))
        return x


class SliceMods(Routed):
    def __init__(self):
        super().__init__(5)

    def forward(self, x):
        n = int(self.router(x).argmax())
        for layer in self.layers[:n]:
            x = torch.tanh(layer(x))
        for layer in self.layers[n:]:
            x = x * 0.5
        return x


class Equal(nn.Module):
    def forward(self, x):
        n = 0
        while True:
            y = torch.round(x * 0.5)
            if torch.equal(y, x) or n > 20:
                return y, n
            x = y
            n += 1


class Beam(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.e = nn.Embedding(7, 8)
        self.o = nn.Linear(8, 7)

    def forward(self, start):
        beams = start.unsqueeze(0).repeat(3, 1)
        scores = torch.zeros(3)
        for t in range(12):
            lp = torch.log_softmax(self.o(self.e(beams).mean(1)), -1)
            tot = scores[:, None] + lp
            v, i = tot.flatten().topk(3)
            beams = torch.cat([beams[i // 7], (i % 7)[:, None]], 1)
            scores = v
            if (beams[:, -1] == 2).all():
                break
        return beams[scores.argmax()], scores.max()


class NMS(nn.Module):
    def forward(self, boxes, scores):
        order = scores.argsort(descending=True)
        keep = []
        while order.numel() > 0:
            i = order[0]
            keep.append(i)
            if order.numel() == 1:
                break
            rest = order[1:]
            lt = torch.maximum(boxes[i, :2], boxes[rest, :2])
            rb = torch.minimum(boxes[i, 2:], boxes[rest, 2:])
            wh = (rb - lt).clamp(min=0)
            inter = wh[:, 0] * wh[:, 1]
            a = lambda b: (b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])
            iou = inter / (a(boxes[i]) + a(boxes[rest]) - inter)
            order = rest[iou <= 0.5]
        return torch.stack(keep)


def boxes(count: int) -> torch.Tensor:
    """Boxes, float32[count, 4]."""
    corner, size = rand(count, 2).abs(), rand(2, count).abs().T
    return torch.cat([corner, corner + size], 1)


VECTORS = [(rand(4) * scale,) for scale in (1, -1, 3, -3, 0.2)] + [(rand(4).flip(0) * scale,) for scale in (1, -2)]
BATCHES = [(rand(5, 4),), (rand(1, 4),), (rand(3, 4) * 3,)]
CASES = {
    "a list of unknown length": (Tolist(), BATCHES, {"x": {0: "batch"}}),
    "an attribute's name": (Getattr(), VECTORS, {}),
    "a key from a list": (DictKey(), VECTORS, {}),
    "sizes to split by": (SplitSizes(), BATCHES, {"x": {0: "batch"}}),
    "experts without rows": (Skip(), BATCHES, {"x": {0: "batch"}}),
    "a number of layers": (RangeExit(), VECTORS, {}),
    "slices of layers": (SliceMods(), VECTORS, {}),
    "torch.equal": (Equal(), [(rand(4) * 9,), (rand(4),)], {}),
    "beam search": (Beam(), [(torch.tensor([1]),), (torch.tensor([4]),)], {}),
    "suppression of boxes": (
        NMS(),
        [(boxes(6), rand(6)), (boxes(1), rand(1)), (boxes(9) * 0.1, rand(9))],
        {"boxes": {0: "count"}, "scores": {0: "count"}},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_choice(name):
    model, calls, dims = CASES[name]
    check(model, calls, dims=dims)


class Texts(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleDict({f"l{i:02d}": nn.Linear(4, 4) for i in range(3)})

    def forward(self, x):
        k = int(x.argmax()) % 3
        names = "l%02d" % 1, f"l{k:02d}", f"l0{k}", "l0" + str(k)
        return sum(self.layers[name](x) for name in names)


def test_ways_to_make_a_name():
    check(Texts(), VECTORS)


class FormattedTensors(Texts):
    """Names made of tensors, which are formatted as their numbers, in code that is followed and in a function that
    is run as it is; texts that nothing reads."""

    def forward(self, x):
        k = x.argmax() % 3
        text = f"{x.sum():.3f} of {x}"
        names = "l%02d" % k, f"l{k:02d}", "l0{}".format(k)  # noqa: UP032
        y = sum(self.layers[name](x) for name in names)
        return self.named(y, k + 0) + len(text) * 0

    def named(self, x, k):
        return self.layers[f"l{k:02d}"](x)


def test_a_tensor_in_a_name_is_its_number():
    check(FormattedTensors(), VECTORS)


class Missing(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleDict({f"l{i}": nn.Linear(4, 4) for i in range(3)})

    def forward(self, x):
        return self.layers[f"l{int(x.argmax())}"](x)


def test_a_name_that_nothing_has_raises():
    check(Missing(), [(torch.eye(4)[place],) for place in range(4)], paths=4)


class MostConfident(nn.Module):
    def __init__(self, choose):
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(4, 3) for _ in range(3))
        self.choose = choose

    def forward(self, x):
        outputs = [head(x) for head in self.heads]
        confidences = [output.softmax(-1).max().item() for output in outputs]
        return outputs[self.choose(confidences)], confidences


def with_numpy(confidences):
    return np.argmax(confidences)


def with_index(confidences):
    return confidences.index(max(confidences))


def with_sort(confidences):
    ranked = list(confidences)
    ranked.sort(reverse=True)
    return confidences.index(ranked[0]) + confidences.count(ranked[0]) - 1


def with_tensors(confidences):
    return np.argmax([torch.tensor([confidence]) for confidence in confidences])


@pytest.mark.parametrize("choose", [with_numpy, with_tensors, with_index, with_sort])
def test_the_place_of_the_greatest_of_a_list(choose):
    torch.manual_seed(0)
    check(MostConfident(choose), VECTORS)
