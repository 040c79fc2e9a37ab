"""A residual CNN whose policy network decides up front which blocks to drop (BlockDrop, Wu et al., 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """A residual block; with stride 2 it halves the resolution, and its shortcut widens."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.shortcut = nn.Identity() if stride == 1 else nn.Conv2d(inputs, outputs, 1, stride=stride)
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.shortcut(x) + self.residual(x))


class Policy(nn.Module):
    """A small CNN that gives, per image, each block's logit of being kept."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.linear = nn.Linear(16 * 2 * 2, blocks)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.features(x).flatten(1))


class BlockDrop(nn.Module):
    def __init__(self, channels: tuple[int, ...] = (8, 16, 32), per_stage: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, channels[0], 3, padding=1)
        self.blocks = nn.ModuleList()
        width = channels[0]
        for channel in channels:
            for _ in range(per_stage):
                self.blocks.append(Block(width, channel, stride=1 if width == channel else 2))
                width = channel
        self.classifier = nn.Linear(width, classes)
        self.policy = Policy(len(self.blocks))

    def droppable(self, index: int) -> bool:
        """Blocks that change the shape always run."""
        return isinstance(self.blocks[index].shortcut, nn.Identity)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [1, classes] for one image [1, 1, 8, 8], and the policy, bool [1, blocks]."""
        keep = torch.sigmoid(self.policy(x)) > 0.5
        x = torch.relu(self.stem(x))
        for index, block in enumerate(self.blocks):
            if not self.droppable(index) or keep[0, index]:
                x = block(x)
        return self.classifier(x.mean(dim=(2, 3))), keep

    def soft(self, x: Tensor, noise: float) -> tuple[Tensor, Tensor]:
        """For training on a batch: hard decisions with the gradient of soft ones, float [N, blocks]."""
        logits = self.policy(x)
        p = torch.sigmoid(logits + noise * torch.randn_like(logits))
        keep = (p > 0.5).float() + p - p.detach()
        x = torch.relu(self.stem(x))
        for index, block in enumerate(self.blocks):
            if self.droppable(index):
                weight = keep[:, index, None, None, None]
                x = weight * block(x) + (1 - weight) * x
            else:
                x = block(x)
        return self.classifier(x.mean(dim=(2, 3))), keep
