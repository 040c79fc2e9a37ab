"""What to make one kernel, and what to let each sample compute: decisions within straight code."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adaptc.costmodel.data.space.drawing import Draw
from adaptc.costmodel.decisions.registry import Alternatives, Network, kind


class Apart(nn.Module):
    """Projections of one tensor, each of its own."""

    def __init__(self, width: int, outs: list[int]) -> None:
        super().__init__()
        self.projections = nn.ModuleList(nn.Linear(width, out) for out in outs)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(projection(x) for projection in self.projections)


class Together(nn.Module):
    """The same projections as one, cut apart afterwards."""

    def __init__(self, apart: Apart) -> None:
        super().__init__()
        layers = [layer for layer in apart.projections if isinstance(layer, nn.Linear)]
        self.outs = [layer.out_features for layer in layers]
        self.weight = nn.Parameter(torch.cat([layer.weight for layer in layers]))
        self.bias = nn.Parameter(torch.cat([layer.bias for layer in layers]))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return torch.split(F.linear(x, self.weight, self.bias), self.outs, dim=-1)


class Consumed(nn.Module):
    """Projections whose results meet again: gates of a recurrent cell, or heads that are weighed."""

    def __init__(self, projections: nn.Module, kind: str) -> None:
        super().__init__()
        self.projections, self.kind = projections, kind

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        first: Tensor
        first, *others = self.projections(x)
        match self.kind:
            case "gated":
                for other in others:
                    first = torch.sigmoid(first) * other
                return first
            case "attention":
                keys, values = others
                return F.scaled_dot_product_attention(first, keys, values)
            case _:
                return (first, *(torch.relu(other) for other in others))


@kind("projections", "layers that read the same tensor: each as a product of its own, or one product cut apart")
def projections(draw: Draw) -> Alternatives:
    use = draw.pick("gated", "attention", "outputs")
    width = draw.width(8, 1024)
    if use == "outputs":
        outs = [draw.width(2, 1024) for _ in range(draw.log(2, 5))]
    else:
        outs = [draw.width(8, 1024)] * (3 if use == "attention" else draw.pick(2, 2, 3))
    rows = 1 if draw.chance(0.35) else draw.within(float(width * sum(outs)), 1, 512)
    x = torch.randn(1, rows, width) if use == "attention" else torch.randn(rows, width)
    apart = Apart(width, outs)
    ways = {"apart": Consumed(apart, use), "together": Consumed(Together(apart), use)}
    return Alternatives({name: Network(module) for name, module in ways.items()}, [(x,)])


class Layer(nn.Module):
    """What samples go through that need it."""

    def __init__(self, draw: Draw, images: bool) -> None:
        super().__init__()
        if images:
            channels = draw.width(4, 64)
            self.shape: tuple[int, ...] = (channels, side := draw.pick(4, 7, 8, 14, 16, 28), side)
            self.body: nn.Module = nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, channels, 1)
            )
        else:
            width = draw.width(8, 768)
            self.shape = (width,)
            hidden = draw.width(8, 1536)
            self.body = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x + self.body(x)
        return found


class AllRows(nn.Module):
    """Every sample goes through the layer, and those that need it take the result."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, needed: Tensor) -> Tensor:
        return torch.where(needed.view(-1, *([1] * (x.dim() - 1))), self.layer(x), x)


class SomeRows(nn.Module):
    """The samples that need it are taken out, go through the layer, and are put back."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, needed: Tensor) -> Tensor:
        rows = needed.nonzero().squeeze(1)
        return x.index_copy(0, rows, self.layer(x[rows]))


@kind("samples", "a layer that only some samples of a batch need: all go through it, or those are packed")
def samples(draw: Draw) -> Alternatives:
    layer = Layer(draw, draw.chance(0.4))
    count = draw.log(2, 64)
    share = float(draw.generator.uniform(0.02, 1.0))
    inputs = []
    for _ in range(6):
        needed = torch.rand(count) < share
        inputs.append((torch.randn(count, *layer.shape), needed))
    return Alternatives({"all": Network(AllRows(layer)), "packed": Network(SomeRows(layer))}, inputs)
