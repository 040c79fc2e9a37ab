"""In-place code, views and subscript stores, also across branches."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from adaptc.compiler.errors import CompileError

from .checking import check, network, signs


class InPlaceAcross(nn.Module):
    def forward(self, x):
        y = x * 2
        row = y[0]
        if x.sum() > 0:
            y.add_(1)
        else:
            row.mul_(3)
        if x[0, 0] > 0:
            y[1] = row * 2
        y[:, 0] = 7.0
        return y, row, y.sum()


def test_in_place_changes_reach_views_across_branches():
    check(InPlaceAcross(), signs(24, 3, 4))


class ViewOfView(nn.Module):
    def forward(self, x):
        base = torch.zeros(4, 6)
        left = base[:, :3]
        corner = left[1:3]
        if x.mean() > 0:
            corner += x[:2, :3]
        else:
            left[0] = x[0, :3]
        total = base.sum()
        if total > 1:
            base.view(-1)[5] = 9
            flat = base.reshape(24)
            flat[0] = -1
        return base, left, corner, total


def test_views_of_views():
    check(ViewOfView(), signs(24, 4, 6))


class ReadThenChange(nn.Module):
    def forward(self, x):
        y = x.clone()
        first = y[0].item()
        big = y.max() > 1
        y.zero_()
        y += first
        if big:
            return y + 1
        return y


def test_a_read_sees_the_value_before_a_later_change():
    check(ReadThenChange(), signs(20, 4))


class SkipThenInPlace(nn.Module):
    """In the arm that is skipped, the result is the input itself: an in-place change must reach both names."""

    def forward(self, x):
        h = x * 1.0
        kept = h
        if x.sum() > 0:
            h = h * 2
        h += 1
        return h, kept


def test_in_place_after_a_join_that_shares_memory():
    check(SkipThenInPlace(), signs(16, 4), paths=2)


class SharedThroughTwoJoins(nn.Module):
    def forward(self, x):
        a = x * 1.0
        kept = [a]
        if x[0] > 0:
            kept = [a + 1]

        def items(t):
            yield t
            if t[0] > 0.5:
                return

        seen = list(items(x))
        kept[0] += 0.25
        return kept, a, seen


def test_sharing_is_remembered_through_several_joins():
    check(SharedThroughTwoJoins(), signs(16, 3))


class MutatedInList(nn.Module):
    def forward(self, x):
        parts = list(torch.chunk(x * 1.0, 2))
        a, b = parts
        if x[0] > 0:
            a.copy_(b)
        parts[1] += 1
        if x[1] > 0:
            torch.relu_(parts[0])
            parts.append(a * 2)
        else:
            parts.append(b * 2)
        return torch.cat(parts), a, b


def test_chunks_changed_in_place():
    check(MutatedInList(), signs(24, 6))


class MaskedStores(nn.Module):
    def forward(self, x):
        y = torch.zeros_like(x)
        mask = x > 0
        y[mask] = 1.0
        y.masked_fill_(x < -1, -5.0)
        if mask.any():
            y[..., -1] = x[..., 0]
            y[0, 1:3] *= 2
        y.index_fill_(0, torch.tensor([1]), 4.0)
        out = torch.empty(2, 4)
        out[0] = y[0]
        out[1] = y[-1]
        return y, out


def test_masked_and_indexed_stores():
    check(MaskedStores(), signs(20, 2, 4))


class Buffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.tensor([1.0, 2.0]))
        self.register_buffer("threshold", torch.tensor(0.25))
        self.shift = torch.tensor([0.5, -0.5])

    def forward(self, x):
        if x.mean() > self.threshold:
            x = x * self.scale
        if x[0] > self.threshold.item():
            scale = self.scale
        else:
            scale = self.shift
        return x + scale, self.scale if x[1] > 0 else self.shift


def test_buffers_as_values():
    check(Buffer(), signs(20, 2))


class StatefulCounters(nn.Module):
    """Attributes that a call changes: every call starts from their values at compile time."""

    def __init__(self):
        super().__init__()
        self.calls = 0
        self.seen = []
        self.state = {"last": None}
        self.register_buffer("running", torch.zeros(3))

    def forward(self, x):
        self.calls += 1
        self.seen.append(x)
        self.running += x
        if x.sum() > 0:
            self.calls += 10
            self.state["last"] = x * 2
            self.running.mul_(2)
        else:
            self.state["last"] = x * 3
        return self.state["last"] + len(self.seen) + self.calls, self.calls, self.running * 1


def test_attributes_changed_during_a_call():
    model = StatefulCounters()
    check(model, signs(12, 3), paths=2)
    assert model.calls == 0
    assert model.seen == []
    assert model.state == {"last": None}


class OutArguments(nn.Module):
    def forward(self, x):
        y = torch.empty(3)
        torch.add(x, 1, out=y)
        z = x.detach().data
        if y.sum() > 3:
            z = z.t() if z.dim() == 2 else z.flip(0)
        w = x.contiguous().view(3, 1).expand(3, 2).transpose(0, 1)
        return y, z, w


def test_out_arguments_and_aliases():
    check(OutArguments(), signs(12, 3), paths=2)


class ReadBetweenChanges(nn.Module):
    def forward(self, x):
        v = x * 1.0
        v.neg_()
        total = v.sum().item()
        first = v[0].item()
        v += x + 1
        if total > 0 or first > 1:
            return v * 2
        v *= 2
        second = v[1].item()
        v.zero_()
        if second > 0:
            return v - 1
        return v


def test_a_read_between_two_changes_keeps_its_value():
    check(ReadBetweenChanges(), signs(24, 4))


class Overwritten(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("state", torch.ones(4))

    def forward(self, x):
        if x.sum() > 0:
            self.state = x * 2
            if x[0] > 0.5:
                return x + self.state
            return x
        if x[0] < -0.5:
            return x + self.state
        return x * 3


def test_a_buffer_on_one_way_and_a_value_on_another():
    check(Overwritten(), [(torch.full((4,), value),) for value in (1.0, 0.2, -0.2, -1.0)])


class TwoViews(nn.Module):
    """Two attributes on one memory, of which one is changed in place, before or after the other is seen."""

    def __init__(self, before):
        super().__init__()
        self.before = before
        self.register_buffer("table", torch.zeros(3, 4))
        self.row = self.table[1]

    def forward(self, x):
        total = self.table.sum() if self.before else x.sum()
        if total <= x.mean():
            self.row.add_(x[0])
        return self.table + total


@pytest.mark.parametrize("before", [True, False])
def test_attributes_that_share_memory_are_not_changed_in_place(before):
    with pytest.raises(CompileError, match="share memory, and the network changes it in place"):
        check(TwoViews(before), signs(2, 2, 4))


class MadeAgainOnOneWay(nn.Module):
    """A view whose memory has changed is read on one of two ways that meet."""

    def longer(self, v, n):
        if n > 1 or v.max() > 1.5:
            pass

    def forward(self, x):
        m = x - 0.5
        v = m.t().reshape(8)[:4]
        if v[0] > 0:
            v.add_(0.5)
        self.longer(v, int(x[0, 0] > 0))
        return v, m


def test_a_view_made_again_on_one_way():
    check(MadeAgainOnOneWay(), signs(8, 2, 4))


def suppressed(self, x):
    """What the detectors that are patterned on SSD do: tensors that calls give the size they need."""
    areas, widths, kept = x.new(), x.new(), []
    order = x.argsort()
    while order.numel() > 0:
        best = order[-1]
        kept.append(best)
        order = order[:-1]
        torch.index_select(x, 0, order, out=areas)
        widths.resize_as_(areas)
        widths = areas - x[best]
        order = order[widths < -0.5]
    return torch.stack(kept)


def shorter_and_longer(self, x):
    held = x * 2
    held.resize_(2)
    first = held + 1
    held.resize_(2, 3)[1] = 7
    return first, held[0, :2], held[1], held.shape[1]


def given_a_size(self, x):
    total = torch.zeros(0, dtype=torch.float64)
    torch.cat([x, x], out=total)
    if x.sum() > 0:
        torch.add(x, 1, out=total)
    return total


@pytest.mark.parametrize("forward", [suppressed, shorter_and_longer, given_a_size])
def test_tensors_that_calls_give_another_size(forward):
    check(network(forward), [(torch.randn(5, generator=torch.Generator().manual_seed(i)) * 2,) for i in range(6)])


def of_an_argument(self, x):
    return x.resize_(3)


def of_two_names(self, x):
    total = torch.zeros(0)
    held = [total]
    torch.add(x, 1, out=total)
    return held[0]


def of_which_there_is_a_part(self, x):
    total = x * 2
    part = total[:2]
    torch.add(x[:2], 1, out=total)
    return total, part


@pytest.mark.parametrize("forward", [of_an_argument, of_two_names, of_which_there_is_a_part])
def test_a_tensor_that_something_else_leads_to_keeps_its_size(forward):
    with pytest.raises(CompileError, match="memory of another size"):
        check(network(forward), [(torch.randn(4),)])
