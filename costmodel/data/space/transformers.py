"""Transformers: attention alone, encoder layers, and layers of language models with a cache."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adaptc.costmodel.data.space.drawing import Draw
from adaptc.costmodel.data.space.registry import Drawn, family


class Scores(nn.Module):
    """Attention over given queries, keys and values, written out or as one call."""

    def __init__(self, fused: bool, causal: bool) -> None:
        super().__init__()
        self.fused, self.causal = fused, causal

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.fused:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=self.causal)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        return F.softmax(scores, dim=-1) @ v


class SelfAttention(nn.Module):
    """Multi-head attention with its projections, one matrix for all three or one each."""

    def __init__(self, width: int, heads: int, joined: bool) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width) if joined else None
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = (self.q(x), self.k(x), self.v(x)) if self.qkv is None else self.qkv(x).chunk(3, dim=-1)
        q, k, v = (t.view(batch, length, self.heads, width // self.heads).transpose(1, 2) for t in (q, k, v))
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


class CrossAttention(nn.Module):
    """PyTorch's own multi-head attention of one sequence over another."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        return self.attention(x, memory, memory, need_weights=False)[0]


class Pointer(nn.Module):
    """Additive attention: what captioners and pointer networks look at."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(width, hidden), nn.Linear(width, hidden)
        self.score = nn.Linear(hidden, 1)

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.score(torch.tanh(self.key(features) + self.query(state).unsqueeze(1))).squeeze(2)
        weights = F.softmax(scores, dim=1)
        return (features * weights.unsqueeze(2)).sum(dim=1), weights


def _heads(draw: Draw, size: int) -> tuple[int, int]:
    """A number of heads, and the width of that many heads of `size`."""
    heads = draw.pick(1, 2, 4, 4, 8, 12)
    return heads, heads * size


@family("attention", "attention alone: given or projected queries, masks, cross and additive attention")
def attention(draw: Draw) -> Drawn:
    size = draw.pick(8, 16, 32, 32, 64, 64, 20)
    heads, width = _heads(draw, size)
    kind = draw.pick("scores", "scores", "self", "self", "cross", "pointer")
    if kind == "scores":
        keys = draw.log(1, 256)
        queries = keys if draw.chance(0.5) else draw.within(2.0 * width * keys, 1, 256)
        batch = draw.batch()
        given = [torch.randn(batch, heads, rows, size) for rows in (queries, keys, keys)]
        masked = draw.chance(0.4)
        if masked:
            given.append(torch.ones(queries, keys, dtype=torch.bool).tril(max(keys - queries, 0)))
        return Scores(draw.chance(0.6), not masked and queries == keys and draw.chance(0.3)), tuple(given)
    rows = draw.within(4.0 * width**2, 1, 256)
    if kind == "self":
        return SelfAttention(width, heads, draw.chance(0.5)), (torch.randn(draw.batch(), rows, width),)
    if kind == "cross":
        return CrossAttention(width, heads), (torch.randn(1, draw.log(1, rows), width), torch.randn(1, rows, width))
    return Pointer(width, draw.width(8, 512)), (torch.randn(1, rows, width), torch.randn(1, width))


class EncoderLayer(nn.Module):
    """A layer of BERT or ViT with its own attention module."""

    def __init__(self, width: int, heads: int, hidden: int, first: bool, activation: nn.Module) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads, joined=True)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), activation, nn.Linear(hidden, width))
        self.first = first

    def forward(self, x: Tensor) -> Tensor:
        if self.first:
            x = x + self.attention(self.norm1(x))
            return x + self.mlp(self.norm2(x))
        x = self.norm1(x + self.attention(x))
        return self.norm2(x + self.mlp(x))


@family("encoder", "transformer encoder layers, norms before or after, GELU or ReLU")
def encoder(draw: Draw) -> Drawn:
    heads, width = _heads(draw, draw.pick(8, 16, 32, 64))
    hidden = draw.pick(width, 2 * width, 4 * width, 4 * width)
    depth = draw.pick(1, 1, 1, 2)
    first, layers = draw.chance(0.5), list[nn.Module]()
    built_in = draw.chance(0.5)
    activation = draw.pick("relu", "gelu")
    for _ in range(depth):
        if built_in:
            layers.append(
                nn.TransformerEncoderLayer(width, heads, hidden, 0.0, activation, batch_first=True, norm_first=first)
            )
        else:
            layers.append(EncoderLayer(width, heads, hidden, first, nn.GELU() if activation == "gelu" else nn.ReLU()))
    rows = draw.within(depth * (4.0 * width**2 + 2 * width * hidden), 1, 256)
    return nn.Sequential(*layers), (torch.randn(draw.batch() if rows < 32 else 1, rows, width),)


class RMSNorm(nn.Module):
    """As in LLaMA."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        variance = x.pow(2).mean(-1, keepdim=True)
        return self.weight * (x * torch.rsqrt(variance + 1e-6))


