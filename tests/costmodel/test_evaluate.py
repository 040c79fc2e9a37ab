"""Splits, training and calibration on rows whose times follow a rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adaptc.costmodel import calibrate as calibrating
from adaptc.costmodel.calibrate import calibrate, rows_of_table
from adaptc.costmodel.contestants import CONTESTANTS, SLOW
from adaptc.costmodel.data.machine import this_machine
from adaptc.costmodel.data.table import read_table
from adaptc.costmodel.errors import CostModelError
from adaptc.costmodel.evaluate import by_family, by_origin, by_size, score, splits_for
from adaptc.costmodel.model import ControlCosts
from adaptc.costmodel.models.boosted import Settings
from adaptc.costmodel.rows import Rows, rows_of
from adaptc.costmodel.train import refit, train

from .linear_rows import measured, text, write_measured

GRAPH = ControlCosts(1.0, 0.8, 1e-5, 4.0, 0.5)


@pytest.fixture(scope="module")
def rows():
    return measured()


def test_rows_have_one_unit_each(rows):
    assert len(rows) == 120
    assert all(len(each.kernels) in (1, 3) for each in rows.features), "a Gemm and what it computes along"
    assert len(rows.where(real=True)) == 30


def test_splits_hold_out_what_they_say(rows):
    for split in by_family(rows):
        assert len({rows.families[place] for place in split.outside}) == 1
        assert not {rows.families[place] for place in split.outside} & {rows.families[place] for place in split.inside}
    assert sorted(place for split in by_family(rows, 2) for place in split.outside) == list(range(120))
    kernels = Rows(("kernel",) * 4 + rows.families[4:], rows.texts, rows.features, rows.times, rows.passes)
    assert all(not {0, 1, 2, 3} & set(split.outside) for split in by_family(kernels))
    (largest,) = by_size(rows)
    assert len(largest.outside) == 24
    assert min(rows.times[list(largest.outside)]) > max(rows.times[list(largest.inside)])
    (origin,) = by_origin(rows)
    assert {rows.families[place] for place in origin.outside} == {"real:net"}
    assert by_origin(rows.where(real=False)) == []


@pytest.mark.parametrize("name", [name for name in CONTESTANTS if name not in SLOW])
def test_every_model_can_be_fitted_and_scored(rows, name):
    found = score(name, CONTESTANTS[name], rows, splits_for(name, rows, "family"), [0, 1], lambda text: None)
    assert found.overall.rows == 120
    assert sum(each.rows for each in found.by_family.values()) == 120
    if "kernel" in name:
        assert found.overall.median < 0.03
        assert found.overall.tau > 0.97


def test_a_trained_model_tells_the_rule(rows):
    model = train(rows, 8, GRAPH, {"rows": len(rows)}, lambda *_: None, Settings(rounds=10))
    unseen = measured(40, seed=5)
    for each, time in zip(unseen.features, unseen.times):
        prediction = model.predict(each)
        assert prediction.time_us == pytest.approx(time, rel=0.08)
    assert model.band[0] < 0 < model.band[1]
    assert model.largest["gemm.macs"] > 1e6


def test_calibration_follows_a_machine(rows):
    model = train(rows, 8, GRAPH, {}, lambda *_: None, Settings(rounds=10))
    elsewhere = measured(60, seed=7, slower=2.5, sigmoid=0.0016)
    fitted, found = refit(model, elsewhere, 16, ControlCosts(2.0, 2.0, 2e-5, 8.0, 1.0), {"machine": {"cpu": "other"}})
    assert found.median < 0.03
    unseen = measured(40, seed=8, slower=2.5, sigmoid=0.0016)
    told = np.array([fitted.predict(each).time_us for each in unseen.features])
    assert np.median(np.abs(told / unseen.times - 1)) < 0.04
    assert fitted.control.branch == 2.0
    assert fitted.channels == 16


def test_calibrate_measures_fits_and_says_where(rows, monkeypatch):
    model = train(rows, 8, GRAPH, {"machine": {"cpu": "first"}}, lambda *_: None)
    monkeypatch.setattr(calibrating, "collect", lambda file, *_: write_measured(file, 60, seed=3, slower=3.0))
    told = []
    fitted, found = calibrate(model, None, lambda *step: told.append(step))
    assert found.median < 0.05
    assert fitted.about["calibrated_from"] == {"cpu": "first"}
    assert fitted.about["rows"] == 60
    assert fitted.about["machine"] == this_machine().record()
    assert fitted.control.branch > 0
    assert told == [("control flow", 0, 0)]
    unseen = measured(20, seed=4, slower=3.0)
    ratios = [fitted.predict(each).time_us / time for each, time in zip(unseen.features, unseen.times)]
    assert 0.9 < np.median(ratios) < 1.1


def test_a_table_gives_its_rows(tmp_path):
    write_measured(tmp_path / "t.parquet", 40)
    found = rows_of_table(read_table(tmp_path / "t.parquet"))
    assert found.families == measured(40).families
    assert found.times == pytest.approx(measured(40).times)
    table = read_table(tmp_path / "t.parquet")
    table.rows[3] = replace(table.rows[3], machine="elsewhere")
    with pytest.raises(CostModelError, match=r"t\.parquet has rows of several machines"):
        rows_of_table(table)


def test_too_few_rows_are_refused(rows):
    few = rows.take(range(5))
    with pytest.raises(CostModelError, match="5 units are too few"):
        train(few, 8, GRAPH, {}, lambda *_: None)
    model = train(rows, 8, GRAPH, {}, lambda *_: None, Settings(rounds=2))
    with pytest.raises(CostModelError, match="5 units are too few"):
        refit(model, few, 8, GRAPH, {})


def test_an_extent_that_is_open_is_told_by_its_name():
    source = text(2, 16, 8, False).replace("[2,16]", "[?,16]").replace("[2,8]", "[?,8]")
    given = source.replace("f32>) {", 'f32> {adaptc.shape = ["n", 16]}) {', 1)
    row: Rows = rows_of(["a"], [given], [1.0], [[1.0]], 8, [{"n": 5}])
    assert row.features[0].terms["gemm.macs"] == 5 * 16 * 8
