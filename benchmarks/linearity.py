"""Prints how the time of a capture grows with the network: gates, layers with exits, experts.

From the repository: OMP_NUM_THREADS=1 python benchmarks/linearity.py [gates|layers|experts]
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

import torch
from torch import nn

from adaptc.compiler.driver import capture_program


class Gates(nn.Module):
    """Residual blocks, each behind a gate of its own (SkipNet)."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()) for _ in range(count)
        )
        self.gates = nn.ModuleList(nn.Linear(4, 1) for _ in range(count))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block, gate in zip(self.blocks, self.gates):
            if torch.sigmoid(gate(x.mean((2, 3)))).item() > 0.5:
                x = x + block(x)
        return x.mean((2, 3))


class Layers(nn.Module):
    """Transformer layers with an exit behind each, for any number of tokens (DeeBERT)."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True) for _ in range(count))
        self.exits = nn.ModuleList(nn.Linear(16, 4) for _ in range(count))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
        logits = x.mean(1)
        for index, (layer, exit_) in enumerate(zip(self.layers, self.exits)):
            x = layer(x)
            logits = exit_(x[:, 0])
            probabilities = logits.softmax(-1)
            if -(probabilities * probabilities.log()).sum() < 0.5:
                return logits, index
        return logits, len(self.layers)


class Experts(nn.Module):
    """Sparse layers: each token goes to its two experts, and experts that no token hits are left out (Mixtral)."""

    def __init__(self, count: int, layers: int = 16) -> None:
        super().__init__()
        self.routers = nn.ModuleList(nn.Linear(8, count) for _ in range(layers))
        self.experts = nn.ModuleList(
            nn.ModuleList(nn.Sequential(nn.Linear(8, 16), nn.SiLU(), nn.Linear(16, 8)) for _ in range(count))
            for _ in range(layers)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for router, experts in zip(self.routers, self.experts):
            weights, chosen = router(x).softmax(-1).topk(2)
            result = torch.zeros_like(x)
            for index, expert in enumerate(experts):
                token, place = torch.where(chosen == index)
                if token.numel() > 0:
                    result.index_add_(0, token, expert(x[token]) * weights[token, place].unsqueeze(-1))
            x = x + result
        return x


NETWORKS: dict[str, tuple[Callable[[int], nn.Module], tuple[int, ...], torch.Tensor, dict[int, str]]] = {
    "gates": (Gates, (25, 50, 100), torch.randn(1, 4, 8, 8), {}),
    "layers": (Layers, (12, 24, 48), torch.randn(1, 5, 16), {1: "length"}),
    "experts": (Experts, (16, 32, 64), torch.randn(6, 8), {}),
}


def main() -> None:
    """Capture each network in three sizes, in turns."""
    torch.manual_seed(0)
    print(f"Python {platform.python_version()}, torch {version('torch')}, {platform.machine()}, one thread")
    torch.set_num_threads(1)
    wanted = sys.argv[1:] or list(NETWORKS)
    for name in wanted:
        make, counts, x, axes = NETWORKS[name]
        for count in counts:
            model = make(count).eval()
            start = time.perf_counter()
            program, _ = capture_program(model, x, name=name, dynamic={"x": axes} if axes else {})
            seconds = time.perf_counter() - start
            blocks = len(program.blocks)
            codes = len({id(block.code) for block in program.blocks.values() if block.code is not None})
            each = seconds / count * 1000
            print(
                f"{name:8} {count:4}: {seconds:6.1f} s, {each:6.0f} ms each, {blocks} blocks, {codes} codes", flush=True
            )


if __name__ == "__main__":
    main()
