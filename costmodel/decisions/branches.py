"""Where code stands around branches, whether they are taken or both arms computed, and how they run."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from adaptc.costmodel.data.space.drawing import Draw, images
from adaptc.costmodel.decisions.registry import Alternatives, Network, kind

INPUTS = 8
"""Inputs of a decision on which branches depend: half of them, or another share, take the first arm."""


class Stage(nn.Module):
    """A piece of a network that keeps the shape of an image, or of rows."""

    def __init__(self, draw: Draw, width: int, images: bool, kinds: tuple[str, ...]) -> None:
        super().__init__()
        self.body = _stage(draw, draw.pick(*kinds), width, images)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.body(x)
        return found


def _stage(draw: Draw, name: str, width: int, images: bool) -> nn.Module:
    match name, images:
        case "activation", _:
            return draw.activation()
        case "depthwise", True:
            return nn.Conv2d(width, width, 3, padding=1, groups=width)
        case "depthwise", False:
            return nn.LayerNorm(width)
        case "pointwise layer", True:
            return nn.Conv2d(width, width, 1)
        case "layer", True:
            return nn.Conv2d(width, width, 3, padding=1)
        case "block", True:
            return nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        case "block", False:
            return nn.Sequential(nn.Linear(width, width), nn.ReLU())
        case _:
            return nn.Linear(width, width)


def _given(draw: Draw, like: Tensor) -> list[tuple[Tensor, ...]]:
    """Inputs of which a random share opens the first arm, the same number in each draw of the share."""
    opened = round(INPUTS * draw.pick(0.125, 0.25, 0.5, 0.5, 0.75, 0.875))
    return [(torch.randn_like(like), torch.tensor([1.0 if number < opened else -1.0])) for number in range(INPUTS)]


def _drawn(draw: Draw) -> tuple[bool, int, Tensor]:
    """Whether it is about images, how wide they or the rows are, and an input."""
    if draw.chance(0.5):
        width = draw.width(4, 64)
        return True, width, images(1, width, draw.side(9.0 * width * width, 4, 32))
    width = draw.width(8, 512)
    return False, width, torch.randn(1 if draw.chance(0.6) else draw.log(2, 64), width)


_STAGES = ("layer", "pointwise layer", "depthwise", "activation", "block")


class Before(nn.Module):
    """What both arms read is computed before the branch."""

    def __init__(self, producer: nn.Module, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.producer, self.first, self.second = producer, first, second

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        h = self.producer(x)
        y: Tensor
        if gate.item() > 0:
            y = self.first(h)
        else:
            y = self.second(h)
        return y


class Inside(Before):
    """Each arm computes it."""

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        y: Tensor
        if gate.item() > 0:
            y = self.first(self.producer(x))
        else:
            y = self.second(self.producer(x))
        return y


@kind("producer", "what both arms of a branch read: computed before it, or by each arm")
def producer(draw: Draw) -> Alternatives:
    of_images, width, x = _drawn(draw)
    stages = [Stage(draw, width, of_images, _STAGES) for _ in range(3)]
    ways = {"before": Network(Before(*stages)), "inside": Network(Inside(*stages))}
    return Alternatives(ways, _given(draw, x))


class GateAfter(nn.Module):
    """What follows a branch, a gate's score, is computed where its arms have met."""

    def __init__(self, first: nn.Module, second: nn.Module, gate: nn.Module) -> None:
        super().__init__()
        self.first, self.second, self.gate = first, second, gate

    def forward(self, x: Tensor, open: Tensor) -> tuple[Tensor, Tensor]:
        if open.item() > 0:
            y = self.first(x)
        else:
            y = self.second(x)
        return y, self.gate(y)


class GateInside(GateAfter):
    """Each arm computes it."""

    def forward(self, x: Tensor, open: Tensor) -> tuple[Tensor, Tensor]:
        if open.item() > 0:
            y = self.first(x)
            score = self.gate(y)
        else:
            y = self.second(x)
            score = self.gate(y)
        return y, score


class Pooled(nn.Module):
    """A gate on an image or on rows."""

    def __init__(self, width: int, images: bool) -> None:
        super().__init__()
        self.images = images
        self.score = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.score(x.mean((2, 3)) if self.images else x)
        return torch.sigmoid(found)


@kind("gate", "the gate that follows a branch: computed behind it, or at the end of each arm")
def gate(draw: Draw) -> Alternatives:
    of_images, width, x = _drawn(draw)
    layer, other = Stage(draw, width, of_images, _STAGES), nn.Identity() if draw.chance(0.6) else nn.ReLU()
    score = Pooled(width, of_images) if draw.chance(0.7) else Stage(draw, width, of_images, ("activation", "depthwise"))
    ways = {
        "after": Network(GateAfter(layer, other, score), without=("duplicate-tails",)),
        "inside": Network(GateInside(layer, other, score), without=("duplicate-tails",)),
    }
    return Alternatives(ways, _given(draw, x))


class Branching(nn.Module):
    """One of two arms is computed."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        y: Tensor
        if gate.item() > 0:
            y = self.first(x)
        else:
            y = self.second(x)
        return y


class Selecting(Branching):
    """Both arms are computed, and one result is taken."""

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        return torch.where(gate > 0, self.first(x), self.second(x))


@kind("select", "a branch on one number: one arm is computed, or both and one result is taken")
def select(draw: Draw) -> Alternatives:
    of_images, width, x = _drawn(draw)
    first = Stage(draw, width, of_images, ("activation", "activation", "depthwise", "pointwise layer"))
    second = nn.Identity() if draw.chance(0.5) else Stage(draw, width, of_images, ("activation", "depthwise"))
    ways = {"branch": Network(Branching(first, second)), "select": Network(Selecting(first, second))}
    return Alternatives(ways, _given(draw, x))


class Gated(nn.Module):
    """Layers, each of which is skipped unless its gate is open."""

    def __init__(self, stages: list[Stage]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor, gates: Tensor) -> Tensor:
        for number, stage in enumerate(self.stages):
            if gates[number].item() > 0:
                x = x + stage(x)
        return x


class Repeated(nn.Module):
    """A layer that is applied until a score is high enough."""

    def __init__(self, stage: Stage, steps: int) -> None:
        super().__init__()
        self.stage, self.steps = stage, steps

    def forward(self, x: Tensor, scores: Tensor) -> Tensor:
        for step in range(self.steps):
            x = self.stage(x)
            if scores[step].item() > 0:
                break
        return x


@kind("plan", "layers behind gates, and loops: as one graph, or block by block")
def plan(draw: Draw) -> Alternatives:
    of_images, width, x = _drawn(draw)
    steps = draw.log(2, 12)
    if draw.chance(0.6):
        network: nn.Module = Gated([Stage(draw, width, of_images, _STAGES) for _ in range(steps)])
    else:
        network = Repeated(Stage(draw, width, of_images, _STAGES), steps)
    share = draw.pick(0.2, 0.5, 0.8)
    inputs = [(torch.randn_like(x), torch.where(torch.rand(steps) < share, 1.0, -1.0)) for _ in range(INPUTS)]
    return Alternatives({"graph": Network(network), "blocks": Network(network, "blocks")}, inputs)
