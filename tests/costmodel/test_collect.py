"""A collection: in chunks, resumed where it was ended, its table whole or not there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from adaptc.costmodel.data import collect as collecting
from adaptc.costmodel.data.chunks import Chunk, Measured, network_name
from adaptc.costmodel.data.collect import CollectOptions, collect
from adaptc.costmodel.data.errors import SpaceError, TableError
from adaptc.costmodel.data.table import read_table
from adaptc.costmodel.data.timing import TimingSettings
from adaptc.costmodel.data.units import Builder
from adaptc.costmodel.data.workers import measure_here

from .hand import HandBuilder

QUICK = TimingSettings(passes=2, seconds=0.0)
OPTIONS = CollectOptions(families=("linear", "norm"), count=4, timing=QUICK, chunk=3)


class Here:
    """Measures in this process."""

    def __init__(self, builder: Builder, seed: int, settings: TimingSettings, folder: Path) -> None:
        self.given = (seed, settings)
        self.builder = builder

    def measure(self, chunks: Sequence[Chunk]) -> Iterator[tuple[Chunk, Measured]]:
        for chunk in chunks:
            yield chunk, measure_here(self.builder, chunk, *self.given)

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *error: object) -> None:
        pass


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "LocalWorkers", Here)
    monkeypatch.setattr("adaptc.costmodel.data.workers._kept", lambda builder: builder)


def silent(stage: str, done: int, total: int) -> None:
    pass


def test_all_samples_come_in_turns_of_families(tmp_path: Path) -> None:
    table, told = tmp_path / "t.parquet", list[tuple[str, int, int]]()
    collected = collect(table, OPTIONS, HandBuilder(), lambda *step: told.append(step))
    found = read_table(table)
    order = ["linear/0", "norm/0", "linear/1", "norm/1", "linear/2", "norm/2", "linear/3", "norm/3"]
    assert [row.id for row in found.rows] == order
    assert (collected.rows, collected.same, collected.dropped) == (8, 0, {})
    assert told == [("collect", done, 8) for done in (0, 3, 6, 8)]
    row = found.rows[1]
    assert row.family == "norm"
    assert row.time_us == min(row.pass_us)
    assert (row.inputs, row.input_bytes, row.output_bytes, row.weight_bytes) == (1, 2 * 16, 2 * 12, 60)
    assert row.kernels == ("com.microsoft::FusedGemm",)
    assert found.origin.settings == {**asdict(QUICK), "chunk": 3}


def test_equal_units_are_kept_once_and_what_is_left_out_is_told(tmp_path: Path) -> None:
    collected = collect(tmp_path / "t.parquet", OPTIONS, HandBuilder(distinct=3, refused=(2, 4)), silent)
    assert (collected.rows, collected.same) == (3, 3)
    assert collected.dropped == {"norm": {"several blocks": 2}}
    assert read_table(tmp_path / "t.parquet").origin.dropped == collected.dropped


def test_an_ended_collection_goes_on(tmp_path: Path) -> None:
    table, builder = tmp_path / "t.parquet", HandBuilder()

    def ending(stage: str, done: int, total: int) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect(table, OPTIONS, builder, ending)
    assert not table.exists()
    assert builder.built == 6
    told: list[Any] = []
    collect(table, OPTIONS, builder, lambda *step: told.append(step))
    assert builder.built == 8
    assert told[0] == ("collect", 6, 8)
    assert len(read_table(table).rows) == 8


def test_more_samples_are_added_to_those_there_are(tmp_path: Path) -> None:
    table, builder = tmp_path / "t.parquet", HandBuilder()
    collect(table, OPTIONS, builder, silent)
    collect(table, CollectOptions(OPTIONS.families, 6, timing=QUICK, chunk=3), builder, silent)
    assert builder.built == 8 + 6  # the last chunk had two of its three samples
    assert len({row.id for row in read_table(table).rows}) == 12


def test_a_damaged_part_is_measured_again(tmp_path: Path) -> None:
    table, builder = tmp_path / "t.parquet", HandBuilder()
    collect(table, OPTIONS, builder, silent)
    part = next((tmp_path / "t.parquet.parts").glob("00001-*.parquet"))
    part.write_bytes(part.read_bytes()[:50])
    collect(table, OPTIONS, builder, silent)
    assert builder.built == 11
    assert len(read_table(table).rows) == 8


def test_parts_of_another_machine_or_version_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "t.parquet"
    collect(table, OPTIONS, HandBuilder(), silent)
    file = tmp_path / "t.parquet.parts" / "made-with.json"
    made = json.loads(file.read_text())
    file.write_text(json.dumps({**made, "versions": {**made["versions"], "onnxruntime": "0.1"}}))
    with pytest.raises(TableError, match=r"parts was begun with onnxruntime 0\.1, here it is .*: times of both"):
        collect(table, OPTIONS, HandBuilder(), silent)


def test_units_of_networks_are_a_chunk_each(tmp_path: Path) -> None:
    (tmp_path / "skip").mkdir()
    files = [tmp_path / "skip" / "model.py", tmp_path / "nets.py"]
    for file in files:
        file.touch()
    options = CollectOptions(count=0, networks=(str(files[0]), f"{files[1]}:small"), timing=QUICK)
    collected = collect(tmp_path / "t.parquet", options, HandBuilder(), silent)
    assert collected.dropped["real:skip"] == {"no call reaches it": 3}
    rows = read_table(tmp_path / "t.parquet").rows
    assert [row.id for row in rows] == ["real:skip/0", "real:skip/1"]  # the other network has the same units


def test_what_is_unknown_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="there is no family 'nothing'"):
        collect(tmp_path / "t.parquet", CollectOptions(families=("nothing",)), HandBuilder(), silent)
    options = CollectOptions(networks=(f"{tmp_path / 'nets.py'}:small",))
    with pytest.raises(SpaceError, match=r"there is no file .*nets\.py with a network"):
        collect(tmp_path / "t.parquet", options, HandBuilder(), silent)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("network", "name"),
    [("a/model.py", "a"), ("a/net.py", "net"), ("a/net.py:big", "net:big"), ("/a/b/model.py:m", "b:m")],
)
def test_names_of_networks(network: str, name: str) -> None:
    assert network_name(network) == name
