"""Boolean masks, and the sizes that selections by them share."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from .checking import check, network, signs
from .networks import Routed
from .test_loops import rand


class Moe(Routed):
    def forward(self, x):
        w, sel = torch.topk(torch.softmax(self.router(x), -1), 2, -1)
        out = torch.zeros_like(x)
        m = torch.nn.functional.one_hot(sel, 3).permute(2, 1, 0)
        hit = (m.sum((-1, -2)) > 0).nonzero()
        for e in hit:
            e = e[0]
            k, t = torch.where(m[e])
            cur = x[t]
            out.index_add_(0, t, self.layers[e](cur) * w[t, k, None])
        return out


class Mask(nn.Module):
    def forward(self, x):
        m = x > 0
        a = x[m]
        b = (x * 2)[m]
        c = x.clone()
        c[m] = a * b
        d = x[x > 0.5]
        if d.numel() > 3:
            return c, d.sum()
        return c, d.mean() if d.numel() else x.sum()


class ByteMask(nn.Module):
    """Masks in uint8, as they were before torch had booleans."""

    def forward(self, x):
        m = (x > 0).byte()
        rows = x[m[:, 0]]
        if m.sum() > 6:
            return torch.where(m, x, -x), x[m], rows, m.nonzero()
        return torch.where(m, -x, x), x[m], rows, m.nonzero()


class BatchLeave(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.ls = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.cs = nn.ModuleList(nn.Linear(4, 2) for _ in range(3))

    def forward(self, x):
        out = torch.zeros(x.shape[0], 2)
        alive = torch.arange(x.shape[0])
        for layer, c in zip(self.ls, self.cs):
            x = torch.relu(layer(x))
            y = c(x)
            conf = y.softmax(-1).max(-1).values
            leave = conf > 0.6
            out[alive[leave]] = y[leave]
            x = x[~leave]
            alive = alive[~leave]
            if x.shape[0] == 0:
                break
        else:
            out[alive] = y[~leave]
        return out


class Fourth(nn.Module):
    def forward(self, x):
        w = x[x > 0]
        if w.numel() > 3:
            w = w + w[3]
        elif w.numel() == 0:
            return x
        return w * 2


class EachKept(nn.Module):
    def forward(self, x):
        y = x + 0.25
        kept = [x, y]
        for t in x[x > 0]:
            y[0] = t
            kept = [kept[0], x * t]
        return kept


FEW = [(rand(4),), (rand(4).abs(),), (-rand(4).abs(),)]
CASES = {
    "the last of as many as there can be": (Fourth(), FEW, {}),
    "unrolled over all there can be": (EachKept(), FEW, {}),
    "experts": (Moe(), [(rand(5, 4),), (rand(1, 4),), (rand(3, 4) * 3,)], {"x": {0: "batch"}}),
    "mask": (Mask(), [(rand(9),), (-rand(9).abs(),), (rand(9).abs() * 3,)], {}),
    "masks of bytes": (ByteMask(), [(rand(4, 3),), (rand(4, 3).abs(),), (-rand(4, 3).abs(),)], {}),
    "leaving the batch": (BatchLeave(), [(rand(5, 4),), (rand(1, 4),), (rand(3, 4) * 3,)], {"x": {0: "batch"}}),
}


@pytest.mark.parametrize("name", CASES)
def test_selection(name):
    model, calls, dims = CASES[name]
    check(model, calls, dims=dims)


@pytest.mark.parametrize("norm_first", [False, True])
def test_layers_of_a_transformer_take_the_rows_that_a_mask_selects(norm_first):
    """In eager PyTorch the layer is one fused kernel, which has no meaning for sizes that data decides."""

    def forward(self, x):
        rows = x[x.sum(-1) > 0]
        if rows.shape[0] == 0:
            return x.mean(0)
        return self.layer(rows.unsqueeze(0)).mean(1)

    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, norm_first=norm_first)
    check(network(forward, layer=layer), signs(6, 5, 4), paths=2)


class RowsAsLists(nn.Module):
    def forward(self, x):
        chosen = x[:, : int((x[0] > 0).sum())]
        return chosen.tolist(), len(chosen[0].tolist())


def test_lists_of_rows_of_one_unknown_length():
    check(RowsAsLists(), [(torch.where(torch.arange(4) < n, 1.0, -1.0) * torch.ones(2, 1),) for n in range(5)])


class Boxes(nn.Module):
    """Rows of a table by the mask of the rows, and by that mask repeated, in other blocks."""

    def forward(self, x):
        mask = x[:, 0].gt(0)
        scores = x[:, 0][mask]
        if scores.size(0) == 0:
            return x
        boxes = x[mask.unsqueeze(1).expand_as(x)].view(-1, 3)
        if boxes.numel() == 0:
            raise AssertionError("there are as many as scores")
        return scores.unsqueeze(1) * boxes, boxes[scores.argmax()]


def test_a_mask_of_rows_that_is_repeated_selects_rows():
    given = [(torch.randn(4, 3, generator=torch.Generator().manual_seed(i)),) for i in range(4)]
    program = check(Boxes(), [*given, (-torch.ones(4, 3),)])
    assert len(program.blocks) == 3
