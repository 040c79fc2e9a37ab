"""Operators of tensor code that ATen lacks, or whose rules for fake tensors refuse what eager PyTorch computes."""

from __future__ import annotations

from typing import Any

import torch


@torch.library.custom_op("adaptc::grouped_mm", mutates_args=())
def grouped_mm(rows: torch.Tensor, matrices: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    """The rows [..., k] up to ``ends[0]`` times ``matrices[0]`` [k, n], those up to ``ends[1]`` times the second, ...

    Rows behind the last group, of which PyTorch says nothing, give zeros.
    """
    result = rows.new_zeros(rows.shape[0], matrices.shape[2])
    start = 0
    for matrix, end in zip(matrices, ends.tolist(), strict=True):
        result[start:end] = rows[start:end] @ matrix
        start = end
    return result


@grouped_mm.register_fake
def _(rows: torch.Tensor, matrices: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    return rows.new_empty(rows.shape[0], matrices.shape[2])


@torch.library.custom_op("adaptc::rnn", mutates_args=())
def rnn(
    kind: str,
    input: torch.Tensor,
    hx: torch.Tensor,
    params: list[torch.Tensor],
    has_biases: bool,
    num_layers: int,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """``torch.gru``, ``torch.rnn_tanh`` or ``torch.rnn_relu``, as `kind` says, without dropout.

    torch's own take a sequence apart step by step under fake tensors, so that its length would be fixed.
    """
    function: Any = getattr(torch, kind)
    output, final = function(input, hx, params, has_biases, num_layers, 0.0, False, bidirectional, batch_first)
    return output.contiguous(), final


@rnn.register_fake
def _(
    kind: str, input: torch.Tensor, hx: torch.Tensor, params: list[torch.Tensor], has_biases: bool, num_layers: int,
    bidirectional: bool, batch_first: bool,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    width = hx.shape[-1] * (2 if bidirectional else 1)
    return input.new_empty(*input.shape[:-1], width), hx.new_empty(hx.shape)


@torch.library.custom_op("adaptc::lstm", mutates_args=())
def lstm(
    input: torch.Tensor,
    h: torch.Tensor,
    c: torch.Tensor,
    params: list[torch.Tensor],
    has_biases: bool,
    num_layers: int,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """``torch.lstm`` without dropout; as for `rnn`, the length of the sequence may vary."""
    options = (has_biases, num_layers, 0.0, False, bidirectional, batch_first)
    output, final, cell = torch.lstm(input, (h, c), params, *options)
    return output.contiguous(), final, cell


@lstm.register_fake
def _(
    input: torch.Tensor, h: torch.Tensor, c: torch.Tensor, params: list[torch.Tensor], has_biases: bool,
    num_layers: int, bidirectional: bool, batch_first: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:  # fmt: skip
    width = h.shape[-1] * (2 if bidirectional else 1)
    return input.new_empty(*input.shape[:-1], width), h.new_empty(h.shape), c.new_empty(c.shape)
