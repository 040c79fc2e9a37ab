"""A transformer that leaves its encoder by raising an exception (DeeBERT, Xin et al., ACL 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class HighwayException(Exception):
    """A highway was certain enough: carries its logits and the number of layers computed."""

    def __init__(self, logits: Tensor, exit_layer: int) -> None:
        super().__init__(f"certain after {exit_layer} layers")
        self.logits = logits
        self.exit_layer = exit_layer


def entropy(logits: Tensor) -> Tensor:
    """The entropy of softmax(logits) in nats, one per row, computed as in DeeBERT."""
    exponentials = torch.exp(logits)
    total = exponentials.sum(dim=1)
    return torch.log(total) - (logits * exponentials).sum(dim=1) / total


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        heads = self.project(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        return self.output(mixed.transpose(1, 2).reshape(batch, length, width))


class Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


class Highway(nn.Module):
    """A classifier on the first token; it raises when it is certain and exits are allowed."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(width, classes)

    def forward(self, hidden: Tensor, threshold: float | None, layer: int) -> Tensor:
        logits = self.classifier(hidden[:, 0])
        if threshold is not None and entropy(logits).item() < threshold:
            raise HighwayException(logits, layer)
        return logits


class Encoder(nn.Module):
    def __init__(self, width: int, heads: int, layers: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.highways = nn.ModuleList(Highway(width, classes) for _ in range(layers - 1))
        self.early_exit_entropy: list[float | None] = [None] * (layers - 1)

    def forward(self, hidden: Tensor) -> tuple[Tensor, list[Tensor]]:
        highway_logits = []
        for number, layer in enumerate(self.layers):
            hidden = layer(hidden)
            if number < len(self.highways):
                threshold = self.early_exit_entropy[number]
                highway_logits.append(self.highways[number](hidden, threshold, number + 1))
        return hidden, highway_logits


class ExceptionExitTransformer(nn.Module):
    """Reads a digit as 16 patches of 2x2 pixels behind a class token."""

    def __init__(self, width: int = 32, heads: int = 4, layers: int = 5, classes: int = 10) -> None:
        super().__init__()
        self.embed = nn.Conv2d(1, width, 2, stride=2)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(0.02 * torch.randn(17, width))
        self.encoder = Encoder(width, heads, layers, classes)
        self.norm = nn.LayerNorm(width)
        self.classifier = nn.Linear(width, classes)

    def forward(self, image: Tensor) -> dict[str, Tensor | int]:
        """The logits [1, classes] for one image [1, 1, 8, 8], and how many layers were computed."""
        patches = self.embed(image).flatten(2).transpose(1, 2)
        hidden = torch.cat([self.token.expand(len(patches), -1, -1), patches], dim=1) + self.position
        exit_layer = len(self.encoder.layers)
        try:
            hidden, _ = self.encoder(hidden)
            logits = self.classifier(self.norm(hidden[:, 0]))
        except HighwayException as exit:
            logits = exit.logits
            exit_layer = exit.exit_layer
        return {"logits": logits, "exit_layer": exit_layer}

    def every_exit(self, images: Tensor) -> list[Tensor]:
        """The logits of every exit, for training and calibration on a batch."""
        saved, self.encoder.early_exit_entropy = (
            self.encoder.early_exit_entropy,
            [None] * len(self.encoder.highways),
        )
        patches = self.embed(images).flatten(2).transpose(1, 2)
        hidden = torch.cat([self.token.expand(len(patches), -1, -1), patches], dim=1) + self.position
        hidden, highway_logits = self.encoder(hidden)
        self.encoder.early_exit_entropy = saved
        return [*highway_logits, self.classifier(self.norm(hidden[:, 0]))]
