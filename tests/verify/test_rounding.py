"""What rounding explains passes and is shown; what it does not explain fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from adaptc.compiler.ir.program import Program
from adaptc.compiler.verify.report import VerificationReport

from .captured import report_on
from .standin import Interpreted, Trace


class Off(Interpreted):
    """An executable whose first output, of those of a tuple, is `off` away from what it should be."""

    def __init__(self, program: Program, off: float) -> None:
        super().__init__(program)
        self.off = off

    def run_forced(self, args: Any, kwargs: Any, forced: Any) -> Trace:
        trace = super().run_forced(args, kwargs, forced)
        first, *others = trace.outputs
        moved = first + self.off if isinstance(first, float) else (first + self.off).astype(first.dtype)
        return Trace((moved, *others), trace.path, trace.decisions, trace.reads, trace.raises)


def nearly_balanced() -> Tensor:
    """Numbers of about 1000 whose mean is about 0.01."""
    x = torch.randn(1, 256, generator=torch.Generator().manual_seed(0)) * 1000
    return x - x.mean() + 0.01


def off_by(off: float, model: nn.Module, x: Tensor | None = None) -> VerificationReport:
    example = nearly_balanced() if x is None else x
    return report_on(model, example, executable=lambda program: Off(program, off), random=0)


class Cancels(nn.Module):
    """The mean of large numbers that nearly cancel, and another of ordinary size."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.max() > 0:
            return x.mean(), x / 1000
        return x.mean() * 2, x / 1000


class CancelsInPython(nn.Module):
    """The number is read, decides, and goes into the arithmetic."""

    def forward(self, x: Tensor) -> tuple[float, Tensor]:
        mean = x.mean().item()
        if mean > 0:
            return mean * 2, x
        return mean * 3, x


class CancelsNarrowly(nn.Module):
    """Asks for float32 in every way that float64 must get past."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(256))
        self.shift = torch.zeros(256)
        self.register_buffer("one", torch.ones(()))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = x.float() * self.scale + self.shift + torch.zeros(256, dtype=torch.float32)
        if x.max() > 0:
            y = y.to(torch.float32) * self.one
        total = torch.zeros(1)
        return (total + y.mean(-1)).double(), y


@pytest.mark.parametrize("kind", [Cancels, CancelsNarrowly])
def test_cancellation_is_reported_as_rounding(kind: type[nn.Module]) -> None:
    report = off_by(2e-6, kind())
    assert report.failures == ()
    assert report.max_relative_error > 1e-5
    assert {item.path for item in report.rounded} == {path.name for path in report.paths}
    item = report.rounded[0]
    assert item.rounded.ours_off <= 4 * item.rounded.rounding
    assert item.rounded.difference.where == "output[0]"
    assert "by rounding: in float64 it is 0.0" in str(item)
    record = json.loads(json.dumps(report.to_dict(), allow_nan=False))["rounded"][0]
    assert record["relative_error"] > 1e-5 == record["tolerance"]
    assert float(record["ours"]) - float(record["eager"]) == pytest.approx(2e-6, rel=0.2)
    assert record["ours_off"] < 1e-5
    assert record["eager_off"] < 1e-5
    assert abs(float(record["float64"])) < 0.1


@pytest.mark.parametrize("kind", [Cancels, CancelsInPython, CancelsNarrowly])
def test_what_is_further_off_than_rounding_goes_fails(kind: type[nn.Module]) -> None:
    report = off_by(1e-3, kind())
    assert report.rounded == ()
    assert {failure.path for failure in report.failures} == {path.name for path in report.paths}
    assert all(failure.differences[0].where == "output[0]" for failure in report.failures)


def test_a_number_that_is_read_is_rounded_where_the_data_gives_it_and_exact_where_it_is_forced() -> None:
    report = off_by(2e-6, CancelsInPython())
    assert [(item.path, item.inputs) for item in report.rounded] == [("path 1", "the example inputs")]
    assert {failure.path for failure in report.failures} == {"path 1", "path 2"}
    assert [path.natural for path in report.paths] == [1, 0]


class RightByChance(nn.Module):
    """What is left of one addition, enlarged: of these inputs float32 makes no rounding error at all."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = torch.full((), 1e9)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        left = (((x + 1) - x) - 1) * self.factor
        return (left, x) if x.sum() > 0 else (left * 2, x)


