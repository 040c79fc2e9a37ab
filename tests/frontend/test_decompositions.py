"""Programs become functional as torch's own `run_decompositions({})` makes them, and torch is left as it was."""

from __future__ import annotations

import torch
from torch import nn

from adaptc.compiler.frontend.decompositions import Decompositions, current, sharing

LINEAR = torch.ops.aten.linear.default


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(4, width)
        self.lstm = nn.LSTM(width, width)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        y = self.dropout(torch.nn.functional.silu(self.linear(x)))
        y[0] += 1
        return self.lstm(y)[0].add_(1), nn.functional.scaled_dot_product_attention(y, y, y)


def test_the_graphs_are_those_of_torch():
    decompositions = Decompositions()
    for width in (3, 4, 5):
        program = torch.export.export(Block(width).eval(), (torch.randn(2, 4),))
        expected = program.run_decompositions({})
        kernels = dict(LINEAR.py_kernels)
        result = decompositions.run(program)
        assert str(result.graph) == str(expected.graph)
        assert any(node.target is LINEAR for node in result.graph.nodes)
        assert dict(LINEAR.py_kernels) == kernels


def test_torch_is_left_as_it_was_where_a_program_fails():
    decompositions = Decompositions()
    program = torch.export.export(Block(3).eval(), (torch.randn(2, 4),))
    kernels = dict(LINEAR.py_kernels)
    for node in program.graph.nodes:
        if node.target is LINEAR:
            node.args = node.args[:1]
    for _ in range(2):
        try:
            decompositions.run(program)
        except Exception:  # noqa: BLE001
            assert dict(LINEAR.py_kernels) == kernels
        else:
            raise AssertionError("the program has no meaning")


def test_captures_share_what_is_prepared_during_the_body_alone():
    shared = Decompositions()
    with sharing(shared):
        assert current() is shared
        assert current() is shared
    assert current() is not shared
    assert current() is not current()
