"""Slices by fixed numbers where a size varies, and of lists that have grown: Python cuts off what is not there."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import adaptc
from adaptc.compiler.errors import CompileError
from adaptc.compiler.frontend.capture import capture
from adaptc.compiler.signature import bind

from .checking import check, network, signs

ROWS = [(torch.randn(count, 4, generator=torch.Generator().manual_seed(count)),) for count in (6, 2, 1, 3, 4, 9)]

SLICES = [slice(None, 3), slice(-3, None), slice(2, 5), slice(None, -2), slice(-3, -1), slice(4, None), slice(1, None)]


@pytest.mark.parametrize("part", SLICES, ids=str)
def test_a_slice_of_a_named_dimension(part):
    def forward(self, x):
        y = x[part]
        return (y * 2, y.shape[0]) if x.sum() > 0 else (y, y.shape[0])

    check(network(forward), ROWS, dims={"x": {0: "n"}})


def test_a_slice_of_a_size_with_a_number_added():
    def forward(self, x):
        longer = torch.cat([torch.zeros(1, 4), x, torch.ones(1, 4)])
        return longer[:4] if x.sum() > 0 else longer[-4:].sum(0)

    check(network(forward), ROWS, dims={"x": {0: "n"}})


def test_what_a_test_says_is_known():
    """The cut that minGPT makes: no further branch where the length has been compared."""

    def forward(self, x):
        x = x if x.shape[0] <= 4 else x[-4:]
        return x * 2 if x.sum() > 0 else x

    program = check(network(forward), ROWS, dims={"x": {0: "n"}})
    assert len(program.blocks) <= 8


@pytest.mark.parametrize("example", [1, 5])
def test_what_a_test_says_counts_whatever_the_example(example):
    def forward(self, x):
        x = x[-4:] if x.shape[0] > 4 else x
        assert x.shape[0] <= 4
        y = x[2:] if x.shape[0] >= 2 else x
        return (x * 2, y) if x.sum() > 0 else (x, y)

    check(network(forward), [ROWS[example], *ROWS], dims={"x": {0: "n"}})


def test_the_last_of_a_sequence_that_a_loop_lengthens():
    """The cut of a decoder whose context is longer than the examples of torch's shape functions."""

    def forward(self, x):
        for _ in range(12):
            x = torch.cat([x, x[-1:] * 0.8 + 0.1])
            window = x if x.shape[0] <= 7 else x[-7:]
            assert window.shape[0] <= 7
            if window.abs().max() < 0.7:
                break
        return window, x

    check(network(forward), ROWS, dims={"x": {0: "n"}})


def test_a_part_that_is_written():
    def forward(self, x):
        y = x.clone()
        y[:3] = 1.0
        y[4:] += 2
        return y if x.sum() > 0 else -y

    check(network(forward), ROWS, dims={"x": {0: "n"}})


def _cut(x):
    return x[:3]


def test_in_a_function_that_is_not_interpreted_at_first():
    def forward(self, x):
        y = _cut(x)
        return y * 2 if x.sum() > 0 else y

    check(network(forward), ROWS, dims={"x": {0: "n"}})


def last_three(self, x):
    total, kept = x.sum(), []
    while total < 6 and len(kept) < 30:
        total = total + 1.5
        kept.append(total)
    return torch.stack(kept[-3:]) if kept else total


def window(self, x):
    kept, count = [], 0
    while x.sum() < 20 and count < 30:
        x, count = x + 0.5, count + 1
        kept = (kept + [x])[-3:]
    return torch.stack(kept) if count else x


def backwards(self, x):
    kept, count = [], 0
    while x.sum() < 20 and count < 30:
        x, count = x + 0.5, count + 1
        kept.append(x)
    if x[0] > 5:
        return torch.stack(kept[::-1]) if count else x
    kept.reverse()
    return torch.stack(kept) if count else x


def taken_from_the_front(self, x):
    kept, count = [], 0
    while x.sum() < 20 and count < 30:
        x, count = x + 0.5, count + 1
        kept.append(x)
        if len(kept) > 3:
            kept.pop(0)
    return torch.stack(kept).sum(0) if count else x


def put_at_the_front(self, x):
    kept, count = [x], 0
    while x.sum() < 20 and count < 30:
        x, count = x + 0.5, count + 1
        kept.insert(0, x)
    return torch.stack(kept)


def taken_and_put_back(self, x):
    kept, count = [], 0
    while x.sum() < 20 and count < 30:
        x, count = x + 0.5, count + 1
        kept.append(x)
        kept.append(kept.pop() * 2)
    return torch.stack(kept) if count else x


@pytest.mark.parametrize(
    "forward", [last_three, window, backwards, taken_from_the_front, put_at_the_front, taken_and_put_back]
)
def test_a_list_that_has_grown(forward):
    check(network(forward), signs(8, 4))


def test_a_method_that_a_list_of_rows_does_not_have():
    def forward(self, x):
        kept = []
        for row in x:
            kept.append(row)
        kept.sort(key=torch.sum)
        return torch.stack(kept) if x.sum() > 0 else x

    model = network(forward).eval()
    with pytest.raises(CompileError, match=r"sort\(\) of a list that grows in a loop"):
        capture(model, bind(model.forward, ROWS[0]), {"x": {0: "n"}}, "grown")


class OfSelected(nn.Module):
    """Slices of as many elements as an earlier block has found."""

    def forward(self, x):
        found = x[x > 0]
        if found.size(0) == 0:
            return x
        found = found.sort()[0]
        last, rest = found[-3:], found[2:]
        return torch.zeros_like(last) + 1, last.flip(0), torch.cat([rest, torch.ones(rest.shape[0])]), found[:-1]


def test_a_slice_of_a_size_from_an_earlier_block(tmp_path):
    given = [torch.tensor([1.0, 2, 3, 4, 5, 6])[:count].tolist() + [-1.0] * (6 - count) for count in range(7)]
    calls = [(torch.tensor(values),) for values in given]
    check(OfSelected(), calls)
    adaptc.compile(OfSelected(), calls[3], tmp_path / "a", samples=calls)


def test_a_slice_of_a_size_that_is_computed_from_one_of_an_earlier_block_is_refused():
    def forward(self, x):
        found = x[x > 0]
        half = found[: found.shape[0] // 2]
        return x if found.sum() > 2 else torch.zeros_like(half[-2:])

    with pytest.raises(CompileError, match="a slice by fixed numbers of a tensor whose length is computed"):
        check(network(forward), [(torch.rand(6),)])
