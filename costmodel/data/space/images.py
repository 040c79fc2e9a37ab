"""What else is done to images: pools and resizing, group and instance norms, and heads of small classifiers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adaptc.costmodel.data.space.drawing import Draw, images
from adaptc.costmodel.data.space.registry import Drawn, family


class Resize(nn.Module):
    """Interpolates to a size or by a factor."""

    def __init__(self, mode: str, factor: float | None, size: int | None) -> None:
        super().__init__()
        self.mode, self.factor, self.size = mode, factor, size

    def forward(self, x: Tensor) -> Tensor:
        corners = None if self.mode == "nearest" else False
        return F.interpolate(x, size=self.size, scale_factor=self.factor, mode=self.mode, align_corners=corners)


class LayerNorm2d(nn.Module):
    """Layer norm over the channels of an image, as in ConvNeXt."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


@family("pooling", "pools, global pools and resizing of images")
def pooling(draw: Draw) -> Drawn:
    channels = draw.width(1, 512)
    kernel = draw.pick(2, 3)
    layers: list[nn.Module] = [
        draw.pick(
            nn.MaxPool2d(kernel, draw.pick(1, 2)),
            nn.MaxPool2d(3, 2, 1),
            nn.AvgPool2d(kernel, draw.pick(1, 2)),
            nn.AdaptiveAvgPool2d(1),
            nn.AdaptiveAvgPool2d(2),
            nn.AdaptiveMaxPool2d(1),
            Resize("nearest", 2.0, None),
            Resize("bilinear", 2.0, None),
            Resize("bilinear", None, draw.pick(8, 14, 16, 28)),
            Resize("nearest", None, draw.pick(8, 16, 28)),
        )
    ]
    if draw.chance(0.5):
        layers.insert(draw.pick(0, 1), draw.activation())
    if draw.chance(0.3):
        layers.insert(0, nn.BatchNorm2d(channels))
    if draw.chance(0.25):
        layers.append(nn.MaxPool2d(2, ceil_mode=True))
    return nn.Sequential(*layers), (images(draw.batch(), channels, 2 * draw.side(100.0 * channels, 2, 64)),)


@family("image-norm", "group, instance and channel norms, with and without a convolution before")
def image_norm(draw: Draw) -> Drawn:
    channels, given = draw.width(8, 256), 0
    layers: list[nn.Module] = []
    cost = 60.0 * channels
    depth = draw.pick(1, 1, 2)
    given = channels
    for _ in range(depth):
        if draw.chance(0.6):
            outputs, kernel = draw.width(8, 256), draw.pick(1, 3, 3)
            layers.append(nn.Conv2d(channels, outputs, kernel, padding=kernel // 2, bias=draw.chance(0.5)))
            cost += channels * outputs * kernel**2
            channels = outputs
        kind = draw.pick("group", "group", "instance", "layer", "batch")
        if kind == "group":
            layers.append(nn.GroupNorm(draw.divisor(channels, 1, 2, 4, 8, 16, 32), channels))
        elif kind == "instance":
            layers.append(nn.InstanceNorm2d(channels, affine=draw.chance(0.5)))
        elif kind == "layer":
            layers.append(LayerNorm2d(channels))
        else:
            layers.append(nn.BatchNorm2d(channels))
        if draw.chance(0.7):
            layers.append(draw.activation())
    return nn.Sequential(*layers), (images(draw.batch(), given, draw.side(cost, 4, 64)),)


class PatchEmbedding(nn.Module):
    """Patches of an image as tokens, with positions and a class token."""

    def __init__(self, channels: int, width: int, patch: int, tokens: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, width, patch, patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, tokens + 1, width))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.project(x).flatten(2).transpose(1, 2)
        joined = torch.cat([self.cls.expand(x.shape[0], -1, -1), tokens], dim=1)
        return self.norm(joined + self.positions)


@family("classifier", "small classifiers: convolutions, flatten, linear; and patch embeddings")
def classifier(draw: Draw) -> Drawn:
    channels = draw.pick(1, 3, 3, draw.width(8, 128))
    if draw.chance(0.25):
        width, patch = draw.width(32, 512), draw.pick(4, 7, 8, 16)
        rows = draw.side(float(channels * width * patch**2), 1, 28)
        return PatchEmbedding(channels, width, patch, rows * rows), (images(1, channels, rows * patch),)
    side = draw.pick(8, 14, 16, 28, 32)
    height, inputs, layers = side, channels, list[nn.Module]()
    for _ in range(draw.pick(1, 2, 2, 3)):
        outputs, kernel = draw.width(4, 96), draw.pick(3, 3, 5)
        layers += [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), draw.pick(nn.ReLU(), nn.Tanh(), nn.ReLU())]
        if height >= 4:
            layers.append(draw.pick(nn.MaxPool2d(2), nn.AvgPool2d(2)))
            height //= 2
        inputs = outputs
    layers.append(nn.Flatten())
    width = inputs * height * height
    if draw.chance(0.6):
        hidden = draw.width(16, 256)
        layers += [nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(0.5)]
        width = hidden
    layers.append(nn.Linear(width, draw.pick(2, 10, 10, 100, draw.log(2, 400))))
    if draw.chance(0.4):
        layers.append(draw.pick(nn.Softmax(dim=-1), nn.LogSoftmax(dim=-1)))
    return nn.Sequential(*layers), (images(draw.batch(), channels, side),)
