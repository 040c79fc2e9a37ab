"""How the experts of a mixture run."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adaptc.costmodel.data.space.drawing import Draw
from adaptc.costmodel.decisions.registry import Alternatives, Network, kind


class Mixture(nn.Module):
    """A router of `k` among some experts of two layers each, for rows."""

    def __init__(self, width: int, hidden: int, experts: int, k: int) -> None:
        super().__init__()
        self.router = nn.Linear(width, experts, bias=False)
        self.into = nn.Parameter(torch.randn(experts, width, hidden) / width**0.5)
        self.out = nn.Parameter(torch.randn(experts, hidden, width) / hidden**0.5)
        self.experts, self.k = experts, k

    def route(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The weights and the numbers of the experts of each row, [rows, k] both."""
        weights, chosen = torch.topk(F.softmax(self.router(x), dim=-1), self.k, dim=-1)
        return weights / weights.sum(dim=-1, keepdim=True), chosen


class Looping(Mixture):
    """Each expert that was chosen computes its rows, one expert after the other."""

    def forward(self, x: Tensor) -> Tensor:
        weights, chosen = self.route(x)
        result = torch.zeros_like(x)
        for expert in range(self.experts):
            rows, places = torch.where(chosen == expert)
            if rows.shape[0] > 0:
                found = F.gelu(x[rows] @ self.into[expert]) @ self.out[expert]
                result = result.index_add(0, rows, found * weights[rows, places].unsqueeze(-1))
        return result


class Gathered(Mixture):
    """The weights of the experts of each row are gathered, and all rows computed at once."""

    def forward(self, x: Tensor) -> Tensor:
        weights, chosen = self.route(x)
        numbers = chosen.flatten()
        rows = x.repeat_interleave(self.k, dim=0).unsqueeze(1)
        found = torch.bmm(F.gelu(torch.bmm(rows, self.into[numbers])), self.out[numbers])
        return (found.view(*chosen.shape, -1) * weights.unsqueeze(-1)).sum(dim=1)


class Dense(Mixture):
    """Every expert computes every row, and a row weighs those that it did not choose with 0."""

    def forward(self, x: Tensor) -> Tensor:
        weights, chosen = self.route(x)
        shares = torch.zeros(x.shape[0], self.experts).scatter(1, chosen, weights)
        found = torch.matmul(F.gelu(torch.matmul(x.unsqueeze(0), self.into)), self.out)
        return (found * shares.t().unsqueeze(-1)).sum(dim=0)


@kind("experts", "the experts of a mixture: a loop over those that were chosen, their weights gathered, or all of them")
def experts(draw: Draw) -> Alternatives:
    width, hidden = draw.width(8, 384), draw.width(8, 768)
    count = draw.pick(2, 4, 4, 8, 8, 16)
    k = draw.pick(1, 1, 2)
    rows = 1 if draw.chance(0.3) else draw.within(2.0 * width * hidden * k, 1, 128)
    sizes = (width, hidden, count, k)
    ways = {"loop": Looping(*sizes), "gathered": Gathered(*sizes), "all": Dense(*sizes)}
    for module in ways.values():
        module.load_state_dict(ways["loop"].state_dict())
    inputs = [(torch.randn(rows, width),) for _ in range(4)]
    return Alternatives({name: Network(module) for name, module in ways.items()}, inputs)
