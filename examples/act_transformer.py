"""A Universal Transformer (Dehghani et al., ICLR 2019) with adaptive computation time (Graves, 2016); random weights.

One layer is applied again and again. Each position accumulates a probability of halting, and stops to change once it
is above `1 - EPSILON`; the last step of a position counts with what remains of its probability. The network ends when
every position has halted, and after `most` steps at the latest. Inputs are token ids, int64 [batch, length].
"""

from __future__ import annotations

import torch
from calibration import seeded
from torch import Tensor, nn

WORDS, WIDTH, HEADS, MOST = 500, 64, 4, 12
EPSILON = 0.01


def signal(length: int, width: int) -> Tensor:
    """Sines and cosines [length, width] that tell positions, or steps, apart."""
    rates = torch.exp(torch.arange(0, width, 2) * (-9.2 / width))
    angles = torch.arange(length)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class Layer(nn.Module):
    """Self-attention and a transition, each with a shortcut and a norm before it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.transition = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.transition(self.norm2(x))


class AdaptiveTransformer(nn.Module):
    def __init__(self, words: int = WORDS, width: int = WIDTH, heads: int = HEADS, most: int = MOST) -> None:
        super().__init__()
        self.embedding, self.layer = nn.Embedding(words, width), Layer(width, heads)
        self.halt = nn.Linear(width, 1)
        self.head = nn.Linear(width, words)
        self.most = most
        self.register_buffer("positions", signal(256, width))
        self.register_buffer("times", signal(most, width))

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor, int]:
        """Logits [batch, length, words], the steps that each position took, float32 [batch, length], and the most."""
        state = self.embedding(ids)
        halting = torch.zeros(ids.shape)
        remainders = torch.zeros(ids.shape)
        updates = torch.zeros(ids.shape)
        result = torch.zeros_like(state)
        step = 0
        while ((halting < 1.0 - EPSILON) & (updates < self.most)).any():
            state = state + self.positions[: ids.size(1)] + self.times[step]
            probability = torch.sigmoid(self.halt(state)).squeeze(-1)
            running = (halting < 1.0).float()
            halts = (halting + probability * running > 1.0 - EPSILON).float() * running
            goes_on = (halting + probability * running <= 1.0 - EPSILON).float() * running
            halting = halting + probability * goes_on
            remainders = remainders + halts * (1 - halting)
            halting = halting + halts * remainders
            updates = updates + goes_on + halts
            weight = (probability * goes_on + halts * remainders).unsqueeze(-1)
            state = self.layer(state)
            result = state * weight + result * (1 - weight)
            step += 1
        return self.head(result), updates, step


def act_transformer(seed: int = 0) -> AdaptiveTransformer:
    """In eval mode with random weights; positions halt after 2 to 5 steps."""
    with seeded(seed):
        network = AdaptiveTransformer().eval()
        network.halt.bias.fill_(-0.5)
    return network


def prompts(count: int, seed: int = 0) -> list[Tensor]:
    """Random token ids [1 or 2, length], of different lengths."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, WORDS, (1 + index % 2, 3 + 5 * index), generator=generator) for index in range(count)]


model = act_transformer
example_inputs = (prompts(3)[2],)
dynamic = {"ids": {0: "batch", 1: "length"}}
