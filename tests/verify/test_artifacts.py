"""Verification of real artifacts: ONNX units run by the loaded executable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import adaptc
from adaptc.compiler.artifact import complete, write_contents
from adaptc.compiler.ir.program import Program
from adaptc.compiler.signature import bind
from adaptc.compiler.verify.report import VerificationReport
from adaptc.compiler.verify.verify import verify
from adaptc.runtime import load

from . import networks, programs


def check(folder: Path, program: Program, model: Any, example: torch.Tensor) -> VerificationReport:
    """Write the artifact, verify it, and let it verify itself by its samples."""
    manifest = complete(folder, write_contents(program, folder, {}).manifest, None, {})
    with load(folder) as executable:
        report = verify(program, model, bind(model.forward, example), executable, random=4)
    complete(folder, manifest, report.samples, report.to_dict())
    if report.ok:
        with load(folder) as executable:
            assert [path["name"] for path in executable.paths] == [path.name for path in report.paths]
            results = executable.verify()
            assert [result.problem for result in results] == [""] * len(results)
            assert len(results) >= len([path for path in report.paths if path.forced])
    return report


CASES: dict[str, tuple[type[torch.nn.Module], Callable[[Any], Program], torch.Tensor]] = {
    "early exit": (networks.EarlyExit, programs.early_exit, torch.ones(1, 4)),
    "scored": (networks.Scored, lambda _: programs.scored(), torch.full((1, 4), 0.5)),
    "patience": (networks.Patience, programs.patience, torch.ones(1, 4)),
    "rejects": (networks.Rejects, lambda _: programs.rejects(), torch.ones(1, 4)),
    "in place": (networks.InPlace, lambda _: programs.in_place(), torch.ones(1, 4)),
    "rows": (networks.Rows, lambda _: programs.rows(), torch.ones(2, 4)),
    "experts": (networks.Experts, programs.experts, torch.ones(1, 4)),
    "detector": (
        networks.Detector,
        lambda _: programs.detector(),
        torch.randn(5, 4, generator=torch.Generator().manual_seed(0)),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_artifacts_of_right_programs_pass(case: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    kind, make, example = CASES[case]
    model = kind().eval()
    report = check(tmp_path, make(model), model, example)
    assert report.failures == ()
    assert all(path.forced for path in report.paths if path.path.forceable)
    assert report.max_relative_error < 1e-5


def test_an_artifact_of_a_wrong_program_fails(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = networks.EarlyExit().eval()
    assert not check(tmp_path, programs.early_exit(model, swapped=True), model, torch.ones(1, 4)).ok


class LosesItsDigits(torch.nn.Module):
    """A small difference of large sums, which no order of summation in float32 gets right."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(512, 512)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.tanh(self.layer(x)) * 100
        if x.sum() > 0:
            return h
        return (h * h).sum(-1).mean() - (h * h).mean() * 512 + h.mean()


def test_the_engine_may_sum_in_another_order(tmp_path: Path) -> None:
    torch.manual_seed(0)
    report = adaptc.compile(LosesItsDigits().eval(), torch.randn(4, 512), tmp_path / "sums")
    assert report.verification["ok"]
    assert report.verification["rounded"]
    assert all(item["ours_off"] <= 4 * item["rounding"] for item in report.verification["rounded"])
    with load(tmp_path / "sums") as executable:
        assert [result.problem for result in executable.verify() if result.problem] == []
