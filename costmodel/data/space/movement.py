"""Movement of data: transposes, joins, splits, slices, padding, rolls."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adaptc.costmodel.data.space.drawing import Draw, images
from adaptc.costmodel.data.space.registry import Drawn, family

Move = Callable[[Tensor, Tensor], Tensor]

_SEQUENCES: tuple[Move, ...] = (
    lambda x, y: x.transpose(1, 2) * 2,
    lambda x, y: torch.cat([x, y], dim=1),
    lambda x, y: torch.cat([x, y], dim=2),
    lambda x, y: torch.cat([x, y, x + y], dim=-1),
    lambda x, y: torch.stack([x, y], dim=1).sum(dim=-1),
    lambda x, y: torch.stack([x, y], dim=0),
    lambda x, y: x[:, 1:] - y[:, :-1],
    lambda x, y: x[:, ::2] + y[:, ::2],
    lambda x, y: x[..., : x.size(-1) // 2] * y[..., y.size(-1) // 2 :][..., : x.size(-1) // 2],
    lambda x, y: torch.flip(x, dims=[1]) + y,
    lambda x, y: torch.roll(x, 1, dims=1) + y,
    lambda x, y: F.pad(x, (0, 2)) + F.pad(y, (2, 0)),
    lambda x, y: F.pad(x, (0, 0, 1, 1)),
    lambda x, y: x.reshape(x.size(0), -1) + y.flatten(1),
    lambda x, y: x.repeat(1, 2, 1) + torch.cat([y, y], dim=1),
    lambda x, y: x[:, :1].expand(-1, y.size(1), -1) + y,
    lambda x, y: x.unsqueeze(1).expand(-1, 3, -1, -1) * y.unsqueeze(1),
    lambda x, y: x.tril() + y,
    lambda x, y: x.contiguous().view(x.size(0), x.size(2), x.size(1)) * 0.5,
    lambda x, y: x.narrow(1, 0, 1) + y.narrow(1, 0, 1),
    lambda x, y: x.permute(1, 0, 2) + y.permute(1, 0, 2),
    lambda x, y: torch.cat([part.relu() for part in torch.split(x, (x.size(1) + 1) // 2, dim=1)] + [y], dim=1),
)
_IMAGES: tuple[Move, ...] = (
    lambda x, y: x.permute(0, 2, 3, 1) + y.permute(0, 2, 3, 1),
    lambda x, y: torch.cat([x, y], dim=1),
    lambda x, y: torch.cat([y, x, y], dim=1) * 0.5,
    lambda x, y: x.flatten(2).transpose(1, 2),
    lambda x, y: F.pad(x, (1, 1, 1, 1)),
    lambda x, y: F.pad(x, (2, 2, 2, 2), mode="reflect"),
    lambda x, y: x[:, :, ::2, ::2] + y[:, :, 1::2, 1::2],
    lambda x, y: F.pixel_unshuffle(x, 2),
    lambda x, y: torch.roll(x, (1, 1), dims=(2, 3)),
    lambda x, y: torch.flip(x, dims=[3]) + y,
    lambda x, y: x[:, :, 1:-1, 1:-1] * y[:, :, 1:-1, 1:-1],
    lambda x, y: torch.cat([x[:, : x.size(1) // 2], y[:, y.size(1) // 2 :]], dim=1),
    lambda x, y: x.view(x.size(0), 2, x.size(1) // 2, x.size(2), x.size(3)).transpose(1, 2).reshape(x.shape) + y,
    lambda x, y: torch.cat([torch.relu(x), y[:, :1]], dim=1),
    lambda x, y: F.unfold(x, 2, stride=2),
)


class Moves(nn.Module):
    """Moves of two tensors, each result by itself."""

    def __init__(self, moves: list[Move]) -> None:
        super().__init__()
        self.moves = moves

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        return tuple(move(x, y) for move in self.moves)


class SplitHeads(nn.Module):
    """The heads of an attention: split off, and put back after some work."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        batch, length, width = x.shape
        heads = x.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
        joined = (heads * 0.5).transpose(1, 2).reshape(batch, length, width)
        return heads.transpose(-1, -2) + 1.0, joined


@family("movement", "transposes, joins, splits, slices, padding, rolls")
def movement(draw: Draw) -> Drawn:
    count = draw.pick(1, 1, 2, 3)
    width = draw.width(2, 512)
    if draw.chance(0.15):
        heads = draw.pick(2, 4, 8)
        length = draw.within(100.0 * width, 1, 512)
        return SplitHeads(heads), (torch.randn(draw.batch(), length, heads * draw.pick(8, 16, 32, 64)),)
    if draw.chance(0.55):
        length = draw.within(100.0 * width, 2, 512)
        width = max(width, 2)
        pair = torch.randn(2, draw.batch(), length, width).unbind()
        return Moves([draw.pick(*_SEQUENCES) for _ in range(count)]), (pair[0].clone(), pair[1].clone())
    channels, side = 2 * draw.width(1, 128), 2 * draw.side(800.0 * width, 2, 56)
    moves = [draw.pick(*_IMAGES) for _ in range(count)]
    return Moves(moves), (images(1, channels, side), images(1, channels, side))