class SwiGLU(nn.Module):
    """The feed-forward part of LLaMA."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate, self.up = nn.Linear(width, hidden, bias=False), nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


def rotated(x: Tensor) -> Tensor:
    """The halves of the last axis, the second negated and put first."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([-second, first], dim=-1)


class DecoderLayer(nn.Module):
    """A layer of a language model that takes the keys and values before its rows, and gives them with theirs."""

    def __init__(self, width: int, heads: int, shared: int, hidden: int) -> None:
        super().__init__()
        self.heads, self.shared, self.size = heads, shared, width // heads
        self.norm1, self.norm2 = RMSNorm(width), RMSNorm(width)
        self.q = nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, self.shared * self.size, bias=False)
        self.v = nn.Linear(width, self.shared * self.size, bias=False)
        self.o = nn.Linear(width, width, bias=False)
        self.mlp = SwiGLU(width, hidden)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        batch, rows, width = x.shape
        hidden = self.norm1(x)
        q = self.q(hidden).view(batch, rows, self.heads, self.size).transpose(1, 2)
        k = self.k(hidden).view(batch, rows, self.shared, self.size).transpose(1, 2)
        v = self.v(hidden).view(batch, rows, self.shared, self.size).transpose(1, 2)
        q, k = q * cos + rotated(q) * sin, k * cos + rotated(k) * sin
        keys, values = torch.cat([keys, k], dim=2), torch.cat([values, v], dim=2)
        repeats = self.heads // self.shared
        every = keys.repeat_interleave(repeats, dim=1) if repeats > 1 else keys
        all_values = values.repeat_interleave(repeats, dim=1) if repeats > 1 else values
        mixed = F.scaled_dot_product_attention(q, every, all_values)
        x = x + self.o(mixed.transpose(1, 2).reshape(batch, rows, width))
        return x + self.mlp(self.norm2(x)), keys, values


class NormedHead(nn.Module):
    """The last norm of a language model, its vocabulary, and the next word."""

    def __init__(self, width: int, words: int) -> None:
        super().__init__()
        self.norm = RMSNorm(width)
        self.words = nn.Linear(width, words, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.words(self.norm(x[:, -1]))
        return logits, logits.argmax(-1)


@family("llm", "layers of language models: RMS norm, rotary positions, a cache, SwiGLU; and their heads")
def llm(draw: Draw) -> Drawn:
    size = draw.pick(8, 16, 32, 64)
    heads, width = _heads(draw, size)
    hidden = draw.width(width, 3 * width)
    rows = 1 if draw.chance(0.7) else draw.within(2.0 * width**2 + 3 * width * hidden, 2, 64)
    kind = draw.pick("layer", "layer", "layer", "mlp", "head")
    if kind == "mlp":
        module = nn.Sequential(RMSNorm(width), SwiGLU(width, hidden)) if draw.chance(0.5) else SwiGLU(width, hidden)
        return module, (torch.randn(1, rows, width),)
    if kind == "head":
        return NormedHead(width, draw.log(50, 4000)), (torch.randn(1, rows, width),)
    shared = draw.divisor(heads, heads, heads, 1, 2)
    past = draw.log(1, 512)
    angles = (torch.randn(rows, size), torch.randn(rows, size))
    cache = (torch.randn(1, shared, past, size), torch.randn(1, shared, past, size))
    return DecoderLayer(width, heads, shared, hidden), (torch.randn(1, rows, width), *angles, *cache)
