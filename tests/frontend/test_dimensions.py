"""Named dimensions: one program for every batch and sequence length."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from adaptc.compiler.errors import CompileError

from .checking import check, network
from .test_loops import has_loop


def calls(sizes, *shape):
    generator = torch.Generator().manual_seed(1)
    result = []
    for index, size in enumerate(sizes):
        full = [size if extent is None else extent for extent in shape]
        result.append((torch.randn(full, generator=generator) + (index % 3 - 1),))
    return result


class Batched(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = nn.Linear(4, 3)

    def forward(self, x):
        x = torch.relu(self.a(x))
        if x.mean() > 0.4:
            return self.b(x), x.shape[0]
        y = self.b(self.a(x))
        if (y.softmax(-1).max(-1).values > 0.4).all():
            return y, 0
        return y.view(x.shape[0], -1, 1).squeeze(-1) * x.size(0), len(x)


def test_batch():
    torch.manual_seed(0)
    check(Batched(), calls([4, 1, 2, 3, 7, 4, 5, 6, 1, 2], None, 4), dims={"x": {0: "batch"}})


class SizeBranch(nn.Module):
    def forward(self, x):
        n = x.shape[1]
        if x.shape[0] == 1:
            y = x * 2
        elif n > 4 and x.shape != (3, 6, 2):
            y = x[:, :4].sum(1, keepdim=True) + torch.arange(n).view(1, n, 1)
        else:
            y = torch.cat([x, x.new_zeros(x.shape[0], 1, 2)], dim=1)
        if y.mean() > 0:
            y = y.reshape(y.shape[0] * y.shape[1], 2)
        return y, n * 2


def test_branches_on_sizes():
    generator = torch.Generator().manual_seed(0)
    made = [
        (torch.randn(b, s, 2, generator=generator),)
        for b, s in [(2, 5), (1, 3), (3, 6), (4, 7), (2, 2), (1, 9), (3, 8)]
    ]
    check(SizeBranch(), made, dims={"x": {0: "batch", 1: "seq"}})


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.layers = nn.ModuleList([nn.TransformerEncoder(layer, 1, enable_nested_tensor=False) for _ in range(2)])
        self.mha = nn.MultiheadAttention(8, 2, batch_first=True)
        self.conv = nn.Conv1d(8, 8, 3, padding=1)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
            if x.std() < 0.99:
                break
        y, weights = self.mha(x, x, x, need_weights=False)
        z = self.conv(y.transpose(1, 2)).transpose(1, 2)
        if z.sum() > 0:
            return z
        return z + x


def test_library_modules_with_dynamic_length():
    torch.manual_seed(0)
    check(Attention(), calls([5, 3, 1, 8, 2], 2, None, 8), dims={"x": {1: "seq"}})


def test_a_dimension_that_the_network_fixes_is_refused():
    class Fixed(nn.Module):
        def forward(self, x):
            return x.view(4, -1) @ torch.ones(3, 2) + torch.ones(4, 2)

    with pytest.raises(CompileError, match=r"view\(\) works only where the dimension 'batch' is"):
        check(Fixed(), calls([4], None, 3), dims={"x": {0: "batch"}})


def test_two_dimensions_that_must_be_equal_are_refused():
    class Equal(nn.Module):
        def forward(self, x, y):
            return x + y

    with pytest.raises(CompileError, match="must match the size"):
        check(Equal(), [(torch.ones(3), torch.ones(3))], dims={"x": {0: "a"}, "y": {0: "b"}})


class LeftEarly(nn.Module):
    """Where the inner loop is left, the length is the outer loop's or more; attention asks whether it is 0."""

    def forward(self, x):
        while x.sum() < 10:
            for _ in range(3):
                y = nn.functional.scaled_dot_product_attention(x, x, x)
                x = torch.cat([x, y[:, :, -1:] + 0.5], dim=2)
                if y.max() > 1.2:
                    break
            x = nn.functional.scaled_dot_product_attention(x, x, x)
        return x


def test_a_length_that_loops_left_early_change_is_a_size():
    calls = [(torch.rand(1, 1, 2, 2, generator=torch.Generator().manual_seed(seed)) * (1 + seed),) for seed in range(3)]
    assert has_loop(check(LeftEarly(), calls))


class Unbound(nn.Module):
    def forward(self, x):
        total = torch.zeros(x.size(0), 3)
        steps = []
        for row in x.unbind(dim=1):
            total = total * 0.5 + row
            steps.append(total)
        rows = torch.unbind(x, 1)
        return torch.stack(steps, dim=1), rows[-1] + rows[0], len(rows)


def test_rows_of_a_named_dimension_are_unbound():
    program = check(Unbound(), calls((1, 2, 5), 2, None, 3), dims={"x": {1: "n"}})
    assert has_loop(program)


class CausalUnlessSingle(nn.Module):
    """As transformers calls it: one query after a cache sees all keys."""

    def forward(self, x, past):
        keys = torch.cat([past, x], dim=2)
        causal = x.size(2) > 1
        return nn.functional.scaled_dot_product_attention(x, keys, keys, is_causal=causal)


def test_attention_that_is_causal_for_some_lengths():
    generator = torch.Generator().manual_seed(0)
    given = [
        tuple(torch.randn(1, 2, size, 4, generator=generator) for size in sizes) for sizes in ((3, 2), (1, 4), (2, 1))
    ]
    check(CausalUnlessSingle(), given, dims={"x": {2: "n"}, "past": {2: "before"}})


