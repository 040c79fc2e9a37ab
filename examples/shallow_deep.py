"""Shallow-Deep networks (Kaya et al., ICML 2019): CNNs with internal classifiers; random weights.

An image leaves at the first classifier that is confident enough; where none is, the most confident of all answers.
The four networks have the layers and classifiers of the authors' repository, and the image size, class count and
MobileNet width with which DyCL (Chen et al., ISSTA 2023) compiled them: float32 [1, 3, 256, 256], 1000 classes.

    adaptc compile examples/shallow_deep.py --name vgg16

`width` divides the channels and `size` is the side of the images, for quick experiments.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from calibration import exit_thresholds, images, seeded, set_statistics
from torch import Tensor, nn


def conv_norm(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution that keeps the size up to its stride, and BatchNorm."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


class Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut; `before` has the norms in front of them, as wide ResNets do."""

    def __init__(self, inputs: int, outputs: int, stride: int, before: bool) -> None:
        super().__init__()
        if before:
            first = [nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 3, padding=1), nn.Dropout(0.3)]
            second = [nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, stride=stride, padding=1)]
        else:
            first, second = conv_norm(inputs, outputs, stride=stride), [nn.ReLU(), *conv_norm(outputs, outputs)]
        self.layers = nn.Sequential(*first, *second)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(*conv_norm(inputs, outputs, kernel=1, stride=stride))
        self.activation = nn.Identity() if before else nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.layers(x) + self.shortcut(x))


