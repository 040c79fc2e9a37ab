"""A residual CNN with a learned gate before every block (SkipNet, Wang et al., 2018)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """A residual block at constant width and resolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(x + self.norm2(self.conv2(y)))


class Gate(nn.Module):
    """The probability, from the average over the image, that the next block is worth running."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(channels, 8)
        self.linear2 = nn.Linear(8, 1)

    def logit(self, x: Tensor) -> Tensor:
        return self.linear2(torch.relu(self.linear1(x.mean(dim=(2, 3)))))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.logit(x))


class SkipGateCNN(nn.Module):
    def __init__(
        self,
        channels: tuple[int, ...] = (8, 16, 32),
        blocks: int = 3,
        classes: int = 10,
        threshold: float = 0.5,
    ) -> None:
        super().__init__()
        self.threshold = threshold
        self.stem = nn.Conv2d(1, channels[0], 3, padding=1)
        self.widen = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(channels))
        self.stages = nn.ModuleList(nn.ModuleList(Block(c) for _ in range(blocks)) for c in channels)
        self.gates = nn.ModuleList(nn.ModuleList(Gate(c) for _ in range(blocks)) for c in channels)
        self.classifier = nn.Linear(channels[-1], classes)

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        """Logits [1, classes] for one image [1, 1, 8, 8], and how many blocks ran."""
        executed = 0
        x = torch.relu(self.stem(x))
        for number, (blocks, gates) in enumerate(zip(self.stages, self.gates)):
            if number > 0:
                x = torch.relu(self.widen[number - 1](x))
            for block, gate in zip(blocks, gates):
                if gate(x).item() > self.threshold:
                    x = block(x)
                    executed += 1
        return self.classifier(x.mean(dim=(2, 3))), executed

    def soft(self, x: Tensor, noise: float) -> tuple[Tensor, Tensor]:
        """For training on a batch: hard gates with the gradient of soft ones, and the gates [N, blocks]."""
        decisions = []
        x = torch.relu(self.stem(x))
        for number, (blocks, gates) in enumerate(zip(self.stages, self.gates)):
            if number > 0:
                x = torch.relu(self.widen[number - 1](x))
            for block, gate in zip(blocks, gates):
                logit = gate.logit(x)
                p = torch.sigmoid(logit + noise * torch.randn_like(logit))
                hard = (p > self.threshold).float()
                decision = hard + p - p.detach()
                decisions.append(decision)
                weight = decision[:, :, None, None]
                x = weight * block(x) + (1 - weight) * x
        return self.classifier(x.mean(dim=(2, 3))), torch.cat(decisions, dim=1)
