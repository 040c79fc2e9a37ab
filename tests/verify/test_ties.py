"""What `topk` chooses among equal values is PyTorch's own affair: no compiled network can be held to it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import adaptc
from adaptc.compiler.verify.ties import Ties


class Routed(nn.Module):
    """Two of four experts for each row, by whole numbers, of which many are equal."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.experts = nn.ModuleList([nn.Linear(4, 4) for _ in range(4)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights, chosen = x.round().topk(2, dim=-1)
        out = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            rows, slot = torch.where(chosen == number)
            if rows.numel() > 0:
                out = out.index_add(0, rows, expert(x[rows]) * weights[rows, slot, None])
        return out


def test_random_inputs_that_hang_on_a_tie_are_not_compared(tmp_path: Path) -> None:
    report = adaptc.compile(Routed().eval(), torch.arange(24.0).reshape(6, 4), tmp_path / "routed")
    assert any(path["natural"] for path in report.paths)
    assert report.verification["uncompared"]
    for note in report.verification["uncompared"]:
        assert "test_ties.py:" in note


def test_example_inputs_that_hang_on_a_tie_are_refused(tmp_path: Path) -> None:
    with pytest.raises(adaptc.VerificationError, match=r"the example inputs: topk\(\) at .* PyTorch leaves open which"):
        adaptc.compile(Routed().eval(), torch.ones(6, 4), tmp_path / "routed")


def ties(values: list[float], k: int, **options: object) -> int:
    with Ties() as mode:
        torch.tensor(values, dtype=torch.float32).topk(k, **options)  # type: ignore[arg-type]
    return len(mode.found)


def test_ties_among_the_chosen_and_with_the_first_left() -> None:
    assert ties([3, 2, 1, 1], 2) == 0
    assert ties([3, 2, 1, 1], 3) == 1
    assert ties([3, 3, 1, 0], 2) == 1
    assert ties([3, 2, 2, 0], 2) == 1
    assert ties([3, 3, 1, 0], 2, largest=False) == 0
    assert ties([3, 2, 2 + 2e-6, 0], 2) == 1
    assert ties([3, 0], 2) == 0
    with Ties() as mode:
        torch.topk(torch.tensor([[1, 1], [2, 2]]), 1)
        torch.topk(input=torch.tensor([[1.0, 3.0], [2.0, 4.0]]), k=1, dim=0)
    assert not mode.found