class InternalClassifier(nn.Module):
    """Max and average pooling to 4x4, mixed by a learned weight, and a linear layer."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.rand(1))
        self.max_pool, self.avg_pool = nn.AdaptiveMaxPool2d(4), nn.AdaptiveAvgPool2d(4)
        self.linear = nn.Linear(channels * 16, classes)

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.alpha * self.max_pool(x) + (1 - self.alpha) * self.avg_pool(x)
        return self.linear(mixed.flatten(1))


class Layer(nn.Module):
    """A part of the CNN, and its internal classifier or none."""

    def __init__(self, body: nn.Module, classifier: nn.Module | None) -> None:
        super().__init__()
        self.body, self.classifier = body, classifier

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        x = self.body(x)
        return x, self.classifier(x) if self.classifier is not None else None


class ShallowDeep(nn.Module):
    def __init__(self, first: nn.Module, layers: Iterable[Layer], last: nn.Module) -> None:
        super().__init__()
        self.first, self.layers, self.last = first, nn.ModuleList(layers), last
        self.thresholds = [0.9] * sum(layer.classifier is not None for layer in self.layers)

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        """Logits [1, classes] for one image [1, 3, size, size], and which classifier gave them."""
        outputs: list[Tensor] = []
        confidences: list[Tensor] = []
        x = self.first(x)
        for layer in self.layers:
            x, output = layer(x)
            if output is None:
                continue
            confidence = output.softmax(dim=-1).max()
            if confidence > self.thresholds[len(outputs)]:
                return output, len(outputs)
            outputs.append(output)
            confidences.append(confidence)
        output = self.last(x)
        outputs.append(output)
        confidences.append(output.softmax(dim=-1).max())
        best = int(torch.stack(confidences).argmax())
        return outputs[best], best


def assemble(
    first: nn.Module, bodies: list[nn.Module], widths: list[int], exits: str, last: nn.Module, size: int, classes: int
) -> ShallowDeep:
    """The network in eval mode with an internal classifier after each body that has a 1 in `exits`; calibrated."""
    classifiers = [InternalClassifier(width, classes) if mark == "1" else None for width, mark in zip(widths, exits)]
    network = ShallowDeep(first, [Layer(body, part) for body, part in zip(bodies, classifiers)], last).eval()
    examples = images(len(network.thresholds) + 2, size)
    set_statistics(network, lambda: confidences(network, torch.cat(examples)))
    network.thresholds = exit_thresholds([row.tolist() for row in confidences(network, torch.cat(examples))])
    return network


def confidences(network: ShallowDeep, x: Tensor) -> list[Tensor]:
    """The confidence [N] of every internal classifier in N images; runs the whole network."""
    rows = []
    x = network.first(x)
    for layer in network.layers:
        x, output = layer(x)
        if output is not None:
            rows.append(output.softmax(dim=-1).amax(dim=-1))
    network.last(x)
    return rows


def mobilenet(size: int = 256, classes: int = 1000, width: int = 1, seed: int = 0) -> ShallowDeep:
    """13 depthwise-separable layers, 128 to 2048 channels wide, five internal classifiers."""
    with seeded(seed):
        widths = [channels // width for channels in (64, 128, 256, 256, 512, 512, *[1024] * 6, 2048, 2048)]
        strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
        bodies: list[nn.Module] = []
        for inputs, outputs, stride in zip(widths, widths[1:], strides):
            depthwise = conv_norm(inputs, inputs, stride=stride, groups=inputs)
            bodies.append(nn.Sequential(*depthwise, nn.ReLU(), *conv_norm(inputs, outputs, kernel=1), nn.ReLU()))
        first = nn.Sequential(*conv_norm(3, widths[0]), nn.ReLU())
        last = nn.Sequential(nn.AvgPool2d(size // 16), nn.Flatten(), nn.Linear(widths[-1], classes))
        return assemble(first, bodies, widths[1:], "0010101010010", last, size, classes)


def vgg16(size: int = 256, classes: int = 1000, width: int = 1, seed: int = 0) -> ShallowDeep:
    """13 convolutions and three linear layers, six internal classifiers."""
    with seeded(seed):
        convs = [channels // width for channels in (64, 64, 128, 128, *[256] * 3, *[512] * 6)]
        bodies: list[nn.Module] = []
        for inputs, outputs, pool in zip([3, *convs], convs, (1, 2, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2)):
            pools = [nn.MaxPool2d(2)] if pool == 2 else []
            bodies.append(nn.Sequential(*conv_norm(inputs, outputs), nn.ReLU(), *pools))
        flat, hidden = convs[-1] * (size // 32) ** 2, (2048 // width, 1024 // width)
        bodies.append(nn.Sequential(nn.Flatten(), nn.Linear(flat, hidden[0]), nn.ReLU(), nn.Dropout(0.5)))
        last = nn.Sequential(nn.Linear(*hidden), nn.Dropout(0.5), nn.Linear(hidden[1], classes))
        return assemble(nn.Sequential(), bodies, [*convs, hidden[0]], "01010110110000", last, size, classes)


def resnet56(size: int = 256, classes: int = 1000, width: int = 1, seed: int = 0) -> ShallowDeep:
    """27 residual blocks, 16 to 64 channels wide, six internal classifiers."""
    with seeded(seed):
        widths = [channels // width for channels in (16, 32, 64) for _ in range(9)]
        last = [nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(widths[-1] * 16, classes)]
        return residual(widths, "000100010001000100010001000", last, False, size, classes)


def wide_resnet32(size: int = 256, classes: int = 1000, width: int = 1, seed: int = 0) -> ShallowDeep:
    """15 residual blocks, 64 to 256 channels wide, six internal classifiers."""
    with seeded(seed):
        widths = [channels // width for channels in (64, 128, 256) for _ in range(5)]
        pooled = [nn.BatchNorm2d(widths[-1]), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten()]
        last = [*pooled, nn.Linear(widths[-1] * 16, classes)]
        return residual(widths, "001010101010100", last, True, size, classes)


def residual(
    widths: list[int], exits: str, last: list[nn.Module], before: bool, size: int, classes: int
) -> ShallowDeep:
    """A ResNet of three equal stages; images larger than CIFAR's are halved by the first convolution."""
    first = conv_norm(3, 16, stride=1 if size == 32 else 2)
    per_stage = len(widths) // 3
    bodies: list[nn.Module] = []
    for index, (inputs, outputs) in enumerate(zip([16, *widths], widths)):
        stride = 2 if index > 0 and index % per_stage == 0 else 1
        bodies.append(Residual(inputs, outputs, stride, before))
    activation = [] if before else [nn.ReLU()]
    return assemble(nn.Sequential(*first, *activation), bodies, widths, exits, nn.Sequential(*last), size, classes)


model = mobilenet
example_inputs = (images(1, 256, seed=1)[0],)
