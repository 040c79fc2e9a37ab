"""An early-exit CNN: after every stage but the last, a confident enough classifier ends the forward pass."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Stage(nn.Module):
    """Two convolutions with a shortcut; all stages but the first halve the resolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class Exit(nn.Module):
    """A classifier on the average over the image."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.mean(dim=(2, 3)))


class EarlyExitCNN(nn.Module):
    def __init__(self, channels: tuple[int, ...] = (12, 24, 32, 48), classes: int = 10) -> None:
        super().__init__()
        widths = (1, *channels)
        self.stages = nn.ModuleList(
            Stage(widths[i], widths[i + 1], stride=1 if i == 0 else 2) for i in range(len(channels))
        )
        self.exits = nn.ModuleList(Exit(width, classes) for width in channels)
        self.register_buffer("thresholds", torch.full((len(channels) - 1,), 0.9))

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        """Logits [1, classes] for one image [1, 1, 8, 8], and which exit gave them."""
        last = len(self.stages) - 1
        for index, (stage, classifier) in enumerate(zip(self.stages, self.exits)):
            x = stage(x)
            logits = classifier(x)
            if index == last:
                break
            confidence = logits.softmax(dim=-1).max()
            if confidence > self.thresholds[index]:
                return logits, index
        return logits, last

    def every_exit(self, x: Tensor) -> list[Tensor]:
        """The logits of every exit, for training and calibration."""
        outputs = []
        for stage, classifier in zip(self.stages, self.exits):
            x = stage(x)
            outputs.append(classifier(x))
        return outputs
