"""Products of matrices."""

from __future__ import annotations

import torch
from torch import Tensor

from adaptc.compiler.onnx_input.registry import Unsupported, operator


@operator("MatMul")
def matmul(a: Tensor, b: Tensor) -> Tensor:
    """`torch.matmul`."""
    return torch.matmul(a, b)


@operator("Gemm", 7)
def gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Tensor:
    """``alpha * a @ b + beta * c``."""
    if not a.is_floating_point() and (alpha != 1 or beta != 1):
        raise Unsupported("Gemm of integers with factors")
    a = a.t() if transA else a
    if alpha == 1 and transB and c is not None and beta == 1 and c.dim() == 1 and a.dtype == c.dtype:
        return torch.nn.functional.linear(a, b, c)
    made = torch.matmul(a, b.t() if transB else b)
    made = made if alpha == 1 else made * alpha
    if c is None:
        return made
    total: Tensor = made + (c if beta == 1 else c * beta)
    return total


@operator("Einsum", 12)
def einsum(*inputs: Tensor, equation: str) -> Tensor:
    """`torch.einsum`."""
    return torch.einsum(equation.replace(" ", ""), *inputs)


@operator("Det", 11)
def det(x: Tensor) -> Tensor:
    """`torch.linalg.det`."""
    result: Tensor = torch.linalg.det(x)
    return result
