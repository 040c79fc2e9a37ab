"""What networks of several tests are made of."""

from __future__ import annotations

import torch
from torch import nn


class Routed(nn.Module):
    """A linear router over linear layers, all of width 4, with the same weights in every run."""

    def __init__(self, layers: int = 3, choices: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.router = nn.Linear(4, choices or layers)
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(layers))
