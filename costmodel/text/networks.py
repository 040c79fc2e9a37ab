"""The paper's network, a convolution over the tokens, and a small transformer."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from adaptc.costmodel.text.tokens import PADDING


class ConvolutionOverTokens(nn.Module):
    """Embedded tokens [batch, length] through stacked 1-d convolutions, pooled over the text, to one number each.

    As in the paper: embedding, Conv1D layers, max pooling, fully connected layers. A sum over the
    text stands beside the maximum, as costs add up.
    """

    def __init__(
        self, vocabulary: int, width: int = 64, channels: int = 128, filters: int = 5, layers: int = 3
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=PADDING)
        sizes = [width, *[channels] * layers]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, filters, padding=filters // 2) for before, after in pairwise(sizes)
        )
        self.head = nn.Sequential(nn.Linear(2 * channels, channels), nn.ReLU(), nn.Linear(channels, 1))

    def forward(self, tokens: Tensor) -> Tensor:
        """The prediction [batch] for tokens [batch, length]."""
        there = (tokens != PADDING).unsqueeze(1)
        hidden = self.embedding(tokens).transpose(1, 2)
        for convolution in self.convolutions:
            hidden = torch.relu(convolution(hidden)) * there
        pooled = torch.cat([hidden.amax(2), torch.log1p(hidden.sum(2))], 1)
        result: Tensor = self.head(pooled).squeeze(1)
        return result


class TransformerOverTokens(nn.Module):
    """Embedded tokens [batch, length] through transformer layers, averaged and summed, to one number each."""

    def __init__(self, vocabulary: int, width: int = 64, heads: int = 4, layers: int = 2, most: int = 512) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=PADDING)
        self.places = nn.Parameter(torch.randn(most, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, tokens: Tensor) -> Tensor:
        """The prediction [batch] for tokens [batch, length]."""
        missing = tokens == PADDING
        hidden = self.embedding(tokens) + self.places[: tokens.shape[1]]
        hidden = self.layers(hidden, src_key_padding_mask=missing).masked_fill(missing.unsqueeze(2), 0.0)
        count = (~missing).sum(1, keepdim=True).clamp(min=1)
        pooled = torch.cat([hidden.sum(1) / count, torch.relu(hidden).sum(1).log1p()], 1)
        result: Tensor = self.head(pooled).squeeze(1)
        return result
