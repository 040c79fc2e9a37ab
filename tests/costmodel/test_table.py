"""The table: what is written is read, and what is wrong with a file is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adaptc.costmodel.data import parquet
from adaptc.costmodel.data.errors import TableError
from adaptc.costmodel.data.machine import this_machine
from adaptc.costmodel.data.parquet import Origin, origin_here
from adaptc.costmodel.data.table import Row, merged, read_table, write_table

ROW = Row(
    id="conv/1",
    family="conv",
    seed=3,
    mlir="module {}",
    time_us=12.5,
    median_us=13.0,
    pass_us=(13.0, 12.5, 14.0),
    inputs=1,
    outputs=2,
    input_bytes=64,
    output_bytes=32,
    weight_bytes=0,
    kernels=("ai.onnx::Conv", "com.microsoft::FusedGemm"),
    kernel_shapes=("f32[1]->f32[1]", "?->?"),
    sizes={"length": 7},
    peak_bytes=None,
    machine=str(this_machine()),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "units.parquet"
    write_table(path, [ROW, replace(ROW, id="conv/2", peak_bytes=1 << 21, sizes={})], here())
    return path


def here() -> Origin:
    return origin_here(3, {"passes": 5}, {"conv": {"several blocks": 2}})


def test_what_is_written_is_read(file: Path) -> None:
    found = read_table(file)
    assert found.rows == [ROW, replace(ROW, id="conv/2", peak_bytes=1 << 21, sizes={})]
    assert found.origin == here()
    assert found.differences == ()
    assert list(found.families) == ["conv"]
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert pq.ParquetFile(file).metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_table_without_rows_is_one(tmp_path: Path) -> None:
    write_table(tmp_path / "none.parquet", [], here())
    assert read_table(tmp_path / "none.parquet").rows == []


def test_other_versions_and_machines_are_told(file: Path) -> None:
    origin = here()
    other = replace(origin, versions={**origin.versions, "onnxruntime": "0.1", "torch": "0.1"})
    write_table(file, [ROW, replace(ROW, machine="Abacus, 1 cores, 8-bit vectors")], other)
    machine, engine = read_table(file).differences
    assert machine.startswith("rows were measured on: Abacus, 1 cores, 8-bit vectors; this is: ")
    assert engine.startswith("onnxruntime was 0.1, here it is ")


def test_what_is_no_table_is_told(file: Path, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"there is no table .*missing\.parquet"):
        read_table(tmp_path / "missing.parquet")
    text = tmp_path / "text.parquet"
    text.write_text("id,family\n")
    with pytest.raises(TableError, match=r"text\.parquet is no Parquet file; a table is made by: adaptc costmodel"):
        read_table(text)
    short = tmp_path / "short.parquet"
    short.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(TableError, match=r"short\.parquet is damaged: .*; collect or copy it again"):
        read_table(short)
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"id": ["a"]}), other)
    with pytest.raises(TableError, match=r"other\.parquet is a Parquet file of something else"):
        read_table(other)


def test_another_format_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(file, [ROW], replace(here(), format=7))
    with pytest.raises(TableError, match="has format 7, this version of adaptc reads 1: collect it again"):
        read_table(file)


def test_missing_columns_are_named(file: Path) -> None:
    table = pq.read_table(file)
    pq.write_table(table.drop_columns(["kernels", "mlir"]), file)
    with pytest.raises(TableError, match="lacks the columns mlir, kernels; collect it again"):
        read_table(file)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot write"):
        write_table(tmp_path / "nowhere" / "t.parquet", [ROW], here())


def test_equal_code_is_kept_once_for_each_machine_and_size() -> None:
    rows = [
        ROW,
        replace(ROW, id="conv/2", time_us=1.0),
        replace(ROW, id="conv/3", sizes={"length": 8}),
        replace(ROW, id="conv/4", machine="there"),
    ]
    assert [row.id for row in merged([rows[:2], rows[1:]])] == ["conv/1", "conv/3", "conv/4"]


def test_the_metadata_is_json(file: Path) -> None:
    text = pq.read_schema(file).metadata[parquet._KEY.encode()]
    assert json.loads(text)["settings"] == {"passes": 5}
