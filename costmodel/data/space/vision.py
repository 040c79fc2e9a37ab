"""Blocks of convolutional networks: VGG, ResNet, MobileNet, DenseNet, Inception."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adaptc.costmodel.data.space.convolutions import conv_norm
from adaptc.costmodel.data.space.drawing import Draw, images
from adaptc.costmodel.data.space.registry import Drawn, family


@family("vgg", "VGG stages: convolutions with batch norm and ReLU, then a pool")
def vgg(draw: Draw) -> Drawn:
    given = channels = draw.pick(1, 3, draw.width(8, 256), draw.width(8, 256), draw.width(8, 256))
    layers: list[nn.Module] = []
    cost = 0.0
    shrunk = 1
    for _ in range(draw.pick(1, 2, 2, 3, 4)):
        outputs = draw.width(8, 256)
        layers += [*conv_norm(draw, channels, outputs, 3), nn.ReLU(inplace=draw.chance(0.5))]
        cost += 9.0 * channels * outputs / shrunk**2
        channels = outputs
        if draw.chance(0.5):
            layers.append(draw.pick(nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2)))
            shrunk *= 2
    return nn.Sequential(*layers), (images(draw.batch(), given, draw.side(cost, 16, 112)),)


class BasicBlock(nn.Module):
    """A block of ResNet-18."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + identity)


