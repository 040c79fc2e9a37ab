"""The processes that build and time, and what happens where one ends."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

from adaptc.costmodel.data import workers
from adaptc.costmodel.data.chunks import chunks_of
from adaptc.costmodel.data.timing import TimingSettings
from adaptc.costmodel.data.units import BuiltUnit
from adaptc.costmodel.data.workers import LocalWorkers

from .hand import HandBuilder, gemm_unit

QUICK = TimingSettings(passes=1, seconds=0.0)


@pytest.fixture(autouse=True)
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that know the builders of these tests."""
    monkeypatch.setattr(workers, "get_context", lambda method: multiprocessing.get_context("fork"))
    monkeypatch.setattr(workers, "_kept", lambda builder: builder)


class Rows(HandBuilder):
    """As many rows as the network's first input has; the process ends where that are more than `most`."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def build(self, module: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> BuiltUnit:
        size = sum(value.numel() for value in inputs)
        if size > self.most:
            os._exit(9)
        return gemm_unit(folder, size)


class Crashing(HandBuilder):
    """Its units end the process that times them."""

    def build(self, module: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> BuiltUnit:
        unit = gemm_unit(folder, sum(value.numel() for value in inputs))
        return BuiltUnit(unit.mlir, unit.model, Bomb(), unit.outputs, 0)


class Bomb(Mapping[str, Any]):
    """Arrays that end the process when they are looked at."""

    def __iter__(self) -> Iterator[str]:
        os._exit(9)

    def __getitem__(self, name: str) -> Any:
        os._exit(9)

    def __len__(self) -> int:
        return 1


def test_chunks_come_one_after_another_and_leave_nothing(tmp_path: Path) -> None:
    chunks = chunks_of(["linear", "norm"], 2, 0, (), QUICK, 3)
    with LocalWorkers(Rows(10**9), 0, QUICK, tmp_path / "building") as local:
        found = [(chunk.number, [row.id for row in measured.rows]) for chunk, measured in local.measure(chunks)]
    assert found == [(0, ["linear/0", "norm/0", "linear/1"]), (1, ["norm/1"])]
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_ends_its_builder_is_left_out(tmp_path: Path) -> None:
    (chunk,) = chunks_of(["linear"], 3, 0, (), QUICK, 3)
    from adaptc.costmodel.data.space import FAMILIES

    sizes = [FAMILIES["linear"].draw(0, index).inputs[0].numel() for index in range(3)]
    with LocalWorkers(Rows(max(sizes) - 1), 0, QUICK, tmp_path / "building") as local:
        ((_, measured),) = local.measure([chunk])
    assert len(measured.rows) == 2
    assert measured.dropped == {"linear": {"not compiled: the process ended": 1}}


def test_a_unit_that_ends_the_timer_is_left_out(tmp_path: Path) -> None:
    (chunk,) = chunks_of(["linear"], 2, 0, (), QUICK, 2)
    with LocalWorkers(Crashing(), 0, QUICK, tmp_path / "building") as local:
        ((_, measured),) = local.measure([chunk])
    assert measured.rows == []
    assert measured.dropped == {"linear": {"not run: the process ended": 2}}
