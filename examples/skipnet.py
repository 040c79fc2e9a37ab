"""SkipNet (Wang et al., 2018) in the CIFAR ResNet layout, with random weights: for compile-time benchmarks.

The paper's networks have 18 gates (ResNet-38), 36 (ResNet-74) and 54 (ResNet-110):

    adaptc compile examples/skipnet.py --name skipnet_54
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions; where the shape changes, the shortcut pads channels and skips pixels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.stride = 1 if inputs == outputs else 2
        self.added = outputs - inputs
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=self.stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def shortcut(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            return x
        return nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class Gate(nn.Module):
    """A value in 0..1 from the average over the image."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(channels, 10)
        self.linear2 = nn.Linear(10, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)
        return torch.sigmoid(self.linear2(torch.relu(self.linear1(pooled))))


class SkipNet(nn.Module):
    """`n_gates` gated blocks in three equal stages of 16, 32, 64 channels; blocks that widen always run."""

    def __init__(self, n_gates: int, classes: int = 10) -> None:
        super().__init__()
        if n_gates % 3:
            raise ValueError(f"n_gates must be a multiple of 3, got {n_gates}")
        widths = (16, 32, 64)
        self.conv1 = nn.Conv2d(3, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.widen = nn.ModuleList(BasicBlock(a, b) for a, b in pairwise(widths))
        self.blocks = nn.ModuleList(BasicBlock(c, c) for c in widths for _ in range(n_gates // 3))
        self.gates = nn.ModuleList(Gate(c) for c in widths for _ in range(n_gates // 3))
        self.fc = nn.Linear(widths[-1], classes)
        self.thresholds = [0.5] * n_gates

    def forward(self, x: Tensor) -> Tensor:
        """Logits [1, classes] for one image [1, 3, 32, 32]."""
        per_stage = len(self.blocks) // 3
        x = torch.relu(self.bn1(self.conv1(x)))
        for index, (gate, block) in enumerate(zip(self.gates, self.blocks)):
            if index > 0 and index % per_stage == 0:
                x = self.widen[index // per_stage - 1](x)
            if gate(x).item() > self.thresholds[index]:
                x = block(x)
        return self.fc(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))


@torch.no_grad()
def calibrate(network: SkipNet, images: Tensor) -> None:
    """Give BatchNorm the statistics of `images` and each gate the median over them, so that gates vary."""
    per_stage = len(network.blocks) // 3
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    network.train()
    x = torch.relu(network.bn1(network.conv1(images)))
    for index, (gate, block) in enumerate(zip(network.gates, network.blocks)):
        if index > 0 and index % per_stage == 0:
            x = network.widen[index // per_stage - 1](x)
        value = gate(x)
        network.thresholds[index] = value.median().item()
        x = torch.where((value > network.thresholds[index])[:, :, None, None], block(x), x)
    network.eval()


def skipnet(n_gates: int, seed: int = 0) -> SkipNet:
    """In eval mode with random weights, calibrated on 16 random images so that about half the gates open."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SkipNet(n_gates)
        calibrate(network, torch.randn(16, 3, 32, 32))
    return network


def model() -> SkipNet:
    return skipnet(18)


def skipnet_36() -> SkipNet:
    return skipnet(36)


def skipnet_54() -> SkipNet:
    return skipnet(54)


example_inputs = (torch.linspace(-2, 2, 3 * 32 * 32).reshape(1, 3, 32, 32),)
