"""Convolutions alone: plain, depthwise, over time, and of decoders."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adaptc.costmodel.data.space.drawing import Draw, images
from adaptc.costmodel.data.space.registry import Drawn, family


def conv_norm(
    draw: Draw, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, dilation: int = 1
) -> list[nn.Module]:
    """A convolution that keeps the size but for its stride, half the time with batch norm."""
    padding = dilation * (kernel // 2)
    norm = draw.chance(0.5)
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=not norm)
    return [conv, nn.BatchNorm2d(outputs)] if norm else [conv]


@family("conv", "one to three convolutions, some with batch norm and an activation")
def conv(draw: Draw) -> Drawn:
    first = draw.chance(0.2)
    channels = draw.pick(1, 3, 3, 3, 4) if first else draw.width(4, 512)
    kernel = draw.pick(1, 1, 3, 3, 3, 5, 7)
    stride = draw.pick(1, 1, 1, 2)
    given = channels
    layers: list[nn.Module] = []
    cost = 0.0
    for _ in range(draw.pick(1, 1, 1, 2, 3)):
        outputs = draw.width(4, 512 if kernel < 5 else 128)
        groups = draw.divisor(channels, 1, 1, 1, 2, 4) if not layers else 1
        groups = groups if outputs % groups == 0 else 1
        layers += conv_norm(draw, channels, outputs, kernel, stride if not layers else 1, groups)
        if draw.chance(0.6):
            layers.append(draw.activation())
        cost += kernel * kernel * channels * outputs / groups / stride**2
        channels = outputs
    height = draw.side(cost, 1 if kernel == 1 else kernel, 224 if first else 112)
    width = height if draw.chance(0.8) else draw.side(cost, kernel, 112)
    return nn.Sequential(*layers), (images(draw.batch(), given, height, width),)


@family("depthwise", "depthwise convolutions, half of them followed by a pointwise one")
def depthwise(draw: Draw) -> Drawn:
    channels = draw.width(8, 768)
    given = channels
    kernel = draw.pick(3, 3, 3, 5, 7)
    layers: list[nn.Module] = []
    cost = 0.0
    for _ in range(draw.pick(1, 1, 2, 3)):
        stride = draw.pick(1, 1, 2)
        layers += [*conv_norm(draw, channels, channels, kernel, stride, channels), draw.activation()]
        cost += 8 * kernel * kernel * channels
        if draw.chance(0.5):
            outputs = draw.width(8, 512)
            layers += [*conv_norm(draw, channels, outputs, 1), draw.activation()]
            cost += channels * outputs
            channels = outputs
    return nn.Sequential(*layers), (images(draw.batch(), given, draw.side(cost, 4, 112)),)


class CausalBlock(nn.Module):
    """A residual block of a temporal convolutional network: padded on the left alone."""

    def __init__(self, channels: int, kernel: int, dilation: int, gated: bool) -> None:
        super().__init__()
        self.padding = (kernel - 1) * dilation
        self.gated = gated
        self.conv = nn.Conv1d(channels, channels * (2 if gated else 1), kernel, dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv(F.pad(x, (self.padding, 0)))
        if self.gated:
            value, gate = hidden.chunk(2, dim=1)
            hidden = torch.tanh(value) * torch.sigmoid(gate)
        else:
            hidden = F.relu(hidden)
        return x + self.mix(hidden)


@family("conv1d", "convolutions over time: keyword spotting, TCN and WaveNet blocks")
def conv1d(draw: Draw) -> Drawn:
    channels = draw.width(8, 384)
    kernel = draw.pick(3, 3, 5, 7, 9)
    depth = draw.pick(1, 2, 3)
    if draw.chance(0.5):
        gated = draw.chance(0.5)
        blocks = [CausalBlock(channels, min(kernel, 5), 2**index, gated) for index in range(depth)]
        cost = depth * channels * channels * (min(kernel, 5) * (1 + gated) + 1)
        return nn.Sequential(*blocks), (torch.randn(draw.batch(), channels, draw.within(cost, 8, 4000)),)
    given = draw.pick(1, 13, 40, 64, channels)
    inputs, layers, cost = given, list[nn.Module](), 0
    for _ in range(depth):
        outputs = draw.width(8, 384)
        stride = draw.pick(1, 1, 2)
        layers.append(nn.Conv1d(inputs, outputs, kernel, stride, kernel // 2))
        if draw.chance(0.5):
            layers.append(nn.BatchNorm1d(outputs))
        layers.append(draw.activation())
        if draw.chance(0.3):
            layers.append(nn.MaxPool1d(2, ceil_mode=True))
        cost += inputs * outputs * kernel // stride
        inputs = outputs
    return nn.Sequential(*layers), (torch.randn(draw.batch(), given, draw.within(cost, 24, 8000)),)


class UpBlock(nn.Module):
    """A step of a decoder: enlarge, join what the encoder kept, convolve."""

    def __init__(self, inputs: int, skip: int, outputs: int, mode: str, activation: nn.Module) -> None:
        super().__init__()
        self.mode = mode
        self.up = nn.ConvTranspose2d(inputs, inputs, 2, stride=2) if mode == "transposed" else None
        self.conv = nn.Conv2d(inputs + skip, outputs, 3, padding=1)
        self.activation = activation

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        if self.up is not None:
            x = self.up(x)
        elif self.mode == "nearest":
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        else:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return self.activation(self.conv(torch.cat([x, skip], dim=1)))


class Pyramid(nn.Module):
    """Convolutions of several dilations side by side, added or joined."""

    def __init__(self, inputs: int, outputs: int, dilations: tuple[int, ...], joined: bool) -> None:
        super().__init__()
        self.joined = joined
        self.branches = nn.ModuleList(nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate) for rate in dilations)

    def forward(self, x: Tensor) -> Tensor:
        results = [F.relu(branch(x)) for branch in self.branches]
        if self.joined:
            return torch.cat(results, dim=1)
        total = results[0]
        for result in results[1:]:
            total = total + result
        return total


@family("decoder", "decoders: dilated, transposed and enlarging convolutions")
def decoder(draw: Draw) -> Drawn:
    kind = draw.pick("up", "up", "pyramid", "transposed", "shuffle")
    inputs, outputs = draw.width(4, 256), draw.width(4, 256)
    if kind == "up":
        skip = draw.width(4, 128)
        mode = draw.pick("transposed", "nearest", "bilinear")
        side = draw.side(36.0 * (inputs + skip) * outputs + 4 * inputs * inputs, 2, 56)
        module: nn.Module = UpBlock(inputs, skip, outputs, mode, draw.activation())
        return module, (images(1, inputs, side), images(1, skip, 2 * side))
    if kind == "pyramid":
        dilations = draw.pick((1, 2), (1, 2, 4), (2, 4), (1, 3, 6), (6, 12))
        module = Pyramid(inputs, outputs, dilations, draw.chance(0.5))
        return module, (images(draw.batch(), inputs, draw.side(9.0 * len(dilations) * inputs * outputs, 4)),)
    if kind == "transposed":
        kernel, stride, padding = draw.pick((2, 2, 0), (4, 2, 1), (3, 1, 1), (4, 4, 0), (3, 2, 1))
        transposed = nn.ConvTranspose2d(inputs, outputs, kernel, stride, padding, bias=draw.chance(0.5))
        module = nn.Sequential(transposed, draw.activation())
        return module, (images(draw.batch(), inputs, draw.side(float(kernel**2 * inputs * outputs), 3, 64)),)
    factor = draw.pick(2, 2, 3)
    module = nn.Sequential(nn.Conv2d(inputs, outputs * factor**2, 3, padding=1), nn.PixelShuffle(factor))
    return module, (images(draw.batch(), inputs, draw.side(9.0 * inputs * outputs * factor**2, 3, 64)),)
