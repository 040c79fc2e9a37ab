"""Model files that the tests of the command write down: small networks that branch on their data."""

from __future__ import annotations

import textwrap
from pathlib import Path

GATED = """
import torch
from torch import nn


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(4, 8)
        self.heavy = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        h = torch.relu(self.stem(x))
        if h.mean() > 0.3:
            h = torch.tanh(self.heavy(h))
        return self.head(h)


torch.manual_seed(0)
model = Gated().eval()
example_inputs = (torch.ones(1, 4),)
"""

EXITS = """
import torch
from torch import nn


class Exits(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.heads = nn.ModuleList(nn.Linear(4, 5) for _ in range(3))

    def forward(self, x):
        for index, (block, head) in enumerate(zip(self.blocks, self.heads)):
            x = torch.relu(block(x)) + x
            logits = head(x)
            if torch.softmax(logits, -1).max() > 0.5:
                return {"logits": logits, "exit": index}
        return {"logits": logits, "exit": len(self.heads)}


def model():
    torch.manual_seed(0)
    return Exits().eval()


def example_inputs():
    return {"x": torch.randn(2, 4)}


dynamic = {"x": {0: "batch"}}
samples = [{"x": torch.zeros(1, 4)}, {"x": 10 * torch.ones(1, 4)}]
"""


def write(folder: Path, text: str, name: str = "net.py") -> Path:
    """Write a model file into `folder` and return its path."""
    file = folder / name
    file.write_text(textwrap.dedent(text))
    return file
