"""Operators of tensor code that ATen lacks, or whose rules for fake tensors refuse what eager PyTorch computes."""

from __future__ import annotations

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
