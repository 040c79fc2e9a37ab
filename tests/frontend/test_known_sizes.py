"""What a test says about a size or a number holds on the ways that follow it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from adaptc.compiler.errors import CompileError
from adaptc.compiler.ir.program import Branch

from .checking import check

DIMS = {"x": {0: "batch", 1: "length"}}


def sequences():
    generator = torch.Generator().manual_seed(0)
    return [(torch.randn(batch, length, 8, generator=generator),) for batch in (2, 1) for length in (5, 1, 2)]


def branches(program):
    return sum(isinstance(block.terminator, Branch) for block in program.blocks.values())


def test_a_reshape_that_only_a_length_of_one_allows():
    class Network(nn.Module):
        def forward(self, x):
            batch, length, _ = x.shape
            if length == 1:
                x = x.reshape(batch, 4, 2).flip(1).reshape(batch, length, 8)
            return x * 2, x.sum(1)

    assert branches(check(Network(), sequences(), paths=2, dims=DIMS)) == 1


def test_a_size_is_tested_once():
    class Network(nn.Module):
        def forward(self, x):
            if x.shape[1] > 1:
                x = x[:, 1:] if x.shape[1] != 1 else x * 3
            elif x.shape[1] != 1:
                x = x * 5
            return x

    assert branches(check(Network(), sequences(), paths=2, dims=DIMS)) == 1


def test_what_is_known_of_a_size_ends_where_ways_meet():
    class Network(nn.Module):
        def forward(self, x):
            if x.shape[1] == 1:
                x = x + 1
            if x.shape[1] == 1:
                x = x * 2
            if x.shape[1] >= 5:
                x = x - 3
            return x

    assert branches(check(Network(), sequences(), paths=3, dims=DIMS)) == 3


class Attention(nn.Module):
    def forward(self, x, mask=None):
        causal = x.shape[1] > 1 and mask is None
        return F.scaled_dot_product_attention(x, x.flip(1), x, attn_mask=mask, is_causal=causal)


def test_attention_is_causal_by_its_length():
    check(Attention(), sequences(), dims=DIMS)


def test_attention_with_a_mask_is_not_causal():
    calls = [(x, torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu()) for (x,) in sequences()]
    check(Attention(), calls, dims={**DIMS, "mask": {0: "length", 1: "length"}})


def test_torch_takes_a_bool_of_python():
    class Network(nn.Module):
        def forward(self, x):
            keep = x.shape[1] > 1
            return x.sum(1, keep)

    check(Network(), sequences(), paths=2, dims=DIMS)


def test_torch_takes_a_bool_of_python_that_data_decides():
    class Network(nn.Module):
        def forward(self, x):
            descending = bool(x.mean() > 0)
            return x.sort(dim=1, descending=descending)[0]

    check(Network(), [(torch.ones(2, 3, 8),), (-torch.arange(48.0).reshape(2, 3, 8),)], paths=2)


def test_a_bool_inside_a_dict():
    class Network(nn.Module):
        def forward(self, x):
            options = {"keepdim": x.shape[1] > 1}
            return x.sum(1, **options)

    with pytest.raises(CompileError, match="branch on it") as raised:
        check(Network(), sequences(), dims=DIMS)
    assert "sum()" in raised.value.problems[0].found
