"""``adaptc costmodel``: predicting, showing, and what is wrong with files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adaptc.costmodel.model import read_model, write_model
from adaptc.costmodel.shipped import calibrated_file, choose

from ..costmodel.linear_rows import write_measured
from . import networks
from .conftest import Run

LINEAR = """
func.func @unit(%x: !torch.vtensor<[1,64],f32>) {
  %w = "adaptc.weight"() {name = "w"} : () -> !torch.vtensor<[32,64],f32>
  %b = "adaptc.weight"() {name = "b"} : () -> !torch.vtensor<[32],f32>
  %y = "torch.aten.linear"(%x, %w, %b) : (!torch.vtensor<[1,64],f32>, !torch.vtensor<[32,64],f32>, \
!torch.vtensor<[32],f32>) -> !torch.vtensor<[1,32],f32>
  func.return %y : !torch.vtensor<[1,32],f32>
}
"""


@pytest.fixture(autouse=True)
def _no_model_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_the_blocks_of_a_program_are_predicted(run: Run, tmp_path: Path) -> None:
    text = run("opt", networks.write(tmp_path, networks.EXITS, "exits.py")).out
    (tmp_path / "exits.mlir").write_text(text)
    answer = run("costmodel", "predict", tmp_path / "exits.mlir", "--json").json
    assert len(answer["blocks"]) > 1
    for found in answer["blocks"].values():
        assert 0 < found["kernels_us"] < found["time_us"]
        assert found["low_us"] < found["time_us"] < found["high_us"]
        assert found["warnings"] == []
    shown = run("costmodel", "predict", tmp_path / "exits.mlir")
    assert shown.code == 0
    assert "of it kernels" in shown.out


def test_an_operator_that_is_not_known_is_named(run: Run, tmp_path: Path) -> None:
    sure = run_on(run, tmp_path, LINEAR)["unit"]
    found = run_on(run, tmp_path, LINEAR.replace("aten.linear", "aten.mystery"))["unit"]
    assert found["warnings"] == ["mystery (line 5) is not known to it"]
    assert found["high_us"] / found["time_us"] == pytest.approx(2 * sure["high_us"] / sure["time_us"])


def run_on(run: Run, tmp_path: Path, text: str) -> dict[str, dict[str, float]]:
    (tmp_path / "unit.mlir").write_text(text)
    blocks: dict[str, dict[str, float]] = run("costmodel", "predict", tmp_path / "unit.mlir", "--json").json["blocks"]
    return blocks


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def forward(x): pass", "line 1 of the MLIR text cannot be read"),
        ('module {\n  %a = "torch.aten.relu"(%x) : () -> ()\n}', "line 2 of the MLIR text cannot be read"),
        (LINEAR.replace("(%x, %w, %b)", "(%z, %w, %b)"), "%z is not defined"),
        ("func.func @f(%x: i64) {\n  func.return %x : i64\n}", "no block with tensor code"),
    ],
)
def test_text_without_a_program_is_refused(run: Run, tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "bad.mlir").write_text(text)
    told = run("costmodel", "predict", tmp_path / "bad.mlir")
    assert told.code == 1
    assert why in told.err
    assert "cannot read" in run("costmodel", "predict", tmp_path / "missing.mlir").err


def test_show_tells_what_a_model_was_made_of(run: Run) -> None:
    told = run("costmodel", "show")
    assert told.code == 0
    for name in ("machine", "made of", "range", "call", "in a graph"):
        assert name in told.out
    answer = run("costmodel", "show", "--json").json
    assert answer["about"]["rows"] > 1000


def test_a_model_from_elsewhere_is_said_to_be(run: Run, tmp_path: Path) -> None:
    model = choose().model
    (tmp_path / "cache").mkdir()
    other = type(model)(
        model.predictor, model.channels, model.band, model.largest, model.control, {"machine": {"cpu": "a slide rule"}}
    )
    write_model(other, tmp_path / "other.costmodel")
    told = run("costmodel", "show", "--model", tmp_path / "other.costmodel")
    assert "warning: the model was made elsewhere (cpu a slide rule, here" in told.out.replace("\n", " ")
    assert "adaptc costmodel calibrate" in told.out


def test_a_calibrated_model_prices_plans(run: Run, tmp_path: Path) -> None:
    calibrated_file().parent.mkdir(parents=True)
    write_model(choose().model, calibrated_file())
    assert choose().file == calibrated_file()
    assert read_model(calibrated_file()).channels == choose().model.channels
    file = networks.write(tmp_path, networks.EXITS, "exits.py")
    run("compile", file, "-o", tmp_path / "out", "--no-verify")
    (plan,) = run("explain", tmp_path / "out", "--json").json["plan"]
    assert plan["cost"]["model"] == calibrated_file().name


def test_compile_takes_a_model(run: Run, tmp_path: Path) -> None:
    write_model(choose().model, tmp_path / "mine.costmodel")
    file = networks.write(tmp_path, networks.EXITS, "exits.py")
    told = run("compile", file, "-o", tmp_path / "out", "--no-verify", "--cost-model", tmp_path / "mine.costmodel")
    assert told.code == 0
    assert "expected by mine.costmodel" in run("explain", tmp_path / "out").out
    (tmp_path / "bad.costmodel").write_text("no")
    told = run("compile", file, "-o", tmp_path / "none", "--no-verify", "--cost-model", tmp_path / "bad.costmodel")
    assert told.code == 1
    assert "is not a cost model that adaptc wrote" in told.err
    assert not (tmp_path / "none").exists()


def test_a_model_is_trained_and_prices_code(run: Run, tmp_path: Path) -> None:
    write_measured(tmp_path / "t.parquet", 200)
    for more in ((), ("--no-corrections",)):
        made = run("costmodel", "train", tmp_path / "t.parquet", "-o", tmp_path / "t.costmodel", "--json", *more).json
        assert made["about"]["rows"] == 200
        (tmp_path / "unit.mlir").write_text(LINEAR)
        told = run("costmodel", "predict", tmp_path / "unit.mlir", "--model", tmp_path / "t.costmodel", "--json").json
        assert told["blocks"]["unit"]["time_us"] == pytest.approx(6.0 + 64 * 32 * 1e-5, rel=0.1)


def test_models_are_compared(run: Run, tmp_path: Path) -> None:
    write_measured(tmp_path / "t.parquet", 120)
    plot, save = tmp_path / "p.svg", tmp_path / "e.json"
    arguments = ("costmodel", "evaluate", tmp_path / "t.parquet", "--models", "constant,kernel-sum", "--details")
    told = run(*arguments, "--plot", plot, "--save", save, "--seeds", "2")
    assert told.code == 0
    for word in ("families that were not seen", "longest fifth", "existing networks", "kernel-sum", "narrow"):
        assert word in told.out
    assert plot.read_text().count("<circle") == 90 + 3
    scores = json.loads(save.read_text())["splits"]["family"]
    assert scores["kernel-sum"]["overall"]["median"] < scores["constant"]["overall"]["median"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["evaluate", "none.parquet"], "there is no table none.parquet"),
        (["evaluate", "--models", "magic"], "there is no model 'magic'"),
        (["evaluate", "--splits", "moon"], "there is no split 'moon'"),
        (["train", "none.parquet"], "there is no table none.parquet"),
        (["show", "--model", "none.costmodel"], "cannot read none.costmodel"),
    ],
)
def test_what_is_missing_is_named(run: Run, arguments: list[str], why: str) -> None:
    told = run("costmodel", *arguments)
    assert told.code == 1
    assert why in told.err


def test_decisions_are_told_beside_the_best_rule(run: Run) -> None:
    shown = run("costmodel", "decisions", "--kinds", "projections,gate")
    assert shown.code == 0
    assert "always apart" in shown.out
    assert "nearly always right" in shown.out
    answer = run("costmodel", "decisions", "--kinds", "projections", "--json").json
    (found,) = answer["kinds"].values()
    assert found["questions"] > 30
    assert found["model"]["mean"] <= found["rule"]["mean"]
    assert answer["model"].endswith("xeon-512.costmodel"), "that of the machine on which they were measured"


def test_decisions_are_measured_into_a_table(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "some.parquet"
    answer = run("costmodel", "decisions", file, "--collect", "1", "--kinds", "projections", "--json").json
    assert answer["kinds"]["projections"]["questions"] == 1
    assert file.is_file()


def test_a_kind_of_decisions_that_is_unknown_is_named(run: Run, tmp_path: Path) -> None:
    failed = run("costmodel", "decisions", tmp_path / "some.parquet", "--collect", "1", "--kinds", "projection")
    assert failed.code == 1
    assert "there is no kind of decisions 'projection'; the kinds are" in " ".join(failed.err.split())


def test_decisions_are_measured_into_a_table_that_is_named(run: Run) -> None:
    failed = run("costmodel", "decisions", "--collect", "1")
    assert failed.code == 1
    assert "name the table" in failed.err


def test_a_kind_that_the_table_lacks_is_named(run: Run) -> None:
    failed = run("costmodel", "decisions", "--kinds", "gates")
    assert failed.code == 1
    assert "there is no kind of decisions 'gates'; there are producer, gate," in " ".join(failed.err.split())
