"""Mixtures of experts and lookups: routers, gathering and scattering, experts on some rows, embeddings."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adaptc.costmodel.data.space.drawing import Draw
from adaptc.costmodel.data.space.registry import Drawn, family


class Router(nn.Module):
    """Scores of experts for each row; `result` says what is made of them."""

    def __init__(self, width: int, experts: int, k: int, result: str) -> None:
        super().__init__()
        self.gate = nn.Linear(width, experts, bias=False)
        self.experts, self.k, self.result = experts, k, result

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        probabilities = F.softmax(self.gate(x), dim=-1)
        if self.result == "switch":
            weight, expert = probabilities.max(dim=-1)
            return weight, expert, F.one_hot(expert, self.experts)
        weights, chosen = torch.topk(probabilities, self.k, dim=-1)
        if self.result == "topk":
            return weights, chosen
        weights = weights / weights.sum(dim=-1, keepdim=True)
        if self.result == "dense":
            return (torch.zeros_like(probabilities).scatter(1, chosen, weights),)
        if self.result == "counts":
            return weights, chosen, F.one_hot(chosen, self.experts).sum(dim=(0, 1))
        return weights, F.one_hot(chosen, self.experts).permute(2, 1, 0)


class Pick(nn.Module):
    """Rows or elements of a tensor at given places, or values put there."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor, rows: Tensor, values: Tensor) -> Tensor:
        match self.kind:
            case "index_select":
                return x.index_select(0, rows) + values
            case "index":
                return x[rows] * values
            case "gather":
                return x.gather(0, rows.unsqueeze(1).expand(-1, x.size(1))) + values
            case "index_add":
                return x.index_add(0, rows, values)
            case "scatter":
                return x.scatter(0, rows.unsqueeze(1).expand(-1, x.size(1)), values)
            case "index_copy":
                return x.index_copy(0, rows, values)
            case "put":
                return x.index_put((rows,), values)
            case "take":
                return torch.take_along_dim(x, rows.unsqueeze(1), dim=0) + values
            case _:
                order = torch.argsort(values[:, 0], descending=True)
                return values[order]


@family("routing", "routers of mixtures of experts, and gathering and scattering of rows")
def routing(draw: Draw) -> Drawn:
    width, experts = draw.width(8, 1024), draw.pick(2, 4, 8, 8, 16, 64)
    if draw.chance(0.5):
        rows = 1 if draw.chance(0.4) else draw.within(float(width * experts), 2, 512)
        result = draw.pick("switch", "topk", "dense", "counts", "mask")
        return Router(width, experts, draw.pick(1, 2, 2), result), (torch.randn(rows, width),)
    rows = draw.within(15.0 * width, 2, 4096)
    some = draw.log(1, rows)
    kinds = ("index_select", "index", "gather", "index_add", "scatter", "index_copy", "put", "take", "sort")
    return Pick(draw.pick(*kinds)), (torch.randn(rows, width), torch.randperm(rows)[:some], torch.randn(some, width))


class Expert(nn.Module):
    """A feed-forward expert on some rows, weighted and added to where the rows came from."""

    def __init__(self, width: int, hidden: int, gated: bool, activation: nn.Module) -> None:
        super().__init__()
        self.w1, self.w2 = nn.Linear(width, hidden, bias=not gated), nn.Linear(hidden, width, bias=not gated)
        self.w3 = nn.Linear(width, hidden, bias=False) if gated else None
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.activation(self.w1(x))
        return self.w2(hidden if self.w3 is None else hidden * self.w3(x))


