"""Where dynamic networks decide: exit heads, gates, and the statistics that their tests are made of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adaptc.costmodel.data.space.drawing import Draw, images
from adaptc.costmodel.data.space.registry import Drawn, family


class ExitHead(nn.Module):
    """A classifier on the way, and how sure it is."""

    def __init__(self, pool: nn.Module, classifier: nn.Module, criterion: str) -> None:
        super().__init__()
        self.pool = pool
        self.classifier = classifier
        self.criterion = criterion

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        logits = self.classifier(self.pool(x))
        if self.criterion == "logits":
            return (logits,)
        if self.criterion == "argmax":
            return logits, logits.argmax(dim=-1)
        if self.criterion == "entropy":
            log = F.log_softmax(logits, dim=-1)
            return logits, -(log.exp() * log).sum(dim=-1)
        probabilities = F.softmax(logits, dim=-1)
        if self.criterion == "margin":
            best = probabilities.topk(2, dim=-1).values
            return logits, best[:, 0] - best[:, 1]
        if self.criterion == "topk":
            values, indices = probabilities.topk(2, dim=-1)
            return values, indices
        if self.criterion == "threshold":
            return logits, probabilities.amax(dim=-1) > 0.8
        confidence, label = probabilities.max(dim=-1)
        return logits, confidence, label


class MeanMaxPool(nn.Module):
    """The mean and the largest of each channel, mixed as in shallow-deep networks."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.rand(1))
        self.max = nn.MaxPool2d(size)
        self.mean = nn.AvgPool2d(size)

    def forward(self, x: Tensor) -> Tensor:
        alpha = torch.sigmoid(self.alpha)
        mixed = alpha * self.max(x) + (1 - alpha) * self.mean(x)
        return mixed.flatten(1)


class Token(nn.Module):
    """The first token, or the mean over all, perhaps through a pooler."""

    def __init__(self, width: int, mean: bool, pooler: bool) -> None:
        super().__init__()
        self.mean = mean
        self.dense = nn.Linear(width, width) if pooler else None

    def forward(self, x: Tensor) -> Tensor:
        token = x.mean(dim=1) if self.mean else x[:, 0]
        return token if self.dense is None else torch.tanh(self.dense(token))


