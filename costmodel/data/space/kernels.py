"""Single kernels of every kind in many sizes, which blocks of networks share: what a model learns prices from."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adaptc.costmodel.data.space.drawing import Draw, images
from adaptc.costmodel.data.space.registry import Drawn, family


class Applied(nn.Module):
    """A function of the inputs and the parts of the module."""

    def __init__(self, function: Callable[..., Tensor | tuple[Tensor, ...]], *parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(parts)

    def forward(self, *given: Tensor) -> Tensor | tuple[Tensor, ...]:
        return self.function(*self.parts, *given)


_IMAGE: tuple[Callable[..., Tensor], ...] = (
    lambda x: F.max_pool2d(x, 2),
    lambda x: F.max_pool2d(x, 3, 2, 1),
    lambda x: F.avg_pool2d(x, 2),
    lambda x: F.avg_pool2d(x, 3, 1, 1),
    lambda x: F.adaptive_avg_pool2d(x, 1),
    lambda x: x.mean((2, 3)),
    lambda x: x.amax((2, 3)),
    lambda x: F.interpolate(x, scale_factor=2),
    lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    lambda x: F.interpolate(x, size=(x.size(2) * 3 // 2, x.size(3) * 3 // 2)),
    lambda x: F.pixel_unshuffle(F.pad(x, (0, x.size(3) % 2, 0, x.size(2) % 2)), 2),
    lambda x: F.instance_norm(x),
    lambda x: x.softmax(1),
    lambda x: x.permute(0, 2, 3, 1) * 2,
    lambda x: x.flatten(2).transpose(1, 2) + 1,
    lambda x: F.pad(x, (1, 2, 1, 2)) * 2,
    lambda x: x.roll((1, 2), (2, 3)),
    lambda x: x.flip(3),
    lambda x: x[:, :, ::2, 1::2] + 1,
)
_ROWS: tuple[Callable[..., Tensor | tuple[Tensor, ...]], ...] = (
    lambda x: x.softmax(-1),
    lambda x: x.log_softmax(-1),
    lambda x: x.softmax(1),
    lambda x: x.logsumexp(-1),
    lambda x: x.sum(-1),
    lambda x: x.mean(1),
    lambda x: x.amax(-1),
    lambda x: x.amax(1),
    lambda x: x.argmax(-1),
    lambda x: x.norm(dim=-1),
    lambda x: x.std(-1),
    lambda x: x.cumsum(-1),
    lambda x: x.cumsum(1),
    lambda x: (x > 0).sum(-1),
    lambda x: (x > 0).any(-1),
    lambda x: torch.topk(x, min(4, x.size(-1)), dim=-1),
    lambda x: x.sort(-1),
    lambda x: x.transpose(1, 2) + 1,
    lambda x: x.reshape(x.size(0), x.size(1), 2, -1).transpose(1, 2) * 2,
    lambda x: torch.cat([x, x * 2], 1),
    lambda x: torch.cat([x, x * 2], -1),
    lambda x: x.chunk(2, -1),
    lambda x: x[:, 1:] + 1,
    lambda x: x[..., : x.size(-1) // 2] + 1,
    lambda x: x.tril(),
    lambda x: x.repeat(1, 2, 1),
    lambda x: torch.where(x > 0.3, x, 0.1 * x),
    lambda x: torch.where(x > 0.3, x, 0.0),
    lambda x: x.masked_fill(x < 0, -1.0),
    lambda x: x.to(torch.int64) + 1,
    lambda x: (x > 0).float() * x,
    lambda x: F.softplus(x),
    lambda x: F.elu(x),
    lambda x: x.exp() + 1,
    lambda x: x.abs().log(),
    lambda x: x.abs().sqrt(),
    lambda x: x.sin(),
    lambda x: x.erf(),
    lambda x: x.abs() ** 1.7,
    lambda x: x**2,
    lambda x: F.gelu(x),
    lambda x: F.silu(x),
    lambda x: x.tanh(),
    lambda x: x.sigmoid(),
    lambda x: F.hardswish(x),
    lambda x: x / (x.abs() + 1),
    lambda x: x * x.mean(-1, keepdim=True),
    lambda x: x - x.mean(1, keepdim=True),
)
_PLACES: tuple[Callable[..., Tensor], ...] = (
    lambda x, rows, values: x[rows] + values,
    lambda x, rows, values: x.index_select(0, rows) * values,
    lambda x, rows, values: x.gather(0, rows[:, None].expand(-1, x.size(1))) + values,
    lambda x, rows, values: x.index_add(0, rows, values),
    lambda x, rows, values: x.index_copy(0, rows, values),
    lambda x, rows, values: x.scatter(0, rows[:, None].expand(-1, x.size(1)), values),
    lambda x, rows, values: x.index_put((rows,), values),
    lambda x, rows, values: F.one_hot(rows, x.size(0)).float() @ x + values,
)


@family("kernel", "single operators of every kind")
def kernel(draw: Draw) -> Drawn:
    match draw.pick("image", "rows", "rows", "places", "layer", "layer", "product"):
        case "image":
            return _of_image(draw)
        case "rows":
            rows, width = draw.log(1, 512), 2 * draw.log(2, 768)
            return Applied(draw.pick(*_ROWS)), (torch.randn(draw.batch(), rows, width),)
        case "places":
            rows, width, count = draw.log(4, 2048), draw.log(1, 512), draw.log(1, 512)
            places = torch.randint(rows, (count,))
            return Applied(draw.pick(*_PLACES)), (torch.randn(rows, width), places, torch.randn(count, width))
        case "layer":
            return _layer(draw)
        case _:
            batch, rows, inner, columns = draw.log(1, 16), draw.log(1, 256), draw.log(2, 256), draw.log(1, 256)
            left = torch.randn(batch, rows, inner)
            if draw.chance(0.5):
                return Applied(lambda x, y: x @ y), (left, torch.randn(batch, inner, columns))
            return Applied(lambda x, y: torch.einsum("bij,bkj->bik", x, y)), (left, torch.randn(batch, columns, inner))


def _of_image(draw: Draw) -> Drawn:
    channels, side = draw.width(1, 384), draw.log(4, 64)
    return Applied(draw.pick(*_IMAGE)), (images(draw.batch(), channels, side),)


def _layer(draw: Draw) -> Drawn:
    """A layer with weights."""
    inner, outer = draw.width(3, 384), draw.width(3, 384)
    kind = draw.pick(
        "transposed", "depthwise", "conv", "group-norm", "batch-norm", "norm", "recurrent", "signal", "shuffle"
    )
    if kind in ("norm", "recurrent"):
        steps = draw.log(1, 64)
        given = torch.randn(draw.batch(), steps, inner)
        if kind == "norm":
            return Applied(lambda layer, x: layer(x), draw.pick(nn.LayerNorm, nn.RMSNorm)(inner)), (given,)
        layer: nn.Module = draw.pick(nn.LSTM, nn.GRU)(inner, draw.width(8, 256), batch_first=True)
        return Applied(lambda layer, x: layer(x)[0], layer), (given,)
    if kind == "signal":
        size = draw.pick(1, 3, 5, 9)
        layer = nn.Conv1d(inner, outer, size, padding=size // 2, stride=draw.pick(1, 1, 2))
        return Applied(lambda layer, x: layer(x), layer), (
            torch.randn(1, inner, draw.within(inner * outer * size, 8, 4096)),
        )
    size = draw.pick(1, 2, 3, 3, 4, 5, 7)
    side = draw.side(inner * outer * size * size / (outer if kind == "depthwise" else 1), 3, 64)
    match kind:
        case "transposed":
            layer = nn.ConvTranspose2d(inner, outer, size, stride=draw.pick(1, 2, 2))
        case "depthwise":
            layer = nn.Conv2d(inner, inner, size, padding=size // 2, groups=inner, stride=draw.pick(1, 1, 2))
        case "conv":
            layer = nn.Conv2d(inner, outer, size, padding=draw.pick(0, size // 2), stride=draw.pick(1, 1, 2))
        case "group-norm":
            layer = nn.GroupNorm(draw.divisor(inner, 1, 2, 4, 8, 32), inner)
        case "batch-norm":
            layer = nn.BatchNorm2d(inner)
        case _:
            layer = nn.PixelShuffle(2)
            inner = 4 * max(1, inner // 4)
    return Applied(lambda layer, x: layer(x), layer), (images(1, inner, max(side, size)),)