@pytest.mark.parametrize(("off", "right"), [(100.0, True), (5000.0, False)])
def test_where_eager_is_right_by_chance_roundings_of_each_call_tell_what_is_usual(off: float, right: bool) -> None:
    report = off_by(off, RightByChance(), torch.ones(4))
    assert bool(report.failures) != right
    assert bool(report.rounded) == right


class OffReads(Interpreted):
    """An executable that reads numbers, where they are left to the data, `off` away from what they should be."""

    def __init__(self, program: Program, off: float) -> None:
        super().__init__(program)
        self.off = off

    def run_forced(self, args: Any, kwargs: Any, forced: Any) -> Trace:
        trace = super().run_forced(args, kwargs, forced)
        reads = tuple((name, v + self.off * (not any(forced.get(name, ())))) for name, v in trace.reads)
        return Trace(trace.outputs, trace.path, trace.decisions, reads, trace.raises)


class ReadsASum(nn.Module):
    """A number that is read is a sum of large ones that nearly cancel."""

    def forward(self, x: Tensor) -> Tensor:
        if x.sum().item() * 1000 > 1000:
            return x
        return x * 2


@pytest.mark.parametrize(("off", "right"), [(5e-4, True), (0.1, False)])
def test_reads_that_cancel_are_judged_by_float64_too(off: float, right: bool) -> None:
    model, example = ReadsASum(), nearly_balanced()
    report = report_on(model, example, executable=lambda program: OffReads(program, off), random=0)
    assert report.ok == right
    assert [item.rounded.difference.where for item in report.rounded] == (
        [f"the number read at {__file__}:{ReadsASum.forward.__code__.co_firstlineno + 1}"] if right else []
    )


def test_what_does_not_cancel_is_held_to_its_tolerance() -> None:
    assert off_by(2e-5, Swapped()).ok is False


class Swapped(nn.Module):
    """A well-conditioned output beside one that is not."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.max() > 0:
            return x.abs().mean() / 1000, x.mean()
        return x.abs().mean() / 500, x.mean()


def test_what_rounding_excuses_is_no_sample_of_the_artifact() -> None:
    assert off_by(2e-6, Cancels()).samples.records == []
    assert off_by(0.0, Cancels()).samples.records != []


class Choosy(nn.Module):
    """Tensor code chooses by the last bit of float32."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.max() > 0:
            x = x + 0
        wins = x / 3 * 3 != x
        return torch.where(wins, 1.0, 0.0).mean() + x.mean(), x


class Chaotic(nn.Module):
    """Rounding grows until nothing is left of the result."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.max() > 0:
            x = x * 1
        y = x.abs().mean() / 2000
        for _ in range(100):
            y = 3.99 * y * (1 - y)
        return y, x


class Narrow(nn.Module):
    """Does not run in float64."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.dtype != torch.float32:
            raise TypeError("float32 only")
        if x.max() > 0:
            x = x * 1
        return x.mean(), x


@pytest.mark.parametrize(
    ("kind", "off", "reason"),
    [
        (Choosy, 0.01, "no float64 run tells what rounding does (ValueError: its tensor code chooses otherwise"),
        (Chaotic, 0.1, "relative error"),
        (Narrow, 2e-6, "no float64 run tells what rounding does (TypeError: float32 only)"),
    ],
)
def test_where_float64_says_nothing_the_difference_stays_a_failure(
    kind: Callable[[], nn.Module], off: float, reason: str
) -> None:
    report = off_by(off, kind())
    assert report.rounded == ()
    assert reason in str(report.failures[0])


def test_the_network_is_left_alone() -> None:
    model = CancelsNarrowly()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert off_by(2e-6, model).rounded
    assert torch.get_default_dtype() == torch.float32
    assert model.shift.dtype == torch.float32
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == torch.float32
        assert np.array_equal(tensor.numpy(), before[name].numpy())