class Bottleneck(nn.Module):
    """A block of ResNet-50, or of ResNeXt with `groups`."""

    def __init__(self, inputs: int, middle: int, outputs: int, stride: int, groups: int) -> None:
        super().__init__()
        self.reduce = nn.Sequential(nn.Conv2d(inputs, middle, 1, bias=False), nn.BatchNorm2d(middle), nn.ReLU())
        self.conv = nn.Sequential(
            nn.Conv2d(middle, middle, 3, stride, 1, groups=groups, bias=False), nn.BatchNorm2d(middle), nn.ReLU()
        )
        self.expand = nn.Sequential(nn.Conv2d(middle, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        return F.relu(self.expand(self.conv(self.reduce(x))) + identity)


@family("residual", "ResNet and ResNeXt blocks, with and without a downsample")
def residual(draw: Draw) -> Drawn:
    inputs = draw.width(8, 512)
    stride = draw.pick(1, 1, 2)
    outputs = inputs if draw.chance(0.6) and stride == 1 else draw.width(8, 512)
    depth = draw.pick(1, 1, 2, 3)
    if draw.chance(0.55):
        blocks: list[nn.Module] = [BasicBlock(inputs, outputs, stride)]
        blocks += [BasicBlock(outputs, outputs, 1) for _ in range(depth - 1)]
        cost = 9.0 * (inputs * outputs + (2 * depth - 1) * outputs**2) / stride**2
    else:
        middle = max(outputs // draw.pick(2, 4), 4)
        groups = draw.divisor(middle, 1, 1, 1, 4, 8, 32)
        blocks = [Bottleneck(inputs, middle, outputs, stride, groups)]
        blocks += [Bottleneck(outputs, middle, outputs, 1, groups) for _ in range(depth - 1)]
        cost = float(depth) * (inputs * middle + 9 * middle**2 / groups + middle * outputs)
    return nn.Sequential(*blocks), (images(draw.batch(), inputs, draw.side(cost, 4, 64)),)


class SqueezeExcite(nn.Module):
    """Scales channels by a gate over their means."""

    def __init__(self, channels: int, squeezed: int, hard: bool) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.hard = hard

    def forward(self, x: Tensor) -> Tensor:
        scale = F.adaptive_avg_pool2d(x, 1) if self.hard else x.mean((2, 3), keepdim=True)
        scale = self.fc2(F.relu(self.fc1(scale)) if self.hard else F.silu(self.fc1(scale)))
        return x * (F.hardsigmoid(scale) if self.hard else torch.sigmoid(scale))


class MBConv(nn.Module):
    """Expand, depthwise, squeeze-and-excite, project."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        expand: int,
        kernel: int,
        stride: int,
        squeeze: bool,
        activation: type[nn.Module],
    ) -> None:
        super().__init__()
        hidden = inputs * expand
        layers: list[nn.Module] = []
        if expand != 1:
            layers += [nn.Conv2d(inputs, hidden, 1, bias=False), nn.BatchNorm2d(hidden), activation()]
        layers += [
            nn.Conv2d(hidden, hidden, kernel, stride, kernel // 2, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            activation(),
        ]
        if squeeze:
            layers.append(SqueezeExcite(hidden, max(inputs // 4, 4), activation is nn.Hardswish))
        layers += [nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        out = self.layers(x)
        return x + out if self.residual else out


@family("mobile", "MBConv blocks: expand, depthwise, squeeze-and-excite, project")
def mobile(draw: Draw) -> Drawn:
    inputs = draw.width(8, 192)
    stride = draw.pick(1, 1, 2)
    outputs = inputs if stride == 1 and draw.chance(0.6) else draw.width(8, 192)
    expand, kernel = draw.pick(1, 3, 4, 6), draw.pick(3, 3, 5)
    activation = draw.pick(nn.SiLU, nn.Hardswish, nn.ReLU6, nn.ReLU)
    squeeze = draw.chance(0.5)
    blocks = [MBConv(inputs, outputs, expand, kernel, stride, squeeze, activation)]
    if draw.chance(0.3):
        blocks.append(MBConv(outputs, outputs, expand, kernel, 1, squeeze, activation))
    cost = float(len(blocks) * inputs * expand * (inputs + 8 * kernel**2 + outputs))
    return nn.Sequential(*blocks), (images(draw.batch(), inputs, draw.side(cost, 4, 80)),)


class DenseLayer(nn.Module):
    """Batch norm, ReLU and convolution; its result joins its input."""

    def __init__(self, inputs: int, growth: int, bottleneck: bool) -> None:
        super().__init__()
        middle = 4 * growth if bottleneck else inputs
        self.bottleneck = (
            nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, middle, 1, bias=False))
            if bottleneck
            else nn.Identity()
        )
        self.norm = nn.BatchNorm2d(middle)
        self.conv = nn.Conv2d(middle, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        new = self.conv(F.relu(self.norm(self.bottleneck(x))))
        return torch.cat([x, new], 1)


@family("densenet", "DenseNet layers and transitions, and CSP splits")
def densenet(draw: Draw) -> Drawn:
    given = channels = draw.width(8, 256)
    growth, bottleneck = draw.pick(8, 12, 16, 24, 32, 48), draw.chance(0.5)
    layers: list[nn.Module] = []
    cost = 0.0
    for _ in range(draw.pick(1, 2, 3, 4)):
        layers.append(DenseLayer(channels, growth, bottleneck))
        cost += (4 * channels + 36 * growth if bottleneck else 9 * channels) * growth
        channels += growth
    if draw.chance(0.35):
        half = channels // 2
        layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, half, 1, bias=False), nn.AvgPool2d(2)]
        cost += channels * half
    return nn.Sequential(*layers), (images(draw.batch(), given, draw.side(cost, 4, 64)),)


class Branches(nn.Module):
    """Branches over one input whose results are joined by channel, or added where `added`."""

    def __init__(self, branches: list[nn.Module], added: bool) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.added = added

    def forward(self, x: Tensor) -> Tensor:
        results = [branch(x) for branch in self.branches]
        if not self.added:
            return torch.cat(results, dim=1)
        total = results[0]
        for result in results[1:]:
            total = total + result
        return total


@family("inception", "branches of different convolutions and pools, joined or added")
def inception(draw: Draw) -> Drawn:
    channels, outputs = draw.width(8, 384), draw.width(8, 192)
    added = draw.chance(0.3)
    branches: list[nn.Module] = []
    cost = 0.0
    for _ in range(draw.pick(2, 3, 4)):
        kernel = draw.pick(1, 3, 3, 5)
        width = outputs if added else draw.width(8, 192)
        middle = draw.width(8, 96)
        if kernel == 1 and draw.chance(0.5):
            pool = draw.pick(nn.MaxPool2d(3, 1, 1), nn.AvgPool2d(3, 1, 1))
            layers: list[nn.Module] = [pool, nn.Conv2d(channels, width, 1), nn.ReLU()]
            cost += channels * width
        elif draw.chance(0.5):
            layers = [
                *conv_norm(draw, channels, middle, 1),
                nn.ReLU(),
                *conv_norm(draw, middle, width, kernel),
                nn.ReLU(),
            ]
            cost += channels * middle + middle * width * kernel**2
        else:
            layers = [*conv_norm(draw, channels, width, kernel), nn.ReLU()]
            cost += channels * width * kernel**2
        branches.append(nn.Sequential(*layers))
    return Branches(branches, added), (images(draw.batch(), channels, draw.side(cost, 4, 56)),)
