"""RANet (Resolution Adaptive Networks, Yang et al., CVPR 2020) for CIFAR-10; random weights.

Four sub-networks look at the image one after another, the first at the lowest resolution; each has two exits, takes
the features of the one before along, and runs only where no exit was confident. Sizes are the defaults of the authors'
repository: 16 channels times 4-2-1-1, growth 6, blocks of 4 layers, scales 1-2-3-3; images float32 [1, 3, 32, 32].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from calibration import exit_thresholds, images, seeded, set_statistics
from torch import Tensor, nn

CHANNELS, GROWTH, LAYERS = 16, 6, 4
FACTORS = (4, 2, 1, 1)
"""How much wider and more bottlenecked a sub-network is than the last, lowest resolution first."""
SCALES = (1, 2, 3, 3)
"""The resolution of each sub-network: halved once for each step below the largest."""


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    layer = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
    return [layer, nn.BatchNorm2d(outputs), nn.ReLU()]


def bottleneck(inputs: int, outputs: int, factor: int, stride: int = 1) -> nn.Sequential:
    inner = min(inputs, factor * outputs)
    return nn.Sequential(*conv(inputs, inner, 1), *conv(inner, outputs, 3, stride))


def enlarge(x: Tensor, like: Tensor) -> Tensor:
    return nn.functional.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=True)


class DenseLayer(nn.Module):
    """Adds channels computed from its input, and a quarter of them from the lower resolution where there is one."""

    def __init__(self, inputs: int, lower: int, growth: int, factors: tuple[int, int], stride: int) -> None:
        super().__init__()
        from_lower = growth // 4 if lower else 0
        self.normal = bottleneck(inputs, growth - from_lower, factors[0], stride)
        self.up = bottleneck(lower, from_lower, factors[1]) if lower else None

    def forward(self, x: Tensor, lower: Tensor | None) -> Tensor:
        new = self.normal(x)
        if self.up is None or lower is None:
            return torch.cat([x, new], dim=1)
        return torch.cat([enlarge(x, new), enlarge(self.up(lower), new), new], dim=1)


class Block(nn.Module):
    """Dense layers, and at the end all of the lower resolution's features, compressed."""

    def __init__(
        self, inputs: int, lower: Sequence[int], growth: int, factors: tuple[int, int], halve: bool, shrink: bool
    ) -> None:
        super().__init__()
        self.widths = [inputs + index * growth for index in range(LAYERS + 1)]
        self.layers = nn.ModuleList(
            DenseLayer(width, lower[index] if lower else 0, growth, factors, 2 if halve and index == LAYERS - 1 else 1)
            for index, width in enumerate(self.widths[:-1])
        )
        outputs = self.widths[-1]
        self.fuse = nn.Sequential(*conv(lower[-1], outputs // 4, 1)) if lower else None
        outputs += outputs // 4 if lower else 0
        self.shrink = nn.Sequential(*conv(outputs, outputs // 2, 1)) if shrink else nn.Identity()
        self.outputs = outputs // 2 if shrink else outputs

    def forward(self, x: Tensor, lower: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """What the next block gets, and the features after each layer, for the next sub-network."""
        features = [x]
        for index, layer in enumerate(self.layers):
            x = layer(x, lower[index] if lower else None)
            features.append(x)
        if self.fuse is not None:
            x = torch.cat([x, enlarge(self.fuse(lower[-1]), x)], dim=1)
        return self.shrink(x), features


class Classifier(nn.Sequential):
    def __init__(self, inputs: int, classes: int) -> None:
        features = [*conv(inputs, 128, 3, 2), *conv(128, 128, 3, 2)]
        super().__init__(*features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, classes))


class RANet(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.first, self.flows, self.classifiers = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        inputs, scale = 3, SCALES[-1]
        for factor, at in zip(reversed(FACTORS), reversed(SCALES)):
            self.first.append(nn.Sequential(*conv(inputs, CHANNELS * factor, 3, 1 if at == scale else 2)))
            inputs, scale = CHANNELS * factor, at
        below: list[list[int]] = []
        for index, factor in enumerate(FACTORS):
            count, width, flow = 2 * index + 2, CHANNELS * factor, nn.ModuleList()
            widths: list[list[int]] = []
            halved = [2 * (index - step) for step in range(SCALES[index] - 1)]
            shrunk = [(step + 1) * count // SCALES[index] for step in range(SCALES[index] - 1)]
            for at in range(1, count + 1):
                lower, factors = below[at - 1] if at <= len(below) else [], (factor, FACTORS[index - 1])
                block = Block(width, lower, GROWTH * factor, factors, at in halved and bool(lower), at in shrunk)
                flow.append(block)
                widths.append(block.widths)
                width = block.outputs
                if not lower:
                    self.classifiers.append(Classifier(width, classes))
            below = widths
            self.flows.append(flow)
        self.thresholds = [0.5] * (len(self.classifiers) - 1)

    def forward(self, image: Tensor) -> tuple[Tensor, int]:
        """Logits [1, classes] for one image [1, 3, 32, 32], and the exit that gave them."""
        logits, leave = image, 0
        for leave, logits in enumerate(self.exits(image)):
            if leave < len(self.thresholds) and logits.softmax(dim=-1).max() > self.thresholds[leave]:
                break
        return logits, leave

    def exits(self, x: Tensor) -> Iterator[Tensor]:
        """The logits of the exits, one after another, computed as they are asked for."""
        resolutions = []
        for layer in self.first:
            x = layer(x)
            resolutions.append(x)
        lower: list[list[Tensor]] = []
        classifiers = iter(self.classifiers)
        for x, flow in zip(reversed(resolutions), self.flows):
            features = []
            for index, block in enumerate(flow):
                x, seen = block(x, lower[index] if index < len(lower) else [])
                features.append(seen)
                if index >= len(lower):
                    yield next(classifiers)(x)
            lower = features


def ranet(seed: int = 0) -> RANet:
    """In eval mode with random weights; one of nine random images leaves at each exit, two at the last."""
    with seeded(seed):
        network = RANet().eval()
        examples = torch.cat(images(9, 32))
        set_statistics(network, lambda: list(network.exits(examples)))
        confidences = [logits.softmax(dim=-1).amax(dim=-1).tolist() for logits in network.exits(examples)]
        network.thresholds = exit_thresholds(confidences[:-1])
    return network


model = ranet
example_inputs = (images(1, 32, seed=1)[0],)
