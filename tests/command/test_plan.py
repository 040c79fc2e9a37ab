"""What the command tells about plans and single models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnxruntime
import pytest

import adaptc.compiler.measuring
import adaptc.compiler.planning
from adaptc.compiler.backends.onnx.graphs.flow import RegionError
from adaptc.compiler.plan.turns import Times

from . import networks
from .conftest import Run


def test_explain_tells_what_was_chosen_by_line(run: Run, exits: Path) -> None:
    told = run("explain", exits)
    assert told.code == 0
    assert "1 graph of whole regions" in told.out
    assert "runs as     one graph: one call in place of" in told.out
    assert "decides in  line 16 (3x)" in told.out
    answer = run("explain", exits, "--json").json
    (plan,) = answer["plan"]
    (region,) = plan["regions"]
    assert region["choice"] == "graph"
    assert 0 < region["graph_us"] < region["blocks_us"]
    assert plan["host"] == []


def test_a_plan_that_keeps_blocks(run: Run, tmp_path: Path) -> None:
    file = networks.write(tmp_path, networks.EXITS, "exits.py")
    artifact = tmp_path / "blocks"
    first = run("compile", file, "-o", artifact, "--plan", "blocks", "--no-verify").out.splitlines()[0]
    assert first == "exits: 3 branches on data, 7 blocks in 3 units"
    assert not (artifact / "plan.json").exists()
    told = run("explain", artifact)
    assert told.code == 1
    assert "compiled without a plan (--plan blocks)" in told.err


def test_a_measured_plan_is_told_with_what_it_was_measured_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_turns(visits: Sequence[object], weights: Sequence[float], *rest: object) -> Times:
        return Times([[[time] * 9 for _ in weights] for time in (40.0, 30.0)], weights)

    monkeypatch.setattr(adaptc.compiler.measuring, "take_turns", take_turns)
    file = networks.write(tmp_path, networks.EXITS, "exits.py")
    artifact = tmp_path / "net"
    done = run("compile", file, "-o", artifact, "--plan", "measure", "--json")
    assert done.code == 0
    (plan,) = done.json["plan"]
    (region,) = plan["regions"]
    assert region["choice"] == "blocks"
    assert (region["graph_us"], region["blocks_us"]) == (pytest.approx(40), pytest.approx(30))
    told = run("explain", artifact).out
    assert "runs as     block by block: measured: a call takes 33.3% longer as one graph" in told
    assert "measured    40 µs as a graph, 30 µs block by block, per call in all" in told
    assert "expected    " in told
    assert "measured on 11 inputs along " in told  # the example, two samples, eight random ones
    assert "weighed alike: 9 turns of 2 ways to run it" in " ".join(told.split())
    again = run("compile", file, "-o", artifact, "--plan", "measure", "--random-inputs", "0").out
    assert "plan      measured on 3 inputs: adaptc explain" in again


def test_a_region_that_no_graph_holds_runs_by_block(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise RegionError("graphs would nest deeper than 28")

    monkeypatch.setattr(adaptc.compiler.planning, "write_region", refuse)
    file = networks.write(tmp_path, networks.EXITS, "exits.py")
    assert run("compile", file, "-o", tmp_path / "net").code == 0
    told = run("explain", tmp_path / "net").out
    assert "runs as     block by block: graphs would nest deeper than 28" in told


def test_a_single_model(run: Run, tmp_path: Path) -> None:
    file = networks.write(tmp_path, networks.EXITS, "exits.py")
    target = tmp_path / "exits.onnx"
    done = run("compile", file, "-o", target)
    assert done.code == 0
    assert f"model    {target}" in done.out
    assert "verified on every path" in done.out
    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_outputs()] == ["logits", "exit"]
    assert run("compile", file, "-o", target, "--no-verify").code == 0  # one of ours is replaced


def test_a_single_model_does_not_replace_another_file(run: Run, tmp_path: Path) -> None:
    file = networks.write(tmp_path, networks.EXITS, "exits.py")
    target = tmp_path / "other.onnx"
    target.write_bytes(b"years of work")
    done = run("compile", file, "-o", target)
    assert done.code == 1
    assert "was not written by adaptc" in done.err
    assert target.read_bytes() == b"years of work"


def test_emit_and_output_agree(run: Run, tmp_path: Path) -> None:
    file = networks.write(tmp_path, networks.EXITS, "exits.py")
    done = run("compile", file, "-o", tmp_path / "net", "--emit", "onnx")
    assert done.code == 1
    assert "a single model ends in .onnx" in done.err
