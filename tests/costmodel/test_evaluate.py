"""Splits, training and calibration on rows whose times follow a rule."""

from __future__ import annotations

import numpy as np
import pytest

from adaptc.costmodel.contestants import CONTESTANTS, SLOW
from adaptc.costmodel.errors import CostModelError
from adaptc.costmodel.evaluate import by_family, by_origin, by_size, score, splits_for
from adaptc.costmodel.model import GraphCosts
from adaptc.costmodel.models.boosted import Settings
from adaptc.costmodel.rows import Rows, rows_of
from adaptc.costmodel.train import refit, train

GRAPH = GraphCosts(1.0, 0.8, 1e-5)


def text(rows, inner, columns, relu):
    """A linear layer, with a ReLU behind it or without."""
    out = f"!torch.vtensor<[{rows},{columns}],f32>"
    given = f"!torch.vtensor<[{rows},{inner}],f32>"
    weight, bias = f"!torch.vtensor<[{columns},{inner}],f32>", f"!torch.vtensor<[{columns}],f32>"
    lines = [
        f'%w = "adaptc.weight"() {{name = "w"}} : () -> {weight}',
        f'%b = "adaptc.weight"() {{name = "b"}} : () -> {bias}',
        f'%y = "torch.aten.linear"(%x, %w, %b) : ({given}, {weight}, {bias}) -> {out}',
    ]
    if relu:
        lines.append(f'%z = "torch.aten.sigmoid"(%y) : ({out}) -> {out}')
        lines.append(f'%u = "torch.aten.sigmoid"(%z) : ({out}) -> {out}')
    last = "%u" if relu else "%y"
    return "\n".join([f"func.func @unit(%x: {given}) {{", *lines, f"func.return {last} : {out}", "}"])


def measured(count=120, seed=0, slower=1.0, sigmoid=0.0004):
    """Rows of four families whose times are those of a rule, on a machine that is `slower`."""
    generator = np.random.default_rng(seed)
    texts, times, families = [], [], []
    for number in range(count):
        rows, inner, columns = (int(2 ** generator.uniform(1, 9)) for _ in range(3))
        relu = bool(number % 2)
        texts.append(text(rows, inner, columns, relu))
        took = 6.0 + 1e-5 * rows * inner * columns + relu * (0.8 + sigmoid * rows * columns)
        times.append(took * slower)
        families.append(("real:net", "wide", "narrow", "deep")[number % 4])
    return rows_of(families, texts, times, [[time, 1.01 * time, time] for time in times], 8)


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
    fitted, found = refit(model, elsewhere, GraphCosts(2.0, 2.0, 2e-5), {"machine": {"cpu": "other"}})
    assert found.median < 0.03
    unseen = measured(40, seed=8, slower=2.5, sigmoid=0.0016)
    told = np.array([fitted.predict(each).time_us for each in unseen.features])
    assert np.median(np.abs(told / unseen.times - 1)) < 0.04
    assert fitted.graph.branch == 2.0


def test_too_few_rows_are_refused(rows):
    few = rows.take(range(5))
    with pytest.raises(CostModelError, match="5 units are too few"):
        train(few, 8, GRAPH, {}, lambda *_: None)
    model = train(rows, 8, GRAPH, {}, lambda *_: None, Settings(rounds=2))
    with pytest.raises(CostModelError, match="5 units are too few"):
        refit(model, few, GRAPH, {})


def test_an_extent_that_is_open_is_told_by_its_name():
    source = text(2, 16, 8, False).replace("[2,16]", "[?,16]").replace("[2,8]", "[?,8]")
    given = source.replace("f32>) {", 'f32> {adaptc.shape = ["n", 16]}) {', 1)
    row: Rows = rows_of(["a"], [given], [1.0], [[1.0]], 8, [{"n": 5}])
    assert row.features[0].terms["gemm.macs"] == 5 * 16 * 8
