"""Self-speculative decoding (LayerSkip, Elhoushi et al., ACL 2024): the first layers draft, all layers check them.

The first `exit_layer` layers of a language model write up to `drafts` tokens, fewer where they are unsure. One run of
all layers over these gives the tokens that the whole model writes: those drafts that agree are kept, and one more
token is won in any case. So the text is the one that the whole model alone would write. Random weights; the prompt is
int64 [1, length], of any length.
"""

from __future__ import annotations

import torch
from calibration import seeded
from torch import Tensor, nn

WORDS, WIDTH, HEADS, LAYERS = 200, 64, 4, 6
END = 0


class Layer(nn.Module):
    """Causal self-attention and a feed-forward network, each with a shortcut and a norm before it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        heads = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.norm2(x))


class LanguageModel(nn.Module):
    """One head serves every layer, as LayerSkip trains it."""

    def __init__(self, words: int = WORDS, width: int = WIDTH, layers: int = LAYERS, longest: int = 256) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(words, width), nn.Embedding(longest, width)
        self.layers = nn.ModuleList(Layer(width, HEADS) for _ in range(layers))
        self.norm = nn.RMSNorm(width)
        self.head = nn.Linear(width, words, bias=False)

    def forward(self, tokens: Tensor, layers: int) -> Tensor:
        """Logits [1, length, words] after the first `layers` layers."""
        x = self.embedding(tokens) + self.position(torch.arange(tokens.size(1)))
        for layer in self.layers[:layers]:
            x = layer(x)
        return self.head(self.norm(x))


class SelfSpeculative(nn.Module):
    def __init__(self, exit_layer: int = 2, drafts: int = 4, sure: float = 0.3) -> None:
        super().__init__()
        self.model = LanguageModel()
        self.exit_layer, self.drafts, self.sure = exit_layer, drafts, sure

    def forward(self, prompt: Tensor, most: Tensor) -> tuple[Tensor, int, int]:
        """The prompt and at least `most` tokens behind it unless one is the end, the rounds, the drafts accepted."""
        tokens = prompt
        limit = prompt.size(1) + int(most)
        rounds = accepted = 0
        while tokens.size(1) < limit:
            draft = self.draft(tokens)
            checked = self.model(draft, LAYERS)[:, tokens.size(1) - 1 :].argmax(dim=-1)
            agree = 0
            for guess, right in zip(draft[0, tokens.size(1) :], checked[0]):
                if guess != right:
                    break
                agree += 1
            tokens = torch.cat([tokens, checked[:, : agree + 1]], dim=1)
            rounds += 1
            accepted += agree
            if (checked[:, : agree + 1] == END).any():
                break
        return tokens, rounds, accepted

    def draft(self, tokens: Tensor) -> Tensor:
        """`tokens` and up to `drafts` more, by the first layers."""
        for _ in range(self.drafts):
            confidence, word = self.model(tokens, self.exit_layer)[:, -1].softmax(dim=-1).max(dim=-1)
            tokens = torch.cat([tokens, word[:, None]], dim=1)
            if confidence < self.sure:
                break
        return tokens


def self_speculative(seed: int = 0) -> SelfSpeculative:
    """In eval mode with random weights; later layers change little, so that some drafts agree and some do not."""
    with seeded(seed):
        network = SelfSpeculative().eval()
        network.model.head.weight *= 6
        network.model.head.weight[END] *= 2.5
        for layer in network.model.layers[network.exit_layer :]:
            layer.out.weight *= 0.5
            layer.mlp[2].weight *= 0.5
    return network


def calls(count: int, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Prompts of different lengths, and numbers of tokens to write."""
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randint(1, WORDS, (1, 2 + index), generator=generator), torch.tensor(2 + 3 * index))
        for index in range(count)
    ]


model = self_speculative
example_inputs = calls(5)[4]
dynamic = {"prompt": {1: "length"}}
