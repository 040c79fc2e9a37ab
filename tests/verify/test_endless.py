"""Networks that do not end on some inputs: verification does not wait for them, and says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import adaptc
from adaptc.compiler.driver import capture_program
from adaptc.compiler.errors import CompileError
from adaptc.compiler.ir.program import Program
from adaptc.runtime.errors import LoopError

from .captured import report_on
from .standin import Interpreted


class Halving(nn.Module):
    """Ends on numbers up to 2."""

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        steps = 0
        while x.abs().max() > 1:
            x = x * torch.where(x.abs().max() > 2, 1.0, 0.5)
            steps += 1
        return x, steps


EXAMPLE = torch.tensor([1.5, 0.2])


def test_random_inputs_on_which_both_go_on_are_told(tmp_path: Path) -> None:
    report = adaptc.compile(Halving(), EXAMPLE, tmp_path / "a", max_iterations=20, random_inputs=30)
    told = report.verification["uncompared"]
    assert report.verification["ok"]
    assert told
    assert all("more than 20 values are read" in text for text in told), told


class Shrinking(nn.Module):
    """Drops the rows that are no greater than the first one, while that is not negative: reads only a size."""

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros(2)
        while x.size(0):
            total = total + x[0]
            x = x[(x[:, 0] > x[0, 0]) | (x[0, 0] < 0)]
        return total


def test_a_loop_that_reads_nothing_is_cut_off(tmp_path: Path) -> None:
    rows = torch.tensor([[1.0, 1.0], [2.0, 1.0], [0.5, 1.0]])
    report = adaptc.compile(Shrinking(), rows, tmp_path / "a", max_iterations=20, random_inputs=30)
    assert report.verification["ok"]
    assert any("calls of torch are made" in text for text in report.verification["uncompared"])


class Endless(Interpreted):
    """A compiled network with a loop that it should not have."""

    def run_forced(self, args: Any, kwargs: Any, forced: Any) -> Any:
        raise LoopError("the loop took more than 20 iterations")


def test_a_compiled_network_that_goes_on_where_eager_ends_is_wrong() -> None:
    def made(program: Program) -> Endless:
        return Endless(program)

    report = report_on(Halving(), EXAMPLE, executable=made, max_iterations=20)
    assert "the loop took more than 20 iterations; eager PyTorch returns" in str(report.failures[0])


def test_example_inputs_on_which_it_goes_on_are_refused() -> None:
    with pytest.raises(CompileError, match="takes more than 50 iterations"):
        capture_program(Halving(), (EXAMPLE * 3,), name="network", dynamic={}, max_iterations=50)
