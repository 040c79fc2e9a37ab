"""When layers that read the same tensor become one: as the cost model tells, and where their weights are their own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from adaptc.compiler.driver import capture_program
from adaptc.compiler.ir.interpret import interpret
from adaptc.compiler.ir.mlir import to_mlir
from adaptc.compiler.ir.program import Program
from adaptc.costmodel.errors import CostModelError
from adaptc.costmodel.shipped import SHIPPED
from adaptc.passes import PassManager
from adaptc.passes.errors import PassError
from adaptc.passes.pipeline import default_pipeline, unpriced_pipeline
from adaptc.passes.program.fold_weights import FoldWeights
from adaptc.passes.program.merge_projections import MergeProjections

MODELS = [str(SHIPPED / f"{name}.costmodel") for name in ("epyc-256", "xeon-512")]


class Projections(nn.Module):
    """Layers of these widths that read the same tensor, and a decision after them."""

    def __init__(self, width: int, outs: list[int], bias: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(nn.Linear(width, out, bias=bias) for out in outs)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        found = [layer(x) for layer in self.layers]
        if found[0].sum() > 0:
            return [torch.sigmoid(each).view(-1) for each in found]
        return found


def program_of(module: nn.Module, x: torch.Tensor, dynamic: dict[str, dict[int, str]] | None = None) -> Program:
    with torch.no_grad():
        return capture_program(module.eval(), (x,), name="net", dynamic=dynamic or {})[0]


def joined(program: Program, model: str = MODELS[0]) -> bool:
    """Whether the pass changed anything."""
    report, _ = PassManager([MergeProjections(model), FoldWeights()]).run(program)
    return report.changed


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 12), (1, 2, 12)])
def test_small_layers_become_one(model: str, bias: bool, shape: tuple[int, ...]) -> None:
    program = program_of(Projections(12, [8, 4, 6, 6, 2, 3, 5, 4], bias), torch.randn(shape))
    inputs = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in range(6)]
    before = [interpret(program, (x,)) for x in inputs]
    assert joined(program, model)
    assert to_mlir(program).count("torch.aten.linear") == 1
    assert {tuple(tensor.shape) for tensor in program.weights.values()} == ({(38, 12), (38,)} if bias else {(38, 12)})
    for x, run in zip(inputs, before, strict=True):
        for ours, theirs in zip(interpret(program, (x,)).outputs, run.outputs, strict=True):
            assert isinstance(ours, torch.Tensor)
            assert isinstance(theirs, torch.Tensor)
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
            assert ours.shape == theirs.shape


@pytest.mark.parametrize("model", MODELS)
def test_large_layers_stay(model: str) -> None:
    """Where the products take much longer than what one kernel less saves, the copies of the parts are not worth it."""
    assert not joined(program_of(Projections(512, [512, 512, 512]), torch.randn(32, 512)), model)


def test_a_varying_number_of_rows() -> None:
    outs = [8, 4, 6, 6, 2, 3, 5, 4]
    program = program_of(Projections(12, outs), torch.randn(3, 12), {"x": {0: "rows"}})
    assert joined(program)
    for rows in (1, 3, 7):
        found = interpret(program, (torch.ones(rows, 12),)).outputs
        assert [each.numel() for each in found if isinstance(each, torch.Tensor)] == [rows * out for out in outs]


class Tied(nn.Module):
    """A layer and one that multiplies with the same matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(12, 8), nn.Linear(12, 8)
        self.second.weight = self.first.weight

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.first(x), self.second(x)


class Others(nn.Module):
    """One layer with a bias and one without, and two that read different tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(12, 8), nn.Linear(12, 8, bias=False)
        self.third, self.fourth = nn.Linear(12, 8), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.first(x)
        return first + self.second(x) + self.third(x + 1) + self.fourth(first)


class Summed(nn.Module):
    """A recurrent cell: what comes in has biases, and the state's share is added to it."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = nn.ModuleList(nn.Linear(12, 4, bias=False) for _ in range(8))

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
        return [layer(x) + y for layer in self.inside]


def test_layers_whose_sums_the_engine_computes_along_stay() -> None:
    with torch.no_grad():
        given = torch.randn(1, 12), torch.randn(1, 4)
        program, _ = capture_program(Summed().eval(), given, name="net", dynamic={})
    assert not joined(program)


@pytest.mark.parametrize("module", [Tied(), Others()])
def test_layers_that_are_no_group_stay(module: nn.Module) -> None:
    program = program_of(module, torch.randn(1, 12))
    before = to_mlir(program)
    assert not joined(program)
    assert to_mlir(program) == before


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    program = program_of(Projections(12, [8, 4]), torch.randn(1, 12))
    with pytest.raises((CostModelError, PassError), match=r"cannot read .*gone\.costmodel"):
        joined(program, str(tmp_path / "gone.costmodel"))


def test_what_a_model_learns_from_depends_on_none() -> None:
    names = [each.name for each in default_pipeline() if each.name != MergeProjections.name]
    assert [each.name for each in unpriced_pipeline()] == names
    (priced,) = (each for each in default_pipeline(Path(MODELS[1])) if isinstance(each, MergeProjections))
    assert priced.model == MODELS[1]
