"""Compiling from Python: the report, the artifact, and that a failure leaves nothing behind."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import adaptc
from adaptc.compiler import driver, threads
from adaptc.compiler.driver import compile_model
from adaptc.compiler.errors import CompileError, VerificationError
from adaptc.compiler.ir.program import Program
from adaptc.compiler.options import CompileOptions
from adaptc.passes.manager import PassReport
from adaptc.runtime.errors import AdaptcError, EngineError
from adaptc.runtime.hostprogram import Branch

from .conftest import everything

SOURCE = Path(__file__).read_text().splitlines()
BRANCH = f"test_driver.py:{SOURCE.index('        if x.sum() > 1.5:') + 1}"


class Gate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Linear(4, 3)
        self.narrow = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
        if x.sum() > 1.5:
            return self.wide(x), 1
        return self.narrow(x), 0


def gate() -> Gate:
    torch.manual_seed(1)
    return Gate().eval()


def test_the_artifact_does_what_the_network_does(tmp_path: Path) -> None:
    model = gate()
    report = adaptc.compile(model, torch.ones(1, 4), tmp_path / "gate", dynamic={"x": {0: "batch"}})
    executable = adaptc.load(tmp_path / "gate")
    generator = torch.Generator().manual_seed(0)
    taken = set()
    for batch in (1, 2, 5):
        for _ in range(4):
            x = torch.randn(batch, 4, generator=generator)
            expected, which = model(x)
            logits, ours = executable(x.numpy())
            np.testing.assert_allclose(logits, expected.detach().numpy(), rtol=1e-5, atol=1e-6)
            assert ours == which
            taken.add(ours)
    assert taken == {0, 1}
    assert report.name == "Gate"
    assert executable.name == "Gate"


def test_the_report_counts_what_there_is(tmp_path: Path) -> None:
    report = compile_model(gate(), torch.ones(1, 4), tmp_path / "gate", options=CompileOptions("gate"))
    assert [branch.loc.rpartition("/")[2] for branch in report.branches] == [BRANCH]
    assert report.parameter_bytes == report.weight_bytes == 2 * (4 * 3 + 3) * 4
    assert sum(block.weight_bytes for block in report.blocks) == report.parameter_bytes
    assert report.units == 3
    files = [file for file in (tmp_path / "gate").rglob("*") if file.is_file()]
    assert report.artifact_bytes == sum(file.stat().st_size for file in files)
    assert [stage.name for stage in report.stages] == ["capture", "passes", "units", "verify"]
    assert report.seconds == pytest.approx(sum(stage.seconds for stage in report.stages))
    assert [len(path["decisions"]) for path in report.paths] == [1, 1]
    assert {path["decisions"][0]["taken"] for path in report.paths} == {True, False}
    assert all(path["max_relative_error"] < 1e-5 for path in report.paths)


def test_report_json_is_the_report(tmp_path: Path) -> None:
    report = compile_model(gate(), torch.ones(1, 4), tmp_path / "gate", options=CompileOptions("gate"))
    written = json.loads((tmp_path / "gate" / "report.json").read_text())
    assert written["paths"] == report.paths
    assert [block["name"] for block in written["blocks"]] == [block.name for block in report.blocks]
    assert written["verification"]["ok"] is True
    assert "output" not in written
    assert adaptc.load(tmp_path / "gate").paths == report.paths


def test_a_single_file(tmp_path: Path) -> None:
    model, x = gate(), torch.full((1, 4), 0.25)
    file = tmp_path / "deep" / "gate.adaptc"
    report = adaptc.compile(model, x, file)
    assert file.is_file()
    assert everything(tmp_path / "deep") == {"gate.adaptc"}
    assert report.output == file
    with adaptc.load(file) as executable:
        np.testing.assert_allclose(executable(x.numpy())[0], model(x)[0].detach().numpy(), rtol=1e-5)


def test_without_verification_there_are_no_samples(tmp_path: Path) -> None:
    report = adaptc.compile(gate(), torch.ones(1, 4), tmp_path / "gate", verify=False)
    assert report.verification == {}
    assert report.paths == []
    executable = adaptc.load(tmp_path / "gate")
    assert executable.verify() == []
    assert executable(np.ones((1, 4), np.float32))[1] == 1


def test_a_network_that_cannot_be_compiled_leaves_nothing(tmp_path: Path) -> None:
    class Unordered(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return {x, x + 1}

    with pytest.raises(CompileError, match="a set has no order"):
        adaptc.compile(Unordered(), torch.ones(1), tmp_path / "artifact")
    assert everything(tmp_path) == set()


def test_problems_of_mode_and_of_code_are_listed_together(tmp_path: Path) -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, x: torch.Tensor) -> Any:
            return {self.drop(x)}

    with pytest.raises(CompileError) as caught:
        adaptc.compile(Both(), torch.ones(1), tmp_path / "artifact")
    first, second = caught.value.problems
    assert first.found == "dropout is active in drop (Dropout, p=0.5)"
    assert "a set has no order" in second.found
    assert everything(tmp_path) == set()


def swapped(program: Program, *_: object) -> list[PassReport]:
    """Stands in for the passes: sends every branch the wrong way."""
    for block in program.blocks.values():
        match block.terminator:
            case Branch(test=test, then=then, orelse=orelse, loc=loc):
                block.terminator = Branch(test, orelse, then, loc)
    return []


@pytest.mark.parametrize("name", ["artifact", "artifact.adaptc"])
def test_a_wrong_artifact_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    adaptc.compile(gate(), torch.ones(1, 4), tmp_path / name)
    before = {file: (tmp_path / file).stat().st_mtime_ns for file in everything(tmp_path)}
    monkeypatch.setattr(driver, "optimise", swapped)
    with pytest.raises(VerificationError) as caught:
        adaptc.compile(gate(), torch.ones(1, 4), tmp_path / name)
    text = str(caught.value)
    assert "path 1" in text
    assert f"{BRANCH} goes" in text
    assert "output[0]" in text
    after = {file: (tmp_path / file).stat().st_mtime_ns for file in everything(tmp_path)}
    assert after == before


def test_interrupted_at_any_stage_leaves_nothing(tmp_path: Path) -> None:
    stages = []

    def record(stage: str, done: int, total: int) -> None:
        stages.append(stage)

    options = CompileOptions("gate", random_inputs=1)
    compile_model(gate(), torch.ones(1, 4), tmp_path / "whole", options=options, progress=record)
    assert {"capture", "passes", "lowering", "units", "verify"} <= set(stages)
    for stop in dict.fromkeys(stages):

        def interrupt(stage: str, done: int, total: int, stop: str = stop) -> None:
            if stage == stop:
                raise KeyboardInterrupt

        for name in ("part", "part.adaptc"):
            with pytest.raises(KeyboardInterrupt):
                compile_model(gate(), torch.ones(1, 4), tmp_path / "out" / name, options=options, progress=interrupt)
    assert everything(tmp_path / "out") == set()


@pytest.mark.parametrize(("elements", "inside"), [(2, 1), (threads.SMALL // 4, 3)])
def test_a_small_network_is_verified_on_one_thread(elements: int, inside: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with threads.suitable_threads([torch.empty(elements)]):
            assert torch.get_num_threads() == inside
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_what_is_no_artifact_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.txt").write_text("years of work")
    with pytest.raises(AdaptcError, match="is not empty and holds no artifact"):
        adaptc.compile(gate(), torch.ones(1, 4), tmp_path / "papers")
    (tmp_path / "notes.adaptc").write_text("years of work")
    with pytest.raises(AdaptcError, match="was not written by adaptc"):
        adaptc.compile(gate(), torch.ones(1, 4), tmp_path / "notes.adaptc")
    assert (tmp_path / "papers" / "thesis.txt").read_text() == (tmp_path / "notes.adaptc").read_text()


@pytest.mark.parametrize("name", ["artifact", "artifact.adaptc"])
def test_a_place_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AdaptcError, match="cannot write"):
        adaptc.compile(gate(), torch.ones(1, 4), tmp_path / "file" / name)


def test_an_unknown_engine(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="onnxruntime"):
        adaptc.compile(gate(), torch.ones(1, 4), tmp_path / "artifact", engine="warp")
    with pytest.raises(EngineError, match="onnxruntime"):
        adaptc.compile(gate(), torch.ones(1, 4), tmp_path / "artifact", engine="warp", verify=False)
    assert everything(tmp_path) == set()


def test_options_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CompileOptions().seed = 3  # type: ignore[misc]


class Halved(nn.Module):
    """A loop whose iterations the data decides."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        while x.abs().max() > 0.1:
            x = x / 2
        return x


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dynamic": {"x": {0: 3}}}, "axis 0 of 'x' is called 3, which is no name"),
        ({"samples": [torch.ones(3), torch.ones(4)]}, r"sample 2 does not fit: 'x' has the shape \(4,\), .*dynamic"),
        ({"samples": torch.ones(3)}, "samples is of class Tensor: give a list of input sets"),
        ({"random_seed": -1}, "random_seed is -1: it must be an int from 0"),
        ({"max_iterations": 2}, "a loop takes more than 2 iterations"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(adaptc.AdaptcError, match=message):
        adaptc.compile(Halved().eval(), torch.ones(3), tmp_path / "halved", **options)
    assert not list(tmp_path.iterdir())