class RoutedExpert(nn.Module):
    """An expert of Mixtral: takes its rows, weighs its results, adds them."""

    def __init__(self, expert: nn.Module) -> None:
        super().__init__()
        self.expert = expert

    def forward(self, states: Tensor, total: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
        given = states[rows]
        return total.index_add(0, rows, self.expert(given) * weights[:, None])


class BatchedExperts(nn.Module):
    """All experts at once, each on as many rows, by batched products."""

    def __init__(self, experts: int, width: int, hidden: int, activation: nn.Module) -> None:
        super().__init__()
        self.w1 = nn.Parameter(torch.randn(experts, width, hidden) / width**0.5)
        self.w2 = nn.Parameter(torch.randn(experts, hidden, width) / hidden**0.5)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return torch.bmm(self.activation(torch.bmm(x, self.w1)), self.w2)


class WeighedExperts(nn.Module):
    """Every expert on every row, mixed by the gate: a soft mixture."""

    def __init__(self, experts: list[nn.Module], width: int) -> None:
        super().__init__()
        self.experts = nn.ModuleList(experts)
        self.gate = nn.Linear(width, len(experts))

    def forward(self, x: Tensor) -> Tensor:
        weights = F.softmax(self.gate(x), dim=-1)
        results = torch.stack([expert(x) for expert in self.experts], dim=1)
        return (weights.unsqueeze(-1) * results).sum(dim=1)


@family("experts", "experts on some rows, routed, batched or mixed")
def experts(draw: Draw) -> Drawn:
    width = draw.width(32, 768)
    hidden = draw.width(width // 2, min(4 * width, 2048))
    activation = draw.pick(nn.ReLU, nn.GELU, nn.SiLU)()
    kind = draw.pick("alone", "routed", "routed", "batched", "mixed")
    if kind == "batched":
        many = draw.pick(2, 4, 8)
        rows = draw.within(2.0 * many * width * hidden, 1, 64)
        return BatchedExperts(many, width, hidden, activation), (torch.randn(many, rows, width),)
    gated = draw.chance(0.5)
    if kind == "mixed":
        many = draw.pick(2, 3, 4)
        rows = 1 if draw.chance(0.5) else draw.within(3.0 * many * width * hidden, 2, 32)
        members: list[nn.Module] = [Expert(width, hidden, gated, activation) for _ in range(many)]
        return WeighedExperts(members, width), (torch.randn(rows, width),)
    rows = 1 if draw.chance(0.25) else draw.within(3.0 * width * hidden, 2, 512)
    expert = Expert(width, hidden, gated, activation)
    if kind == "alone":
        return expert, (torch.randn(rows, width),)
    every = rows + draw.log(1, 64)
    given = (torch.randn(every, width), torch.zeros(every, width), torch.randperm(every)[:rows], torch.rand(rows))
    return RoutedExpert(expert), given


class TokenEmbedding(nn.Module):
    """Words, their positions, and a norm, as BERT begins."""

    def __init__(self, words: int, width: int, positions: int | None, norm: bool) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.positions = None if positions is None else nn.Embedding(positions, width)
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()

    def forward(self, ids: Tensor) -> Tensor:
        embedded = self.words(ids)
        if self.positions is not None:
            embedded = embedded + self.positions(torch.arange(ids.shape[1]))
        return self.norm(embedded)


class BagOfWords(nn.Module):
    """The mean of the words' embeddings, classified."""

    def __init__(self, words: int, width: int, classes: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.classify = nn.Linear(width, classes)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        kept = mask.unsqueeze(-1).float()
        mean = (self.words(ids) * kept).sum(dim=1) / kept.sum(dim=1).clamp(min=1.0)
        return self.classify(mean)


class QuantisedCodes(nn.Module):
    """The nearest entries of a codebook, as in VQ-VAE."""

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.codes = nn.Parameter(torch.randn(codes, width))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        distances = (x * x).sum(1, keepdim=True) - 2 * x @ self.codes.t() + (self.codes * self.codes).sum(1)
        nearest = distances.argmin(dim=1)
        return self.codes[nearest], nearest


@family("embedding", "lookups: words and positions, bags of words, codebooks")
def embedding(draw: Draw) -> Drawn:
    words, width = draw.log(10, 5000), draw.width(8, 768)
    length = 1 if draw.chance(0.2) else draw.within(15.0 * width, 2, 512)
    match draw.pick("tokens", "tokens", "tokens", "bag", "codes"):
        case "tokens":
            positions = draw.pick(None, 512, 512)
            module = TokenEmbedding(words, width, positions, draw.chance(0.5))
            return module, (torch.randint(0, words, (draw.batch(), length)),)
        case "bag":
            ids = torch.randint(0, words, (draw.batch(), length))
            return BagOfWords(words, width, draw.log(2, 100)), (ids, torch.ones_like(ids))
        case _:
            width = min(width, 256)
            rows = draw.within(float(words * width), 1, 256)
            return QuantisedCodes(words, width), (torch.randn(rows, width),)
