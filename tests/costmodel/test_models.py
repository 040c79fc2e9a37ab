"""The parts of the cost model, each beside an independent computation."""

from __future__ import annotations

import math

import lightgbm
import numpy as np
import pytest

from adaptc.costmodel.errors import CostModelError
from adaptc.costmodel.features import Features, terms_of
from adaptc.costmodel.kernels.kernel import Kernel
from adaptc.costmodel.metrics import metrics, noise_floor
from adaptc.costmodel.model import ControlCosts, CostModel, read_model, write_model
from adaptc.costmodel.models.boosted import Settings, fit_corrections
from adaptc.costmodel.models.kernel_sum import KernelSum, fit
from adaptc.costmodel.models.trees import trees_of


def features(*kernels, unknown=()):
    """Features of a unit of these kernels that takes one array and gives one."""
    terms = {}
    for kernel in kernels:
        for name, amount in terms_of(kernel).items():
            terms[name] = terms.get(name, 0.0) + amount
    return Features(kernels, terms, 1, 1, 40, dict(unknown))


def kernel(kind, elements, width=8.0):
    return Kernel(kind, kind.title(), {"elements": elements}, {"width": width}, 3)


def drawn(count, seed=0):
    """Units of two kinds of kernels, of which one takes longer by its width."""
    generator = np.random.default_rng(seed)
    rows, times = [], []
    for _ in range(count):
        kernels = []
        took = 4.0 + 2 * 0.5
        for _ in range(generator.integers(1, 5)):
            kind = generator.choice(["plain", "wide"])
            elements, width = float(generator.integers(100, 100_000)), float(generator.integers(1, 64))
            kernels.append(kernel(kind, elements, width))
            took += 1.0 + elements * 1e-3 * (1 + 2 * (kind == "wide") * (width > 32))
        rows.append(features(*kernels))
        times.append(took)
    return rows, np.array(times)


def test_the_kernel_sum_finds_the_prices_that_made_its_data():
    generator = np.random.default_rng(1)
    prices = {"call.fixed": 4.0, "a.fixed": 0.7, "a.macs": 2e-5, "b.fixed": 1.3, "b.bytes": 0.0}
    rows = [
        {"call.fixed": 1.0, "a.fixed": float(generator.integers(0, 5)), "a.macs": float(generator.integers(0, 10**7))}
        | {"b.fixed": float(generator.integers(0, 3)), "b.bytes": float(generator.integers(0, 10**6))}
        for _ in range(300)
    ]
    times = np.array([sum(prices[name] * amount for name, amount in row.items()) for row in rows])
    times[:6] *= 5  # what another program disturbed
    model = fit(rows, times)
    for name, price in prices.items():
        assert model.coefficients[name] == pytest.approx(price, rel=0.05, abs=2e-7)
    assert model.time({"c.macs": 100.0}) == pytest.approx(2e-3, rel=0.03), "a kind that is not known: as others"


def test_a_fit_stays_with_what_it_is_drawn_to_where_the_rows_say_nothing():
    rows = [{"call.fixed": 1.0, "a.fixed": float(count)} for count in range(1, 40)]
    model = fit(rows, np.array([4.0 + 2 * count for count in range(1, 40)]), toward={"a.fixed": 1.0, "b.fixed": 7.0})
    assert model.coefficients["a.fixed"] == pytest.approx(2.0, rel=0.01)
    assert model.coefficients["b.fixed"] == 7.0


def test_no_rows_are_refused():
    with pytest.raises(CostModelError, match="no row"):
        fit([], np.zeros(0))


@pytest.mark.parametrize("leaves", [2, 12, 63])
def test_trees_give_what_lightgbm_gives(leaves):
    generator = np.random.default_rng(leaves)
    rows = generator.normal(size=(2000, 5))
    target = np.sin(rows[:, 0] * 3) + (rows[:, 1] > 0.3) * rows[:, 2]
    options = {"num_leaves": leaves, "verbosity": -1, "min_data_in_leaf": 3}
    booster = lightgbm.train(options, lightgbm.Dataset(rows, target), 30)
    trees = trees_of([tree["tree_structure"] for tree in booster.dump_model()["tree_info"]])
    tests = generator.normal(size=(500, 5))
    assert trees.sum(tests) == pytest.approx(booster.predict(tests), abs=1e-9)


