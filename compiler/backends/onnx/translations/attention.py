"""Scaled dot-product attention: ONNX's Attention where shapes are static, matrix products elsewhere.

The Attention kernel of ONNX Runtime 1.32 is up to 1.3 times faster, but refuses an empty batch and a mask
that is broadcast over the queries.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import torch
from torch._ops import OpOverload

from adaptc.compiler.backends.onnx.translations.tools import ints, like, op


def table() -> dict[OpOverload, Callable[..., Any]]:
    """Translations by ATen overload."""
    return {torch.ops.aten.scaled_dot_product_attention.default: attention}


def attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """softmax(query key^T scale + mask) value, of tensors [..., length, size].

    A mask broadcasts to the scores. Raises NotImplementedError where the size of a head is not static.
    """
    size = query.shape[-1]
    if not isinstance(size, int):
        raise NotImplementedError("the size of an attention head varies")
    factor = 1 / math.sqrt(size) if scale is None else scale
    if _fits_kernel(query, key, value, attn_mask):
        return op.Attention(query, key, value, attn_mask, scale=factor, is_causal=int(is_causal))[0]
    if enable_gqa:
        key, value = (_repeat_heads(part, query) for part in (key, value))
    bias = _causal_bias(query, key) if is_causal else None if attn_mask is None else _bias(attn_mask, query)
    order = list(range(len(query.shape)))
    scores = op.MatMul(op.Mul(query, like(factor, query)), op.Transpose(key, perm=[*order[:-2], order[-1], order[-2]]))
    weights = op.Softmax(scores if bias is None else op.Add(scores, bias), axis=-1)
    result = op.MatMul(weights, value)
    if attn_mask is None:
        return result
    # A query that may attend to nothing gets zeros, as in PyTorch, where softmax alone would give NaN.
    reachable = op.Greater(op.ReduceMax(bias, ints(-1)), like(-math.inf, query))
    return op.Where(reachable, result, like(0.0, query))


def _fits_kernel(query: Any, key: Any, value: Any, mask: Any) -> bool:
    tensors = [query, key, value]
    if not all(len(t.shape) == 4 and all(isinstance(d, int) and d > 0 for d in t.shape) for t in tensors):
        return False
    if mask is None:
        return True
    return len(mask.shape) in (2, 4) and tuple(mask.shape[-2:]) == (query.shape[2], key.shape[2])


def _bias(mask: Any, query: Any) -> Any:
    """A mask as a term of the scores: 0 where a boolean one is true, -inf elsewhere."""
    return _where_reachable(mask, query) if mask.dtype is ir.DataType.BOOL else mask


def _where_reachable(mask: Any, query: Any) -> Any:
    return op.Where(mask, like(0.0, query), like(-math.inf, query))


def _causal_bias(query: Any, key: Any) -> Any:
    zero, one = op.Constant(value_int=0), op.Constant(value_int=1)
    rows, columns = (op.Range(zero, op.Squeeze(op.Shape(part, start=-2, end=-1)), one) for part in (query, key))
    return _where_reachable(op.GreaterOrEqual(op.Unsqueeze(rows, ints(1)), columns), query)


def _repeat_heads(part: Any, query: Any) -> Any:
    """Give `part` [..., groups, length, size] the heads of `query`, each group's repeated side by side."""
    heads, groups = query.shape[-3], part.shape[-3]
    if not isinstance(heads, int) or not isinstance(groups, int):
        raise NotImplementedError("the number of attention heads varies")
    index = ints(*(head // (heads // groups) for head in range(heads)))
    return op.Gather(part, index, axis=len(part.shape) - 3)
