"""The table of timed units: one Parquet file, and what its columns mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adaptc.costmodel.data.parquet import Origin, differences_here, read_rows, write_rows

COMMAND = "adaptc costmodel collect"
"""What makes such a table."""


@dataclass(frozen=True)
class Row:
    """A timed unit.

    `time_us` is the least of `pass_us` and `median_us` their median: µs a call, with the call itself. `kernels` are
    what ONNX Runtime ran in order ("domain::Op"), `kernel_shapes` the types that they read and make. `sizes` are those
    of the dimensions that `mlir` leaves open. `inputs` and `outputs` are numbers of arrays. `peak_bytes` is what a call
    takes beyond its inputs and weights, None where that is below 1 MiB or not known.
    """

    id: str
    family: str
    seed: int
    mlir: str
    time_us: float
    median_us: float
    pass_us: tuple[float, ...]
    inputs: int
    outputs: int
    input_bytes: int
    output_bytes: int
    weight_bytes: int
    kernels: tuple[str, ...]
    kernel_shapes: tuple[str, ...]
    sizes: dict[str, int]
    peak_bytes: int | None
    machine: str


@dataclass(frozen=True)
class Dataset:
    """The rows of a table and what it was made with. `differences` say how this machine and its packages differ from
    those: times may not hold here."""

    path: Path
    rows: list[Row]
    origin: Origin
    differences: tuple[str, ...]

    @property
    def families(self) -> dict[str, list[Row]]:
        """The rows by family."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.family, []).append(row)
        return found


def write_table(path: Path, rows: Sequence[Row], origin: Origin) -> None:
    """Write a table, whole or not at all. Raises `TableError` where it cannot be written."""
    # asdict would make tuples of dicts of what is neither; vars keeps each value as it is
    write_rows(path, [vars(row) for row in rows], _schema(), origin)


def read_table(path: Path) -> Dataset:
    """Read a table. Raises `TableError` naming what is wrong (`parquet.read_rows`)."""
    found, origin = read_rows(path, _schema(), COMMAND)
    rows = [_row(values) for values in found]
    return Dataset(path, rows, origin, differences_here(origin, {row.machine for row in rows}))


def merged(tables: Iterable[Iterable[Row]]) -> list[Row]:
    """All rows, of those with the same code, sizes and machine the first."""
    found: dict[tuple[str, tuple[tuple[str, int], ...], str], Row] = {}
    for rows in tables:
        for row in rows:
            found.setdefault((row.mlir, tuple(sorted(row.sizes.items())), row.machine), row)
    return list(found.values())


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("family", pa.string(), nullable=False),
            pa.field("seed", pa.int64(), nullable=False),
            pa.field("mlir", pa.string(), nullable=False),
            pa.field("time_us", pa.float64(), nullable=False),
            pa.field("median_us", pa.float64(), nullable=False),
            pa.field("pass_us", pa.list_(pa.float64()), nullable=False),
            pa.field("inputs", pa.int32(), nullable=False),
            pa.field("outputs", pa.int32(), nullable=False),
            pa.field("input_bytes", pa.int64(), nullable=False),
            pa.field("output_bytes", pa.int64(), nullable=False),
            pa.field("weight_bytes", pa.int64(), nullable=False),
            pa.field("kernels", pa.list_(pa.string()), nullable=False),
            pa.field("kernel_shapes", pa.list_(pa.string()), nullable=False),
            pa.field("sizes", pa.map_(pa.string(), pa.int64()), nullable=False),
            pa.field("peak_bytes", pa.int64()),
            pa.field("machine", pa.string(), nullable=False),
        ]
    )


def _row(values: dict[str, Any]) -> Row:
    lists = {name: tuple(values[name]) for name in ("pass_us", "kernels", "kernel_shapes")}
    return Row(**{**values, **lists, "sizes": dict(values["sizes"])})
