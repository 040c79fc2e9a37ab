"""Which regions become graphs, and that verification finds a graph that computes something else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

import adaptc
import adaptc.compiler.backends.onnx.graphs.units as region_units
from adaptc.compiler.errors import VerificationError
from adaptc.compiler.ir.block_text import block_mlir
from adaptc.compiler.ir.program import Block, Program
from adaptc.compiler.plan.cost import AnalyticalCost
from adaptc.compiler.plan.learned import LearnedCost
from adaptc.compiler.plan.planner import plan
from adaptc.compiler.plan.region import with_ends
from adaptc.costmodel.shipped import choose
from adaptc.runtime.hostprogram import Branch, Jump, Read, Ref

from ..ir.builder import edge, give
from ..passes.cases import PAIR, code, one_input
from .test_regions import early_exits


@dataclass(frozen=True)
class Prices:
    """Costs as a test wants them."""

    call: float = 1.0
    value: float = 0.0
    branch: float = 0.1
    iteration: float = 0.1
    byte: float = 0.0
    number: float = 0.0

    def of(self, program: Program, block: Block) -> float:
        return 1.0

    def copy(self, size: float) -> float:
        return size * self.byte

    def record(self) -> dict[str, str]:
        return {}


def test_the_cheaper_way_is_chosen_and_both_costs_are_kept() -> None:
    program = with_ends(early_exits(3))
    for prices, choice in ((Prices(), "graph"), (Prices(branch=5.0), "blocks")):
        (decision,) = plan(program, prices).decisions
        assert decision.choice == choice
        # the prior takes each exit in half of the calls that come to it
        visits = 1 + 0.5 + 0.25
        assert decision.blocks == pytest.approx(visits * 2)
        assert decision.graph == pytest.approx(visits + prices.call + visits * prices.branch)


def test_what_crosses_costs_on_both_sides() -> None:
    program = with_ends(early_exits(3))
    free, priced = (plan(program, Prices(value=value)).decisions[0] for value in (0.0, 2.0))
    assert priced.blocks is not None
    assert priced.graph is not None
    visits = 1 + 0.5 + 0.25
    assert priced.blocks - (free.blocks or 0) == pytest.approx(visits * 3 * 2)  # x goes in, t and y come out
    assert priced.graph - (free.graph or 0) == pytest.approx((1 + 1 + 1) * 2)  # x goes in, y and the exit come out


def test_numbers_cost_in_a_graph_alone() -> None:
    program = with_ends(early_exits(3))
    free, priced = (plan(program, Prices(number=number)).decisions[0] for number in (0.0, 1.0))
    assert priced.blocks == free.blocks
    assert (priced.graph or 0) - (free.graph or 0) == pytest.approx(1 + 0.5 + 0.25)  # the test of each exit is read


def test_only_what_arms_change_is_copied() -> None:
    """A skipped layer hands on its input by a copy; what both ways pass on as it is needs none."""
    builder = one_input()
    builder.block(
        "entry",
        {"x": PAIR},
        Branch(Ref("go"), edge("layer", "y", "x"), edge("end", "y", "x"), "model.py:1"),
        code=code("test_and_double"),
        inputs=["x"],
        outputs=["t", "y"],
        steps=[Read("go", "t", "bool", "model.py:1")],
    )
    builder.block(
        "layer", {"v": PAIR, "u": PAIR}, Jump(edge("end", "z", "u")), code=code("double"), inputs=["v"], outputs=["z"]
    )
    builder.block("end", {"v": PAIR, "u": PAIR}, give(("v", PAIR), ("u", PAIR)))
    program = with_ends(builder.build())
    free, priced = (plan(program, Prices(byte=byte)).decisions[0] for byte in (0.0, 1.0))
    assert (priced.graph or 0) - (free.graph or 0) == pytest.approx(0.5 * 2 * 4)  # half of the calls copy two floats


def test_the_analytical_cost_grows_with_arithmetic() -> None:
    program = early_exits(1)
    (block,) = (block for block in program.blocks.values() if block.code is not None)
    cost = AnalyticalCost()
    slow = AnalyticalCost(flops=1e-3)
    assert 0 < cost.of(program, block) < slow.of(program, block)
    assert cost.copy(1e6) - cost.copy(0) == pytest.approx(2e6 / cost.bytes)


def test_the_learned_cost_prices_a_block_by_its_mlir() -> None:
    program = early_exits(1)
    (block,) = (block for block in program.blocks.values() if block.code is not None)
    chosen = choose()
    cost = LearnedCost(chosen)
    (told,) = chosen.model.predict_text(block_mlir(program, block)).values()
    assert cost.of(program, block) == told.kernels_us > 0
    assert cost.call == pytest.approx(told.time_us - told.kernels_us, rel=0.5)
    assert 0 < cost.branch < cost.call
    assert cost.copy(1e6) > cost.copy(0)
    record = cost.record()
    assert record["model"] == chosen.file.name
    assert record["doubts"] == []
    (decision,) = plan(with_ends(early_exits(3)), cost).decisions
    assert decision.choice == "graph"


class Exits(nn.Module):
    """Leaves after the first layer where the input is large."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = torch.tanh(layer(x))
            if x.max() > 0.9:
                return x * 2
        return x


@pytest.mark.parametrize("probed_too", [True, False])
def test_a_graph_that_computes_something_else_is_found(
    probed_too: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lower = region_units.lower_region

    def spoiled(*args: object, **kwargs: object) -> object:
        graph = lower(*args, **kwargs)  # type: ignore[arg-type]
        if probed_too or not kwargs["probed"]:
            nodes = [node for each in graph.model.graph.subgraphs() for node in each if node.op_type == "Mul"]
            for node in nodes:
                node.op_type = "Sub"
            assert nodes
        return graph

    monkeypatch.setattr(region_units, "lower_region", spoiled)
    torch.manual_seed(0)
    x = torch.ones(1, 4) * 5
    with pytest.raises(VerificationError):
        adaptc.compile(Exits().eval(), x, tmp_path / "net")
    assert not (tmp_path / "net").exists()


def test_a_graph_that_reads_something_else_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lower = region_units.lower_region

    def spoiled(*args: object, **kwargs: object) -> object:
        graph = lower(*args, **kwargs)  # type: ignore[arg-type]
        for node in graph.model.graph.all_nodes():
            if node.op_type == "Greater":
                node.op_type = "Less"
        return graph

    monkeypatch.setattr(region_units, "lower_region", spoiled)
    torch.manual_seed(0)
    with pytest.raises(VerificationError):
        adaptc.compile(Exits().eval(), torch.ones(1, 4) * 5, tmp_path / "net")
