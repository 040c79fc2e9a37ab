"""Parts of tensors at places that depend on data: views that see changes of the tensor, and change it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from adaptc.compiler.errors import CompileError

from .checking import check, network
from .test_loops import rand


def calls(count: int = 8) -> list[tuple[torch.Tensor]]:
    return [(row,) for row in rand(count, 2, 4)]


class SeesChanges(nn.Module):
    def forward(self, x):
        y = x * 1
        part = y[int(x[0].argmax()) % 2]
        number = part[y[1].argmax()]
        y += 1
        return part, number, y


class ChangesTheTensor(nn.Module):
    def forward(self, x):
        m = x * 1.0
        i = int(x[0].argmax())
        m[i % 2].mul_(0.5)
        p = m[i % 2]
        p.add_(x[1])
        p[1] = 3.0
        m[i % 2, i] += 1
        return m, p


class PartsOfParts(nn.Module):
    def forward(self, x):
        b = x.clone().reshape(2, 2, 2)
        i = int(x[0].argmax()) % 2
        c = b[i]
        d = c[1 - i]
        d.fill_(7)
        e = b[:, i]
        e.add_(1)
        f = b.view(2, 4)[i]
        f[int(x[1].argmax())] = -1
        return b, c, d, e, f


class TwoParts(nn.Module):
    """Both may be the same row."""

    def forward(self, x):
        m = x * 1.0
        p, q = m[int(x[0].argmax()) % 2], m[int(x[1].argmax()) % 2]
        p.add_(1)
        q.mul_(3)
        p.sub_(q)
        w = m.t()[int(x[0].argmax())]
        w.zero_()
        x[int(x[1].argmax()) % 2].add_(1)
        return m, p, q, w


class AcrossBranchesAndLoops(nn.Module):
    def forward(self, x):
        m = x * 1.0
        i = int(x[0].argmax()) % 2
        p, q = m[i], m[1 - i]
        if x.sum() > 0:
            p.add_(1)
        else:
            q.mul_(2)
        p[1] = q[2]
        n = 0
        while m.sum() < 20 and n < 30:
            p += 0.5
            q[i] = q[i] + 1
            n += 1
        return m, p, q, n


class Cache(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("cache", torch.zeros(4, 4))

    def forward(self, x):
        i = int(x[0].argmax())
        self.cache[i].copy_(x[1])
        row = self.cache[i]
        row += 1
        return self.cache.sum(0), row


class SoftNMS(nn.Module):
    """Rows change places by data, and scores decay in place (Bodla et al. 2017)."""

    def forward(self, boxes):
        dets = boxes.clone()
        count = dets.shape[0]
        for i in range(count):
            current = dets[i].clone()
            if i != count - 1:
                best, place = torch.max(dets[i + 1 :, -1], dim=0)
                if current[-1] < best:
                    other = place.item() + i + 1
                    dets[i], dets[other] = dets[other].clone(), dets[i].clone()
            apart = (dets[i, :4] - dets[i + 1 :, :4]).abs().sum(1)
            dets[i + 1 :, -1] *= torch.exp(-apart)
        return dets[dets[:, -1] > 0.3]


@pytest.mark.parametrize(
    "model", [SeesChanges(), ChangesTheTensor(), PartsOfParts(), TwoParts(), AcrossBranchesAndLoops(), Cache()]
)
def test_parts_share_memory(model):
    check(model, calls())


def test_rows_that_change_places():
    check(SoftNMS(), [(row.abs(),) for row in rand(6, 4, 5)])


def swapped(self, x):
    for place in range(x.shape[0] - 1):
        best = x[place:].argmax().item() + place
        if x[best] > x[place] + 0.2:
            x[place], x[best] = x[best].clone(), x[place].clone()
    return x


def shifted(self, x):
    x = x.clone()
    best = x.argmax()
    x[0] = x[best]
    x[best] = x[1] * 2
    return x


def kept_in_an_object(self, x):
    x = x.clone()
    found = {"parts": [(x[x.argmax()],)]}
    x[0] = 5
    return x, found


def kept_in_a_closure(self, x):
    x = x.clone()
    largest = x[x.argmax()].view(1)
    later = lambda: largest + 1
    x[0] = 5
    return x, later()


def kept_on_one_way(self, x):
    x = x.clone()
    other = x[0] * 1
    if x.sum() > 0:
        other = x[x.argmax()]
    x[0] = 5
    return x, other


@pytest.mark.parametrize("forward", [swapped, shifted, kept_in_an_object, kept_in_a_closure, kept_on_one_way])
def test_numbers_that_change_with_their_tensor(forward):
    check(network(forward), [(row,) for row in rand(6, 4)])


class AddedDimension(nn.Module):
    def forward(self, x):
        y = x * 1
        part = y[None, int(x[0].argmax()) % 2]
        y += 1
        return part


def test_a_part_that_cannot_be_put_back_must_not_change():
    with pytest.raises(CompileError, match="in the compiled network the part is a copy"):
        check(AddedDimension(), calls())
