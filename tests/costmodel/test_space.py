"""Every family gives networks that are one unit each, and whose unit computes what PyTorch does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from adaptc.compiler.costmodel_units import UnitBuilder
from adaptc.costmodel.data.errors import SampleError, SpaceError
from adaptc.costmodel.data.space import FAMILIES, families
from adaptc.costmodel.data.timing import open_unit

BUILDER = UnitBuilder()


def check_sample(name: str, index: int, folder: Path) -> None:
    sample = FAMILIES[name].draw(0, index)
    unit = BUILDER.build(sample.module, sample.inputs, folder / "unit")
    assert unit.mlir.count("func.func") == 1
    assert "loc(" not in unit.mlir
    with torch.no_grad():
        results: Any = sample.module(*sample.inputs)
    expected = [results] if isinstance(results, torch.Tensor) else list(results)
    outputs = open_unit(unit)()
    wanted = {array.shape for array in outputs}
    assert wanted == {tuple(result.shape) for result in expected}
    if len(outputs) == len(expected):
        for ours, theirs in zip(outputs, expected):
            np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_sample_is_one_unit_that_computes_what_pytorch_does(name: str, tmp_path: Path) -> None:
    check_sample(name, 0, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("index", [1, 2, 3])
@pytest.mark.parametrize("name", FAMILIES)
def test_so_are_further_samples(name: str, index: int, tmp_path: Path) -> None:
    check_sample(name, index, tmp_path)


def test_a_sample_is_the_same_each_time_and_leaves_the_generator_alone() -> None:
    before = torch.get_rng_state()
    first, again = (FAMILIES["mlp"].draw(3, 7) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert [value.tolist() for value in first.inputs] == [value.tolist() for value in again.inputs]
    pairs = list(zip(first.module.state_dict().items(), again.module.state_dict().items(), strict=True))
    assert pairs
    for (name, weight), (other, same) in pairs:
        assert name == other
        assert torch.equal(weight, same)


@pytest.mark.parametrize("name", ["linear", "elementwise", "movement", "conv", "gate"])
def test_samples_differ(name: str) -> None:
    seen = set()
    for index in range(40):
        sample = FAMILIES[name].draw(0, index)
        parts = [repr(getattr(sample.module, part)) for part in ("steps", "moves") if hasattr(sample.module, part)]
        seen.add((repr(sample.module), *parts, *(tuple(value.shape) for value in sample.inputs)))
    assert len(seen) >= 38


def test_another_seed_gives_other_samples() -> None:
    shapes = [[tuple(FAMILIES["linear"].draw(seed, index).inputs[0].shape) for index in range(8)] for seed in (0, 1)]
    assert shapes[0] != shapes[1]


def test_an_unknown_family_is_told_with_those_there_are() -> None:
    with pytest.raises(SpaceError, match=r"there is no family 'vg'; the families are .*vgg"):
        families(["conv", "vg"])


class Branching(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            return x * 2
        return x - 1


class Nothing(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.mark.parametrize(("module", "reason"), [(Branching(), "several blocks"), (Nothing(), "no tensor code")])
def test_what_is_not_one_unit_is_refused(module: torch.nn.Module, reason: str, tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=reason):
        BUILDER.build(module.eval(), (torch.ones(2, 3),), tmp_path / "unit")


def test_equal_code_gives_equal_text(tmp_path: Path) -> None:
    class Other(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.project = torch.nn.Linear(4, 3)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return self.project(values)

    given = (torch.randn(2, 4),)
    first = BUILDER.build(torch.nn.Sequential(torch.nn.Linear(4, 3)).eval(), given, tmp_path / "a")
    second = BUILDER.build(Other().eval(), given, tmp_path / "b")
    assert first.mlir == second.mlir
    assert first.weight_bytes == 4 * (12 + 3)
