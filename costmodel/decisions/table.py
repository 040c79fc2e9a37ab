"""The table of measured decisions: one Parquet file with a row for each way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adaptc.costmodel.data.parquet import Origin, read_rows, write_rows
from adaptc.costmodel.decisions.questions import Part, Question, Way

COMMAND = "adaptc costmodel decisions --collect"
"""What makes such a table."""


def write_questions(path: Path, questions: Sequence[Question], origin: Origin) -> None:
    """Write a table, whole or not at all. Raises `TableError` where it cannot be written."""
    rows = []
    for question in questions:
        for way in question.ways:
            rows.append({"kind": question.kind, "id": question.id, **asdict(way)})
            rows[-1]["parts"] = [vars(part) for part in way.parts]
    write_rows(path, rows, _schema(), origin)


def read_questions(path: Path) -> tuple[list[Question], Origin]:
    """The decisions of a table and what it was made with. Raises `TableError` (`parquet.read_rows`)."""
    rows, origin = read_rows(path, _schema(), COMMAND)
    ways: dict[tuple[str, str], list[Way]] = {}
    for row in rows:
        key = row.pop("kind"), row.pop("id")
        parts = tuple(Part(each["mlir"], dict(each["sizes"]), each["runs"]) for each in row.pop("parts"))
        ways.setdefault(key, []).append(Way(parts=parts, **row))
    return [Question(kind, id, tuple(each)) for (kind, id), each in ways.items()], origin


def _schema() -> Any:
    import pyarrow as pa

    part = pa.struct(
        [("mlir", pa.string()), ("sizes", pa.map_(pa.string(), pa.int64())), ("runs", pa.float64())],
    )
    numbers = ("calls", "values", "branches", "iterations", "copied", "numbers", "time_us", "noise_us")
    return pa.schema(
        [
            pa.field("kind", pa.string(), nullable=False),
            pa.field("id", pa.string(), nullable=False),
            pa.field("name", pa.string(), nullable=False),
            pa.field("parts", pa.list_(part), nullable=False),
            *(pa.field(name, pa.float64(), nullable=False) for name in numbers),
        ]
    )
