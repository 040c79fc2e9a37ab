"""Plans that are measured: what they are measured on, what is decided, and what is written. Times are made up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import adaptc
from adaptc.compiler import measuring
from adaptc.compiler.plan.region import with_ends
from adaptc.compiler.profile import Profile
from adaptc.compiler.runnable import Call, Runnable
from adaptc.compiler.signature import bind
from adaptc.compiler.trial import MOST_PATHS, Trial, timed_paths
from adaptc.compiler.verify.inputs import InputSet, random_inputs
from adaptc.runtime.errors import EngineError, InputError, LoopError
from adaptc.runtime.trace import Trace

from .test_planner import Exits
from .test_regions import early_exits


class Parts(nn.Module):
    """Two parts that branch, with random numbers between them, which the host draws."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers[:2]:
            if x.sum() > 0:
                x = torch.tanh(layer(x))
        x = x + torch.rand(4)
        for layer in self.layers[2:]:
            if x.sum() > 0:
                x = torch.tanh(layer(x))
        return x


class Counter(nn.Module):
    """Keeps a state, of which a later call makes more than the first."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.kept: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            x = self.layer(x)
        if x.sum() > 1:
            x = torch.tanh(x)
        self.kept = x if self.kept is None else self.kept + x
        return self.kept


class Noisy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + torch.rand(4)
        for layer in self.layers:
            if x.sum() > 0:
                x = layer(x)
        return x


class Changing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        for layer in self.layers:
            if y.sum() > 0:
                y = layer(y)
        x.sub_(100)
        return y


def calls(*values: float) -> list[InputSet]:
    drawn = random_inputs(bind(lambda x: x, torch.zeros(4)), {}, len(values), seed=0)
    for inputs, value in zip(drawn, values):
        inputs.array_args[0].fill(value)
    return drawn


@pytest.fixture
def prices(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What each region costs as a graph beside 100 µs for the rest; regions that are not there cost 0.

    Each call costs the same every time, so that a few turns tell what thousands would.
    """
    found: dict[str, float] = {}
    now = [0.0]
    call = Runnable.call

    def priced(self: Runnable, graphs: frozenset[str]) -> Call:
        run = call(self, graphs)

        def called(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
            now[0] += 100.0 + sum(found.get(entry, 0.0) for entry in graphs)
            return run(args, kwargs)

        return called

    init = measuring.Measurer.__init__

    def with_clock(self: measuring.Measurer, *args: Any) -> None:
        init(self, *args, clock=lambda: int(now[0] * 1000))

    monkeypatch.setattr(Runnable, "call", priced)
    monkeypatch.setattr(measuring.Measurer, "__init__", with_clock)
    monkeypatch.setattr(measuring, "SECONDS", 0.2)
    return found


def compiled(model: nn.Module, example: object, folder: Path, **options: Any) -> list[Any]:
    """The plans of the network's report; what was written runs and holds the units of its plan alone."""
    torch.manual_seed(0)
    report = adaptc.compile(model.eval(), example, folder, plan="measure", **options)
    kept = json.loads((folder / "report.json").read_text())["plan"]
    assert kept == json.loads(json.dumps(report.plan))
    graphs = {f"region_{r['entry']}.onnx" for plan in kept for r in plan["regions"] if r["choice"] == "graph"}
    assert {file.name for file in (folder / "units").glob("region_*")} == graphs
    with adaptc.load(folder):
        pass
    return list(kept)


@pytest.mark.parametrize(("cost", "choice"), [(-20.0, "graph"), (20.0, "blocks")])
def test_the_faster_way_is_chosen_and_written(
    cost: float, choice: str, tmp_path: Path, prices: dict[str, float]
) -> None:
    prices["b0"] = cost
    (plan,) = compiled(Exits(), torch.ones(1, 4), tmp_path / "net")
    (region,) = plan["regions"]
    assert region["choice"] == choice
    assert region["measured"] is True
    assert (region["graph_us"], region["blocks_us"]) == (pytest.approx(100 + cost), pytest.approx(100))
    assert region["noise_us"] == pytest.approx(0, abs=1e-9)
    assert set(region["expected_us"]) == {"graph", "blocks"}
    other = "block by block" if choice == "graph" else "as one graph"
    longer = 20 / 80 if choice == "graph" else 20 / 100
    assert region["reason"] == f"measured: a call takes {longer:.1%} longer {other}"
    found = plan["measurement"]
    assert (found["inputs"], found["ways"], found["weighed_by"], found["left_out"]) == (9, 2, "inputs", {})
    assert (tmp_path / "net" / "plan.json").exists() == (choice == "graph")


def test_a_tie_is_told_and_the_expected_cost_decides(tmp_path: Path, prices: dict[str, float]) -> None:
    prices["b0"] = 0.5
    (plan,) = compiled(Exits(), torch.ones(1, 4), tmp_path / "net")
    (region,) = plan["regions"]
    assert region["choice"] == "graph"
    assert region["reason"] == "measured alike, 0.5% apart (noise 0.0%): the expected cost decided"


def test_regions_are_decided_one_by_one(tmp_path: Path, prices: dict[str, float]) -> None:
    (plan,) = compiled(Parts(), torch.ones(1, 4), tmp_path / "first", random_seed=0)
    first, second = (region["entry"] for region in plan["regions"] if region["measured"])
    prices.update({first: -10.0, second: 10.0})
    (plan,) = compiled(Parts(), torch.ones(1, 4), tmp_path / "net", random_seed=0)
    choices = {region["entry"]: region["choice"] for region in plan["regions"] if region["measured"]}
    assert choices == {first: "graph", second: "blocks"}
    assert len(plan["host"]) > 0


def test_samples_and_random_inputs_are_measured_on(tmp_path: Path, prices: dict[str, float]) -> None:
    samples = [torch.full((1, 4), value) for value in (-1.0, 0.0, 1.0)]
    (plan,) = compiled(Exits(), torch.ones(1, 4), tmp_path / "net", samples=samples, random_inputs=2)
    assert plan["measurement"]["inputs"] == 1 + 3 + 2


def test_later_calls_of_a_session_are_left_to_the_expected_cost(tmp_path: Path, prices: dict[str, float]) -> None:
    first, later, *_ = compiled(Counter(), torch.ones(1, 4), tmp_path / "net")
    assert all(region["measured"] for region in first["regions"] if region["graph_us"] is not None)
    chosen = [region for region in later["regions"] if region["graph_us"] is not None]
    assert chosen
    for region in chosen:
        assert region["measured"] is False
        assert "the expected cost decided: calls that follow another in a session are not measured" in region["reason"]
    assert "measurement" not in later


def test_a_network_that_draws_is_measured_on_one_stream(tmp_path: Path, prices: dict[str, float]) -> None:
    (plan,) = compiled(Noisy(), torch.ones(1, 4), tmp_path / "net", random_seed=3)
    assert plan["measurement"]["inputs"] == 9


def test_inputs_that_the_network_changes_stay_as_they_are(
    tmp_path: Path, prices: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[InputSet] = []
    real = measuring.timed_paths

    def noted(trial: Trial, *rest: Any) -> Any:
        kept.extend(trial.inputs)
        return real(trial, *rest)

    monkeypatch.setattr(measuring, "timed_paths", noted)
    compiled(Changing(), torch.ones(1, 4), tmp_path / "net", verify=False)
    np.testing.assert_array_equal(kept[0].array_args[0], np.ones((1, 4), np.float32))


def test_where_no_input_can_be_timed_the_expected_cost_decides(
    tmp_path: Path, prices: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(self: Runnable, *args: object) -> Trace:
        raise LoopError("too long")

    monkeypatch.setattr(Runnable, "traced", endless)
    (plan,) = compiled(Exits(), torch.ones(1, 4), tmp_path / "net", random_inputs=0, max_iterations=7)
    (region,) = plan["regions"]
    assert region["measured"] is False
    assert "no input could be timed: a loop takes more than 7 iterations (1x)" in region["reason"]


def test_a_single_model_has_no_plan_to_measure(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no plan to measure"):
        adaptc.compile(Exits().eval(), torch.ones(1, 4), tmp_path / "net.onnx", plan="measure")


def test_every_graph_on_demand(tmp_path: Path) -> None:
    example, target = torch.ones(1, 4), tmp_path / "net"
    report = adaptc.compile(Parts().eval(), example, target, plan="graphs", verify=False, random_seed=0)
    (plan,) = report.plan
    assert report.graphs == sum(region["graph_us"] is not None for region in plan["regions"]) == 2


def traced(taken: Sequence[bool], raises: str = "") -> Trace:
    """The trace of a call of `early_exits(3)` that leaves at the first exit that is `taken`."""
    blocks = tuple(f"b{number}" for number in range(len(taken)))
    return Trace(None, blocks, tuple(("", way) for way in taken), (), (), raises)


def test_inputs_weigh_alike_without_a_profile_and_those_of_one_path_are_timed_together() -> None:
    program = with_ends(early_exits(3))
    paths = {0.0: [True], 1.0: [False, True], 2.0: [False, True]}
    found = timed_paths(
        Trial(calls(0, 1, 2, 0, 0), 10), program, None, lambda x, _: traced(paths[float(x.array_args[0][0])])
    )
    assert [(len(path.inputs), path.weight) for path in found.paths] == [(3, 0.6), (2, 0.4)]
    assert found.left_out == {}


def test_a_profile_weighs_paths() -> None:
    program = with_ends(early_exits(3))
    profile = Profile("", "", 100, {"b0": (89, 10), "b1": (10, 0)}, (), 0)
    paths = {0.0: [True], 1.0: [False, True]}
    found = timed_paths(
        Trial(calls(0, 1, 1, 1), 10), program, profile, lambda x, _: traced(paths[float(x.array_args[0][0])])
    )
    assert [len(path.inputs) for path in found.paths] == [1, 3]
    leaves = 89.5 / 100  # one call of the prior, in which both ways are as likely, beside those of the profile
    goes_on = (1 - leaves) * 10.5 / 11
    assert found.paths[0].weight == pytest.approx(leaves / (leaves + goes_on))


def test_inputs_are_left_out_for_reasons() -> None:
    program = with_ends(early_exits(3))

    def trace(inputs: InputSet, limit: int) -> Trace:
        assert limit == 10
        match float(inputs.array_args[0][0]):
            case 0.0:
                raise LoopError("too long")
            case 1.0:
                raise EngineError("index out of bounds")
            case 2.0:
                return traced([True], "ValueError")
        return traced([True])

    found = timed_paths(Trial(calls(0, 1, 2, 3, 2), 10), program, None, trace)
    assert [len(path.inputs) for path in found.paths] == [1]
    assert found.left_out == {
        "a loop takes more than 10 iterations": 1,
        "a unit fails": 1,
        "the network raises ValueError": 2,
    }


def test_the_number_of_paths_is_bounded() -> None:
    program = with_ends(early_exits(3))
    count = MOST_PATHS + 4
    inputs = calls(*range(count), 0)
    found = timed_paths(
        Trial(inputs, 10), program, None, lambda x, _: Trace(None, (str(x.array_args[0][0]),) * 2, (), (), ())
    )
    assert len(found.paths) == MOST_PATHS
    assert found.paths[0].weight == pytest.approx(2 / (MOST_PATHS + 1))
    assert sum(path.weight for path in found.paths) == pytest.approx(1)
    assert sum(found.left_out.values()) == 4
