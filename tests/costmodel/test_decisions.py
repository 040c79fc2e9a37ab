"""Decisions: what ways are made of, what they are priced at, and how good choices are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from adaptc.compiler.costmodel_decisions import QuestionBuilder
from adaptc.costmodel.data.errors import SampleError, SpaceError, TableError
from adaptc.costmodel.data.parquet import origin_here
from adaptc.costmodel.decisions.collect import collect_questions
from adaptc.costmodel.decisions.questions import Part, Question, Way, price
from adaptc.costmodel.decisions.registry import Alternatives, Network, kinds
from adaptc.costmodel.decisions.regret import choice, compare
from adaptc.costmodel.decisions.table import read_questions, write_questions
from adaptc.costmodel.shipped import choose, shipped_decisions, shipped_model

from .linear_rows import text

KINDS = [kind.name for kind in kinds()]
MODEL = choose().model


def way(name: str, time_us: float, calls: float = 1.0, parts: tuple[Part, ...] = ()) -> Way:
    return Way(name, parts, calls, 2.0, 0.0, 0.0, 0.0, 0.0, time_us, 0.0)


@pytest.fixture(scope="module")
def builder() -> QuestionBuilder:
    return QuestionBuilder(seconds=0.01)


@pytest.mark.parametrize("name", KINDS)
def test_ways_of_each_kind_compute_the_same(name: str, builder: QuestionBuilder, tmp_path: Path) -> None:
    """`measure` raises where they do not."""
    (kind,) = kinds([name])
    question = builder.measure(name, f"{name}/0", kind.draw(3, 1), tmp_path)
    assert len(question.ways) >= 2
    for each in question.ways:
        assert each.time_us > 0
        assert each.calls >= 1
        assert each.parts
        assert price(each, MODEL) > 0


def test_what_a_way_is_made_of_follows_its_inputs(builder: QuestionBuilder, tmp_path: Path) -> None:
    class Skipping(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(8, 8)

        def forward(self, x, gate):
            if gate.item() > 0:
                x = self.layer(x)
            return x * 2

    network = Skipping().eval()
    inputs = [(torch.randn(1, 8), torch.tensor([sign])) for sign in (1.0, -1.0, -1.0, -1.0)]
    ways = {"graph": Network(network), "blocks": Network(network, "blocks")}
    question = builder.measure("any", "any/0", Alternatives(ways, inputs), tmp_path)
    graph, blocks = question.ways
    layer = sum(part.runs for part in graph.parts if "linear" in part.mlir)
    assert layer == pytest.approx(0.25)
    assert (graph.calls, graph.branches) == pytest.approx((1.0, 1.0))
    assert graph.numbers >= 2, "the read and the test"
    assert (blocks.branches, blocks.numbers) == (0.0, 0.0)
    assert blocks.calls == pytest.approx(sum(part.runs for part in blocks.parts))


def test_sizes_that_only_data_tells_are_its_own(builder: QuestionBuilder, tmp_path: Path) -> None:
    (kind,) = kinds(["samples"])
    given = kind.draw(0, 1)
    question = builder.measure("samples", "samples/1", given, tmp_path)
    packed = question.ways[1]
    needed = np.mean([int(mask.sum()) for _, mask in given.inputs])
    assert packed.parts[0].sizes["?"] == pytest.approx(needed, abs=0.51)


def test_ways_that_differ_are_no_question(builder: QuestionBuilder, tmp_path: Path) -> None:
    ways = {"one": Network(torch.nn.ReLU()), "other": Network(torch.nn.Tanh())}
    with pytest.raises(SampleError, match="'other' gives something else than 'one' in PyTorch"):
        builder.measure("any", "any/0", Alternatives(ways, [(torch.randn(4),)]), tmp_path)


def test_prices_add_up() -> None:
    part = Part(text(1, 8, 8, False), {}, 1.0)
    once, often = way("once", 1.0, parts=(part,)), way("often", 1.0, parts=(Part(part.mlir, {}, 3.0),))
    control = MODEL.control.call + 2 * MODEL.control.value
    assert price(often, MODEL) - control == pytest.approx(3 * (price(once, MODEL) - control))


def test_choices() -> None:
    assert choice([1.0, 2.0]) == (0, False)
    assert choice([2.0, 1.0]) == (1, False)
    assert choice([1.05, 1.0]) == (0, True), "alike: what is done where nobody asks"


def test_regret_is_beside_the_fastest_way_and_the_best_rule() -> None:
    dear, cheap = 5.0, 1.0
    asked = [
        Question("order", "0", (way("a", 10.0, cheap), way("b", 20.0, dear))),
        Question("order", "1", (way("a", 30.0, dear), way("b", 10.0, cheap))),
        Question("order", "2", (way("a", 11.0, cheap), way("b", 10.0, dear))),
    ]
    (found,) = compare(asked, MODEL)
    assert found.model.mean == pytest.approx(0.1 / 3)
    assert found.model.worst == pytest.approx(0.1)
    assert found.model.right == pytest.approx(2 / 3)
    assert found.rule.chooser == "always b"
    assert found.rule.mean == pytest.approx(1 / 3)
    assert found.is_open


def test_a_table_gives_back_what_was_written(tmp_path: Path) -> None:
    part = Part("module {}", {"rows": 3, "?": 2}, 0.5)
    asked = [
        Question("k", "k/0", (way("a", 1.0, parts=(part,)), way("b", 2.0))),
        Question("k", "k/1", (way("a", 3.0),)),
    ]
    write_questions(tmp_path / "some.parquet", asked, origin_here(0, {}, {}))
    found, origin = read_questions(tmp_path / "some.parquet")
    assert found == asked
    assert origin.seed == 0


class Fixed:
    """Measures nothing, and counts what it is asked for."""

    def __init__(self, fails: bool = False) -> None:
        self.asked: list[str] = []
        self.fails = fails

    def measure(self, kind: str, id: str, given: Alternatives, folder: Path) -> Question:
        self.asked.append(id)
        if self.fails:
            raise SampleError("not today")
        return Question(kind, id, tuple(way(name, 1.0) for name in given.ways))


def test_a_collection_goes_on_where_it_ended(tmp_path: Path) -> None:
    file = tmp_path / "some.parquet"
    first, second = Fixed(), Fixed()
    collect_questions(file, ["gate"], 2, 0, first, lambda *_: None)
    found, left_out = collect_questions(file, ["gate"], 3, 0, second, lambda *_: None)
    assert first.asked == ["gate/0/0", "gate/0/1"]
    assert second.asked == ["gate/0/2"]
    assert len(found) == 3
    assert left_out == {}
    _, left_out = collect_questions(file, ["gate"], 4, 0, Fixed(fails=True), lambda *_: None)
    assert left_out == {"gate": {"not today": 1}}


def test_wrong_asks_are_named(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="no kind of decisions 'gates'; the kinds are "):
        kinds(["gates"])
    origin = origin_here(0, {}, {})
    origin.machine["cpu"] = "another"
    write_questions(tmp_path / "elsewhere.parquet", [Question("k", "k/0", (way("a", 1.0),))], origin)
    with pytest.raises(TableError, match="was begun elsewhere"):
        collect_questions(tmp_path / "elsewhere.parquet", ["gate"], 1, 0, Fixed(), lambda *_: None)


def test_the_decisions_that_come_along_are_decided_well() -> None:
    """Measured once, on the machine of the shipped model for it: this is arithmetic, the same everywhere."""
    file = shipped_decisions()
    questions, origin = read_questions(file)
    model = choose(shipped_model(origin.machine)).model
    assert model.about["machine"] == origin.machine
    found = {each.kind: each for each in compare(questions, model)}
    assert set(found) == set(KINDS)
    assert any(each.is_open for each in found.values())
    for kind, each in found.items():
        assert each.model.mean < (each.rule.mean / 10 if each.is_open else 0.02), kind
