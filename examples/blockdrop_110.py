"""BlockDrop (Wu et al., CVPR 2018) at its published size for CIFAR-10: ResNet-110 and a policy network; random weights.

The policy, a ResNet-8, looks at the image once and says which of the 54 blocks run. The sizes are those of the authors'
repository and of DyCL's BlockDrop (Chen et al., ISSTA 2023): images float32 [1, 3, 32, 32].
"""

from __future__ import annotations

import torch
from calibration import images, seeded, set_statistics, split
from torch import Tensor, nn


class BasicBlock(nn.Module):
    """The two convolutions of a residual block, without its shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))


class Downsample(nn.Module):
    """A shortcut without weights: pixels are averaged, and channels of zeros are added."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(2)
        self.copies = outputs // inputs

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(x)
        return torch.cat([x] + [x.mul(0)] * (self.copies - 1), dim=1)


class FlatResNet(nn.Module):
    """A CIFAR ResNet of three segments, whose blocks can be called one by one."""

    def __init__(self, per_segment: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.segments, self.shortcuts = nn.ModuleList(), nn.ModuleList()
        inputs = 16
        for width in (16, 32, 64):
            self.shortcuts.append(nn.Identity() if inputs == width else Downsample(inputs, width))
            blocks = [BasicBlock(inputs if index == 0 else width, width) for index in range(per_segment)]
            self.segments.append(nn.ModuleList(blocks))
            inputs = width
        self.linear = nn.Linear(inputs, outputs)

    def first(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn1(self.conv1(x)))

    def last(self, x: Tensor) -> Tensor:
        return self.linear(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for shortcut, blocks in zip(self.shortcuts, self.segments):
            for index, block in enumerate(blocks):
                x = torch.relu(block(x) + (shortcut(x) if index == 0 else x))
        return self.last(x)


class BlockDrop(nn.Module):
    def __init__(self, per_segment: int = 18, classes: int = 10) -> None:
        super().__init__()
        self.resnet = FlatResNet(per_segment, classes)
        self.policy = FlatResNet(1, 3 * per_segment)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [1, classes] for one image [1, 3, 32, 32], and the policy, bool [1, blocks]."""
        keep = torch.sigmoid(self.policy(x)) > 0.5
        x = self.resnet.first(x)
        action = 0
        for shortcut, blocks in zip(self.resnet.shortcuts, self.resnet.segments):
            for index, block in enumerate(blocks):
                residual = shortcut(x) if index == 0 else x
                if keep[0, action]:
                    x = torch.relu(residual + block(x))
                else:
                    x = residual
                action += 1
        return self.resnet.last(x), keep


def blockdrop(per_segment: int = 18, seed: int = 0) -> BlockDrop:
    """In eval mode with random weights, calibrated so that each block runs for half of eight images."""
    with seeded(seed):
        network = BlockDrop(per_segment).eval()
        examples = torch.cat(images(8, 32))
        set_statistics(network, lambda: (network.resnet(examples), network.policy(examples)))
        logits = network.policy(examples)
        network.policy.linear.bias -= torch.tensor([split(row.tolist(), above=4) for row in logits.T])
    return network


model = blockdrop
example_inputs = (images(1, 32, seed=1)[0],)
