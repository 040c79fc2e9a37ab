"""A pointer network (Vinyals et al., NeurIPS 2015) for convex hulls: it points at its inputs; random weights.

An LSTM reads the points, another points: at each step attention over the points, those already taken masked, chooses
the next one, or the end, which stands in front of the points. Points are float32 [1, n, 2], any number of them.
"""

from __future__ import annotations

import torch
from calibration import seeded
from torch import Tensor, nn


class Pointer(nn.Module):
    """Additive attention whose scores are the answer (equation 3 of the paper)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.of_points = nn.Linear(width, width, bias=False)
        self.of_state = nn.Linear(width, width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, points: Tensor, state: Tensor, taken: Tensor) -> Tensor:
        scores = self.score(torch.tanh(self.of_points(points) + self.of_state(state)[:, None])).squeeze(-1)
        return scores.masked_fill(taken, -torch.inf).log_softmax(dim=-1)


class PointerNetwork(nn.Module):
    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.encoder = nn.LSTMCell(2, width)
        self.decoder = nn.LSTMCell(2, width)
        self.pointer = Pointer(width)
        self.end = nn.Parameter(torch.randn(1, width))
        self.start = nn.Parameter(torch.randn(1, 2))

    def forward(self, points: Tensor) -> tuple[list[int], Tensor]:
        """The chosen points by their place, and the log-likelihood [1] of the choice, for points [1, n, 2]."""
        state = torch.zeros(1, self.end.size(-1)), torch.zeros(1, self.end.size(-1))
        states = [self.end]
        for point in points.unbind(dim=1):
            state = self.encoder(point, state)
            states.append(state[0])
        encoded = torch.stack(states, dim=1)
        taken = torch.zeros(encoded.shape[:2], dtype=torch.bool)
        given = self.start
        chosen: list[int] = []
        likelihood = torch.zeros(1)
        while True:
            state = self.decoder(given, state)
            scores = self.pointer(encoded, state[0], taken)
            best, place = scores.max(dim=-1)
            likelihood = likelihood + best
            if place == 0:
                return chosen, likelihood
            index = place.item() - 1
            chosen.append(index)
            taken[:, place] = True
            given = points[:, index]


def pointer_network(seed: int = 0) -> PointerNetwork:
    """In eval mode with random weights; the end is chosen sooner or later."""
    with seeded(seed):
        network = PointerNetwork().eval()
        network.pointer.score.weight *= 4
        for parameter in network.decoder.parameters():
            parameter *= 4
    return network


def point_sets(count: int, seed: int = 0) -> list[Tensor]:
    """Random points in a square, float32 [1, n, 2], from 3 of them on."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(1, 3 + 2 * index, 2, generator=generator) for index in range(count)]


model = pointer_network
example_inputs = (point_sets(4)[3],)
dynamic = {"points": {1: "n"}}