def test_corrections_learn_what_the_sum_cannot_say():
    rows, times = drawn(800)
    base = fit([each.with_call for each in rows], times)
    model = fit_corrections(rows, times, base, Settings(60, 12, 0.12, 8, 1.0))
    unseen, measured = drawn(200, seed=9)
    before = metrics(np.array([base.time(each.with_call) for each in unseen]), measured)
    after = metrics(np.array([model.time_with_call(each) for each in unseen]), measured)
    assert before.median > 0.1
    assert after.median < 0.03
    assert after.tau > before.tau


def test_a_correction_is_gone_outside_of_the_data():
    rows, times = drawn(400)
    base = fit([each.with_call for each in rows], times)
    model = fit_corrections(rows, times, base, Settings(30, 12, 0.12, 8, 1.0))
    far = features(kernel("wide", 1e9, 60.0))
    assert model.time(far) == pytest.approx(base.time(far.terms))


@pytest.fixture(scope="module")
def model():
    rows, times = drawn(300)
    boosted = fit_corrections(rows, times, fit([each.with_call for each in rows], times), Settings(rounds=20))
    largest = {"plain.elements": 1e5, "wide.elements": 1e5}
    return CostModel(
        boosted, 8, (-0.1, 0.2), largest, ControlCosts(1.0, 0.8, 1e-5, 4.0, 0.5), {"machine": {"cpu": "x"}}
    )


def test_a_model_reads_back_as_it_was_written(model, tmp_path):
    write_model(model, tmp_path / "a.costmodel")
    write_model(model, tmp_path / "b.costmodel")
    assert (tmp_path / "a.costmodel").read_bytes() == (tmp_path / "b.costmodel").read_bytes()
    read = read_model(tmp_path / "a.costmodel")
    for unit in drawn(30, seed=4)[0]:
        assert read.predict(unit).time_us == pytest.approx(model.predict(unit).time_us, rel=1e-4)
    assert read.control == model.control
    assert read.about == model.about


def test_a_prediction_has_a_range_that_doubts_widen(model):
    sure = model.predict(features(kernel("plain", 5000.0)))
    assert sure.low_us == pytest.approx(sure.time_us * math.exp(-0.1))
    assert sure.high_us == pytest.approx(sure.time_us * math.exp(0.2))
    assert sure.warnings == ()
    calls = {"call.fixed": 1.0, "call.values": 2.0, "call.bytes": 40.0}
    assert sure.time_us - sure.kernels_us == pytest.approx(model.predictor.base.time(calls))
    assert sure.kernels_us > 0
    large = model.predict(features(kernel("plain", 5e6)))
    assert large.warnings == ("Plain (line 3) is larger than any in its data",)
    assert large.high_us == pytest.approx(large.time_us * math.exp(0.2) * 2)
    new = model.predict(features(kernel("strange", 10.0), unknown=[("fft_rfft", 7)]))
    assert new.warnings == ("fft_rfft (line 7) is not known to it", "its data has no Strange (line 3)")


@pytest.mark.parametrize("text", [b"", b"not a zip", b"PK\x05\x06" + 18 * b"\0"])
def test_a_file_that_is_no_model_is_refused(text, tmp_path):
    file = tmp_path / "broken.costmodel"
    file.write_bytes(text)
    with pytest.raises(CostModelError, match=r"broken\.costmodel is not a cost model"):
        read_model(file)
    with pytest.raises(CostModelError, match="cannot read"):
        read_model(tmp_path / "missing.costmodel")


def test_metrics_are_what_their_names_say():
    found = metrics(np.array([10.5, 20.0, 15.0, 80.0]), np.array([10.0, 20.0, 30.0, 40.0]))
    assert found.mape == pytest.approx((0.05 + 0 + 0.5 + 1.0) / 4)
    assert found.median == pytest.approx(0.275)
    assert found.within == 0.5
    assert found.tau == pytest.approx(4 / 6)
    assert noise_floor([(1.0, 1.1, 1.0), (2.2, 2.0, 2.2)]).median == pytest.approx((1 - 1 / 1.1 + 0.1) / 2)


def test_a_sum_without_a_price_costs_what_others_cost():
    model = KernelSum({"a.fixed": 2.0}, {"fixed": 3.0})
    assert model.time({"a.fixed": 1.0, "b.fixed": 1.0, "b.elements": 5.0}) == 5.0