@family("exit-head", "early exits: a pool, a classifier and its confidence")
def exit_head(draw: Draw) -> Drawn:
    classes = draw.pick(2, 10, 10, 100, 1000, draw.log(2, 2000))
    criterion = draw.pick("logits", "argmax", "entropy", "margin", "topk", "threshold", "max", "max")
    width = draw.width(16, 2048)
    inner = width
    if draw.chance(0.4):
        pool: nn.Module = Token(width, draw.chance(0.4), draw.chance(0.5))
        given = torch.randn(draw.batch(), draw.log(1, 256), width)
    elif draw.chance(0.25):
        pool, given = nn.Identity(), torch.randn(draw.batch(), width)
    else:
        side = draw.side(8.0 * width, 1, 56)
        given = images(draw.batch(), width, side)
        flat = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        if draw.chance(0.3) and side >= 2:
            size = draw.pick(2, side)
            pool = MeanMaxPool(size)
            inner = width * (side // size) ** 2
            if inner > 4096:
                pool, inner = nn.Sequential(*flat), width
        else:
            pool = nn.Sequential(nn.ReLU(), *flat) if draw.chance(0.3) else nn.Sequential(*flat)
    layers: list[nn.Module] = []
    if draw.chance(0.3):
        hidden = draw.width(8, 256)
        layers += [nn.Linear(inner, hidden), draw.activation()]
        inner = hidden
    layers.append(nn.Linear(inner, classes))
    return ExitHead(pool, nn.Sequential(*layers), criterion), (given,)


class Gate(nn.Module):
    """Looks at an image and decides whether a block is run."""

    def __init__(self, layers: nn.Module, decision: str) -> None:
        super().__init__()
        self.layers = layers
        self.decision = decision

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        logits = self.layers(x)
        if self.decision == "softmax":
            return F.softmax(logits, dim=1)[:, 1] > 0.5
        if self.decision == "argmax":
            return logits.argmax(dim=1)
        probability = torch.sigmoid(logits)
        if self.decision == "probability":
            return probability
        if self.decision == "round":
            return (probability > 0.5).float()
        return probability, probability.mean() > 0.5


class RecurrentGate(nn.Module):
    """SkipNet's gate: a projection of the pooled image goes through an LSTM that all gates share."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, hidden, 1)
        self.cell = nn.LSTMCell(hidden, hidden)
        self.decide = nn.Linear(hidden, 1)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pooled = self.project(F.adaptive_avg_pool2d(x, 1)).flatten(1)
        h, c = self.cell(pooled, (h, c))
        return torch.sigmoid(self.decide(h)) > 0.5, h, c


@family("gate", "skip gates: pooled features, a small network, a threshold")
def gate(draw: Draw) -> Drawn:
    channels, hidden = draw.width(8, 512), draw.width(4, 128)
    side = draw.side(8.0 * channels, 1, 64)
    batch = draw.batch()
    if draw.chance(0.2):
        hidden = draw.pick(10, 16, 32, 64)
        given = (images(batch, channels, side), torch.zeros(batch, hidden), torch.zeros(batch, hidden))
        return RecurrentGate(channels, hidden), given
    decision = draw.pick("softmax", "argmax", "probability", "round", "both")
    ways = 2 if decision in ("softmax", "argmax") else draw.pick(1, 1, channels)
    pool: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    kind = draw.pick("linear", "mlp", "mlp", "conv", "pointwise")
    if kind == "linear":
        layers = [*pool, nn.Linear(channels, ways)]
    elif kind == "mlp":
        layers = [
            *pool,
            nn.Linear(channels, hidden),
            draw.pick(nn.ReLU(), nn.Tanh(), nn.SiLU()),
            nn.Linear(hidden, ways),
        ]
    elif kind == "conv" and side >= 4:
        hidden = min(hidden, 32)
        conv = nn.Conv2d(channels, hidden, 3, 2, 1)
        layers = [nn.MaxPool2d(2), conv, nn.BatchNorm2d(hidden), nn.ReLU(), *pool, nn.Linear(hidden, ways)]
    else:
        layers = [
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU(),
            nn.Conv2d(hidden, ways, 1),
            nn.Flatten(),
        ]
    return Gate(nn.Sequential(*layers), decision), (images(batch, channels, side),)


class Criterion(nn.Module):
    """A number about tensors, and whether it passes a threshold."""

    def __init__(self, kind: str, threshold: float, tested: bool) -> None:
        super().__init__()
        self.kind, self.threshold, self.tested = kind, threshold, tested

    def forward(self, x: Tensor, y: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        value = self.measure(x, y)
        return (value, (value > self.threshold).all()) if self.tested else value

    def measure(self, x: Tensor, y: Tensor) -> Tensor:
        match self.kind:
            case "variance":
                return x.var(dim=-1, unbiased=False) + y.var(dim=-1, unbiased=False)
            case "deviation":
                return (x - y).std(dim=-1)
            case "norm":
                return (x - y).norm(dim=-1)
            case "relative":
                return (x - y).norm() / (1e-5 + y.norm())
            case "cosine":
                return F.cosine_similarity(x, y, dim=-1)
            case "divergence":
                log = F.log_softmax(x, dim=-1)
                return (log.exp() * (log - F.log_softmax(y, dim=-1))).sum(dim=-1)
            case "entropy":
                p = F.softmax(x + y, dim=-1)
                return -(p * torch.log(p + 1e-9)).sum(dim=-1)
            case "energy":
                return torch.logsumexp(x, dim=-1) - torch.logsumexp(y, dim=-1)
            case "agreement":
                return (x.argmax(dim=-1) == y.argmax(dim=-1)).float()
            case "masked":
                kept = (x > 0).float()
                return (y * kept).sum(dim=-1) / kept.sum(dim=-1).clamp(min=1.0)
            case "largest":
                return (x - y).abs().amax(dim=-1)
            case _:
                return ((x - y) ** 2).mean()


@family("statistics", "the criteria of exits: variance, norms, cosine, divergence, entropy, agreement")
def statistics(draw: Draw) -> Drawn:
    kinds = ("variance", "deviation", "norm", "relative", "cosine", "divergence", "entropy", "energy", "agreement")
    kind = draw.pick(*kinds, "masked", "largest", "squares")
    width = draw.width(2, 4096)
    rows = draw.within(20.0 * width, 1, 2048)
    shape = draw.pick((draw.batch(),), (rows,), (1, rows), (1, (rows + 1) // 2, 2))
    return Criterion(kind, 0.5, draw.chance(0.6)), (torch.randn(*shape, width), torch.randn(*shape, width))
