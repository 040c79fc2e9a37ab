"""The scripts that measure plans and the constants of their costs: what they print, not how long things take."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from adaptc.compiler.plan.cost import AnalyticalCost

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[list[str]]]:
    """Runs a script in this process; gives the words of each line that it prints."""

    def run(script: str, *arguments: str) -> list[list[str]]:
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
        threads = torch.get_num_threads()
        try:
            with torch.enable_grad():  # what the script sets ends with it
                runpy.run_path(str(BENCHMARKS / script), run_name="__main__")
        finally:
            torch.set_num_threads(threads)
        return [line.split() for line in capsys.readouterr().out.splitlines()]

    return run


@pytest.mark.long
def test_choices_are_compared_with_the_best_candidate(printed: Callable[..., list[list[str]]]) -> None:
    *_, row = printed("planner.py", "--networks", "early_exit_cnn", "--seconds", "0")
    name, regions, graphs, blocks, _, by_cost, behind_cost, measured, behind_measured = row
    assert (name, regions) == ("early_exit_cnn", "1")
    times = {"graphs": float(graphs), "blocks": float(blocks)}
    for choice, behind in ((by_cost, behind_cost), (measured, behind_measured)):
        expected = 100 * (times[choice] / min(times.values()) - 1)
        assert float(behind.rstrip("%")) == pytest.approx(expected, abs=0.5)


def test_a_network_is_timed_with_another_pass_in_place_of_the_default(printed: Callable[..., list[list[str]]]) -> None:
    instead = "duplicate-tails{in_loops_only=false}"
    _, row = printed("passes.py", instead, "--networks", "early_exit_cnn", "--seconds", "0")
    name, default, other, ratio, noise = row
    assert (name, noise[-1]) == ("early_exit_cnn", "%")
    assert float(ratio) == pytest.approx(float(other) / float(default), abs=0.01)


def test_networks_are_timed_with_and_without_a_rule(printed: Callable[..., list[list[str]]]) -> None:
    _, _, *rows = printed("rules.py", "--only", "merge-projections", "--only", "flatten-pooled", "--repeats", "1")
    assert [row[0] for row in rows] == ["merge-projections"] * 2 + ["flatten-pooled"] * 2
    for *_, changes, without, along, ratio in rows:
        assert int(changes) > 0
        assert float(ratio) == pytest.approx(float(without) / float(along), rel=0.1)


def test_every_constant_of_the_cost_is_measured(printed: Callable[..., list[list[str]]]) -> None:
    _, *rows = printed("plan_costs.py", "--seconds", "0.1")
    constants = {row[0]: row for row in rows if row[0] != "copy"}
    assert set(constants) == {field.name for field in fields(AnalyticalCost)}
    for name, row in constants.items():
        assert float(row[3]) == pytest.approx(getattr(AnalyticalCost(), name), abs=0.01)


def test_every_step_of_a_prediction_is_timed(printed: Callable[..., list[list[str]]], tmp_path: Path) -> None:
    kind = "!torch.vtensor<[1,8],f32>"
    lines = ["func.func @f(%x: " + kind + ") {", f'%y = "torch.aten.relu"(%x) : ({kind}) -> {kind}']
    (tmp_path / "f.mlir").write_text("\n".join([*lines, f"func.return %y : {kind}", "}"]))
    rows = printed("predictions.py", str(tmp_path / "f.mlir"))
    assert [" ".join(row[:-4]) for row in rows] == [
        *("reading, a block", "telling kernels", "the sum of their work", "a prediction", "one that is known")
    ]
    assert all(0 < float(row[-4]) <= float(row[-2]) for row in rows)