class BehindThePrompt(nn.Module):
    def forward(self, prompt):
        tokens = prompt
        while tokens.sum() < 40:
            new = tokens[prompt.size(0) :]
            tokens = torch.cat([tokens, tokens[-1:] + 1 + new.sum() * 0.1])
        return tokens, tokens[prompt.size(0) :]


@pytest.mark.parametrize("length", [3, 9, 30])
def test_a_slice_from_a_size_on_does_not_hang_on_the_example(length):
    """Which of two sizes is greater was told by their examples: 9, and 5 for a dimension that a loop lengthens."""
    given = [(torch.ones(size),) for size in (length, 1, 4, 10, 31)]
    assert has_loop(check(BehindThePrompt(), given, dims={"prompt": {0: "n"}}))


@pytest.mark.parametrize("dim", [None, 0, -2, (0, 1)], ids=str)
def test_squeeze_leaves_a_dimension_out_where_its_size_is_1(dim):
    """The rank depends on a size: each is a way of its own."""

    def forward(self, x):
        rows = (x > 0).nonzero()[:, :1]
        y = rows.squeeze() if dim is None else torch.squeeze(rows, dim)
        return y.float() * 2 if y.dim() == 2 else y.float() + 1

    rows = [torch.tensor(values).unsqueeze(1) for values in ([1.0, 2.0, -1.0], [-1.0, -1.0, 5.0], [-1.0, -1.0, -1.0])]
    check(network(forward), [(row,) for row in rows])


def test_a_loop_whose_last_iterations_have_another_rank():
    """A suppression that squeezes the indices it keeps: one index is a tensor without dimensions."""

    def forward(self, x):
        order, kept = x.sort(0, descending=True)[1], []
        while order.numel() > 0:
            if order.numel() == 1:
                kept.append(order.item())
                break
            first = order[0].item()
            kept.append(first)
            others = ((x[first] - x[order[1:]]).abs() > 0.5).nonzero().squeeze()
            if others.numel() == 0:
                break
            order = order[others + 1]
        return torch.LongTensor(kept)

    values = ([0.0, 0.1, 0.2, 0.3], [0.0, 1.0, 2.0, 3.0], [0.0, 0.1, 2.0, 3.0], [0.0, 0.0, 0.0, 3.0])
    check(network(forward), [(torch.tensor(row),) for row in values])


def test_what_a_call_needs_of_a_size_holds_on_its_way_only():
    """``rows[0]`` needs a row, ``rows.item()`` one only: ways on which neither is called may have any number."""

    def forward(self, x):
        rows = x[x > 0]
        if x[0] > 1:
            return rows[0] + rows.sum()
        if rows.numel() == 1:
            return rows * rows.item()
        return rows * 2 if rows.shape[0] > 2 else rows.sum()

    values = ([2.0, 1.0, 3.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, -1.0], [0.5, 1.0, 1.0], [0.5, 1.0, -1.0])
    check(network(forward), [(torch.tensor(row),) for row in values])


class Images(nn.Module):
    """Operators whose shape functions in C++ know numbers only, on a batch that varies, and on one that shrinks."""

    def __init__(self, shrinks):
        super().__init__()
        self.shrinks = shrinks
        torch.manual_seed(0)
        self.conv, self.norm = nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"), nn.BatchNorm2d(2)

    def forward(self, x):
        if self.shrinks:
            x = x[x.mean((1, 2, 3)) > 0]
        y = self.norm(self.conv(x))
        if y.sum() > 0:
            y = F.interpolate(y, scale_factor=2)
        else:
            y = F.interpolate(y, size=(5, 6), mode="bilinear", align_corners=False)
        y = F.pad(y[:, :, ::2], (1, 0, 0, 2)) + F.pad(y[:, :, ::2], (0, 1, 2, 0), value=0.5)
        return F.unfold(y, 2), y.flatten(1).logsumexp(1)


@pytest.mark.parametrize("shrinks", [False, True])
def test_images_in_a_batch_of_any_size(shrinks):
    given = calls((3, 1, 2, 5), None, 2, 4, 4)
    dims = {} if shrinks else {"x": {0: "batch"}}
    check(Images(shrinks).eval(), given if not shrinks else [(x.repeat(4, 1, 1, 1)[:3],) for (x,) in given], dims=dims)


def test_a_slice_that_ways_share_does_not_fix_the_length():
    def forward(self, x):
        total = x.sum(1)
        for place in range(x.shape[1]):
            part = x[:, place : place + 1]
            if part.sum() > 0:
                part = part * 2
            total = total + part.sum(1)
        return total

    check(network(forward), calls((3, 1, 2, 5), 2, None, 4), dims={"x": {1: "length"}})


class FarRows(nn.Module):
    """Rows at places that the example does not have."""

    def forward(self, x):
        total, count = x[0] * 0, 0
        for row in x[x[:, 0] > 0]:
            total, count = total + row, count + 1
            if total.sum() > 6:
                break
        if x.shape[0] > 9:
            total = total + x[9] + x[-10]
        return total, count


def test_rows_beyond_the_example():
    generator = torch.Generator().manual_seed(0)
    calls = [(torch.randn(rows, 3, generator=generator),) for rows in (4, 12, 20, 3, 9, 10, 11)]
    check(FarRows(), calls, dims={"x": {0: "n"}})
