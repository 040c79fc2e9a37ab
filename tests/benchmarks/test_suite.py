"""The benchmark suite: a run of two small networks, what it prints and keeps, and the numbers made of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "benchmarks" / "suite.py"
PEERS = ("eager", "script", "adaptc", "oracle", "oracle_without")

MODEL = """
import torch
from torch import nn

class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.heavy = nn.Linear(8, 8)

    def forward(self, x):
        count = 0
        while x.sum() > 0 and count < 3:
            x = self.heavy(x) - 1
            count += 1
        return x, count

torch.manual_seed(0)
model = Gate().eval()
example_inputs = (torch.ones(1, 8),)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, str(SUITE), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def contest() -> Iterator[Any]:
    """The suite's modules by name, found in its own folder as the script finds them."""
    folders = [str(ROOT / "benchmarks"), str(ROOT / "examples")]
    sys.path[:0] = folders
    yield lambda name: import_module(f"contest.{name}")
    for folder in folders:
        sys.path.remove(folder)


def test_every_cell_is_printed_and_kept(tmp_path: Path) -> None:
    model, out, plot = tmp_path / "gate.py", tmp_path / "run.json", tmp_path / "run.svg"
    model.write_text(MODEL)
    arguments = ["--networks", "early_exit_cnn", "--model", str(model), "--peers", ",".join(PEERS), "--threads", "1"]
    arguments += ["--repeats", "2", "--inputs", "4", "--out", str(out), "--plot", str(plot)]
    done = run(*arguments)
    kept = json.loads(out.read_text())
    assert set(kept["networks"]) == {"early_exit_cnn", "gate"}
    rows = done.stdout.splitlines()
    header = next(row for row in rows if row.startswith("network "))
    assert header.split() == ["network", "load", "paths", *(kept["titles"][peer] for peer in PEERS)]
    for name, record in kept["networks"].items():
        cells = record["cells"]["1"]
        assert list(cells) == list(PEERS)
        assert sum(way["inputs"] for way in record["ways"]) == 4
        row = next(row for row in rows if row.startswith(name)).split()
        assert row[2] == str(len(record["ways"]))
        for peer, text in zip(PEERS, row[3:], strict=True):
            if cells[peer]["reason"]:
                assert peer == "script"
                assert text == "-"
                assert cells[peer]["reason"] in done.stdout
            else:
                assert len(cells[peer]["micros"]) == len(record["ways"])
                assert all(micros > 0 for micros in cells[peer]["micros"])
                assert float(text) > 0
                assert cells[peer]["error"] <= 1e-5
    assert plot.read_text().count("<circle") > 4
    again = run(*arguments, "--resume", "--compare", str(out))
    assert "turn" not in again.stderr, "cells that are there were run again"
    change = again.stdout.split("new time / old time")[1].splitlines()
    assert next(row for row in change if row.startswith("gate")).split()[1] == "1.00"


def test_numbers_made_of_a_run(contest: Any) -> None:
    results, tables = contest("results"), contest("tables")
    ways = [results.WayRecord(3, [[1, 8]], ["b0"]), results.WayRecord(1, [[1, 8]], ["b0", "b1"])]
    cells = {
        "eager": results.Cell([100.0, 500.0]),
        "script": results.Cell(reason="refused"),
        "adaptc": results.Cell([50.0, 90.0]),
        "oracle": results.Cell([50.0, 70.0]),
    }
    kinds = {"eager": "peer", "script": "peer", "adaptc": "ours", "oracle": "bound"}
    found = results.Run("", {}, "", 3, {name: name for name in kinds}, kinds, {})
    found.networks["net"] = results.NetworkRecord(ways, {"1": cells})
    assert results.latencies(found, "net", "1") == {"eager": 200.0, "adaptc": 60.0, "oracle": 55.0}
    assert results.ratios(found, "1", "eager") == {"net": pytest.approx(200 / 60)}
    assert results.geomean([2.0, 8.0]) == pytest.approx(4.0)
    assert results.best_peer(found, "net", "1") == ("eager", 200.0)
    missed = results.misses(found, "1")
    assert [len(missing) for missing in missed.values()] == [1, 0, 1, 0]
    assert "net: refused" in tables.report(found)
    slower = results.NetworkRecord(ways, {"1": {**cells, "adaptc": results.Cell([100.0, 180.0])}})
    later = results.Run("", {}, "", 3, found.titles, kinds, {"net": slower})
    assert tables.comparison(found, later).splitlines()[-1].split() == ["net", "1.00", "-", "2.00", "1.00"]


def test_a_path_becomes_straight_code(contest: Any, tmp_path: Path) -> None:
    """Loops are unrolled as taken, numbers are constants, and what only tests read is left out on demand."""
    import torch

    composing = contest("composing")
    from adaptc.compiler.driver import capture_program, optimise
    from adaptc.compiler.model_file import load_model_file

    file = tmp_path / "gate.py"
    file.write_text(MODEL)
    model = load_model_file(file).model
    x = torch.full((1, 8), 3.0)
    program, _ = capture_program(model, x, name="gate", dynamic={})
    optimise(program)
    expected, count = model(x)
    for predicates in (True, False):
        straight = composing.compose(program, [x], "path", predicates)
        code = straight.block.code
        assert code is not None
        outputs = code.graph(x, *straight.weights.values())
        first, second = straight.leaves
        assert torch.allclose(outputs[first], expected)
        assert second.value == count
        assert (len(outputs) > 1) == predicates


def test_wrong_answers_are_found(contest: Any) -> None:
    import torch

    error = contest("agreement").leaf_error
    assert error([torch.ones(2), 3], [torch.ones(2), torch.tensor(3)]) == 0
    assert error(torch.ones(2), torch.tensor([1.0, 1.5])) == pytest.approx(0.5)
    assert error(torch.ones(2), torch.ones(3)) == float("inf")
    assert error([torch.ones(2), 3], [torch.ones(2), 4]) == float("inf")
    assert error(torch.tensor([1.0, torch.inf]), torch.tensor([1.0, 2.0])) == float("inf")


@pytest.mark.long
def test_hand_written_versions_are_the_networks(contest: Any) -> None:
    contest("peers")
    import torch
    from handwritten import VERSIONS  # type: ignore[import-not-found]

    networks = contest("networks").networks()
    for name in ("early_exit_cnn", "skip_gate_cnn", "exception_exit", "patience_transformer", "blockdrop"):
        network = networks[name]
        model = network.load().model
        version = VERSIONS[name](model)
        with torch.no_grad():
            for call in network.calls(12):
                tensors = list(call.values())
                found = contest("agreement").leaf_error(version.of_eager(model(**call)), list(version.module(*tensors)))
                assert found <= 1e-5
