"""SkipNet-38 (Wang et al., ECCV 2018) for CIFAR-10 with the two gates of the paper; random weights.

A gate looks at the output of a block and decides whether the next block runs: 17 gates for 18 blocks. The recurrent
gates share an LSTM whose state goes along; the feed-forward gates are small CNNs (FFGate-I). Sizes are those of the
authors' repository, and of DyCL's SkipNets (Chen et al., ISSTA 2023): images float32 [1, 3, 32, 32], 16 to 64 channels.

    adaptc compile examples/skipnet_38.py --name feedforward_38
"""

from __future__ import annotations

import torch
from calibration import calibrate_gates, images, seeded, set_statistics
from torch import Tensor, nn


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions; where the shape changes, the shortcut is a 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(*conv3x3(inputs, outputs, stride), nn.ReLU(), *conv3x3(outputs, outputs))
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def shortcut(self, x: Tensor) -> Tensor:
        """What is left of the block where it is skipped."""
        return x if self.downsample is None else self.downsample(x)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.residual(x) + self.shortcut(x))


class FeedForwardGate(nn.Module):
    """FFGate-I: pooling, two convolutions, and the probability of running the next block, [N]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.MaxPool2d(2), *conv3x3(channels, channels), nn.ReLU(), *conv3x3(channels, channels, 2), nn.ReLU()
        )
        self.linear = nn.Conv2d(channels, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = nn.functional.adaptive_avg_pool2d(self.features(x), 1)
        return self.linear(pooled).flatten(1).softmax(dim=-1)[:, 1]


class FeedForwardGates(nn.Module):
    """A gate of its own after each block."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.gates = nn.ModuleList(FeedForwardGate(width) for width in channels)

    def reset(self) -> None:
        """Forget the last image; these gates remember nothing."""

    def forward(self, index: int, x: Tensor) -> Tensor:
        return self.gates[index](x)


class RecurrentGates(nn.Module):
    """One LSTM for all gates, fed with an embedding of each block's output; its state lives for one image."""

    def __init__(self, channels: list[int], width: int = 10) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Conv2d(count, width, 1) for count in channels)
        self.lstm = nn.LSTM(width, width)
        self.linear = nn.Linear(width, 1)
        self.state: tuple[Tensor, Tensor] | None = None

    def reset(self) -> None:
        self.state = None

    def forward(self, index: int, x: Tensor) -> Tensor:
        embedded = self.embeddings[index](nn.functional.adaptive_avg_pool2d(x, 1))
        output, self.state = self.lstm(embedded.view(1, x.size(0), -1), self.state)
        return torch.sigmoid(self.linear(output)).view(-1)


class SkipNet(nn.Module):
    """`per_stage` blocks in each of three stages of 16, 32, 64 channels; the first block always runs."""

    def __init__(self, gates: type[FeedForwardGates | RecurrentGates], per_stage: int = 6, classes: int = 10) -> None:
        super().__init__()
        widths = [width for width in (16, 32, 64) for _ in range(per_stage)]
        self.first = nn.Sequential(*conv3x3(3, 16), nn.ReLU())
        self.blocks = nn.ModuleList(
            BasicBlock(inputs, outputs, stride=1 if inputs == outputs else 2)
            for inputs, outputs in zip([16, *widths], widths)
        )
        self.gates = gates(widths[:-1])
        self.linear = nn.Linear(widths[-1], classes)
        self.thresholds = [0.5] * (len(widths) - 1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[bool]]:
        """Logits [1, classes] for one image [1, 3, 32, 32], and which of the gated blocks ran."""
        self.gates.reset()
        x = self.blocks[0](self.first(x))
        opened = []
        for index, block in enumerate(self.blocks[1:]):
            run = self.gates(index, x) > self.thresholds[index]
            if run:
                x = block(x)
            else:
                x = block.shortcut(x)
            opened.append(bool(run))
        return self.linear(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)), opened

    def every_block(self, x: Tensor) -> None:
        """Run all blocks and gates on a batch."""
        self.gates.reset()
        x = self.first(x)
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index < len(self.thresholds):
                self.gates(index, x)
        self.gates.reset()


def skipnet(gates: type[FeedForwardGates | RecurrentGates], per_stage: int = 6, seed: int = 0) -> SkipNet:
    """In eval mode with random weights, calibrated so that half of eight images open each gate."""
    with seeded(seed):
        network = SkipNet(gates, per_stage).eval()
        examples = images(8, 32)
        set_statistics(network, lambda: network.every_block(torch.cat(examples)))
        calibrate_gates(network, [network.gates] * len(network.thresholds), network.thresholds, examples)
    return network


def recurrent_38() -> SkipNet:
    return skipnet(RecurrentGates)


def feedforward_38() -> SkipNet:
    return skipnet(FeedForwardGates)


model = recurrent_38
example_inputs = (images(1, 32, seed=1)[0],)
