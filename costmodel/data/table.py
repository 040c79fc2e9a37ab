"""The table of timed units: one Parquet file, what its columns mean, and how it is written and read."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from adaptc.costmodel.data.errors import TableError
from adaptc.costmodel.data.machine import this_machine, versions

FORMAT = 1
"""The version of the table's format: another one for each change of it."""

_KEY = "adaptc.costmodel"


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
class Origin:
    """What a table was made with. `dropped` counts the samples that gave no row, by family and reason."""

    seed: int
    settings: dict[str, Any]
    machine: dict[str, Any]
    versions: dict[str, str]
    dropped: dict[str, dict[str, int]] = field(default_factory=dict)
    format: int = FORMAT


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
    import pyarrow as pa
    import pyarrow.parquet as pq

    metadata = {_KEY: json.dumps(asdict(origin), sort_keys=True)}
    # asdict would make tuples of dicts of what is neither; vars keeps each value as it is
    table = pa.Table.from_pylist([vars(row) for row in rows], schema=_schema().with_metadata(metadata))
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(table, temporary, compression="zstd")
        os.replace(temporary, path)
    except OSError as error:
        raise TableError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_table(path: Path) -> Dataset:
    """Read a table. Raises `TableError` naming what is wrong: missing, no Parquet, truncated, another format, a column
    that is not there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise TableError(f"there is no table {path}")
    try:
        # by a handle, as a folder's name like machine=x would be taken for a column
        with path.open("rb") as stream:
            _check_ends(path, stream.read(4))
            stream.seek(0)
            table = pq.read_table(stream)
    except OSError as error:
        raise TableError(f"cannot read {path}: {error.strerror or error}") from error
    except pa.ArrowException as error:
        raise TableError(f"{path} is damaged: {str(error).partition(chr(10))[0]}; collect or copy it again") from error
    origin = _origin(path, table.schema.metadata or {})
    missing = [name for name in _schema().names if name not in table.schema.names]
    if missing:
        raise TableError(f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; collect it again")
    rows = [_row(values) for values in table.select(_schema().names).to_pylist()]
    return Dataset(path, rows, origin, _differences(origin, {row.machine for row in rows}))


def merged(tables: Iterable[Iterable[Row]]) -> list[Row]:
    """All rows, of those with the same code, sizes and machine the first."""
    found: dict[tuple[str, tuple[tuple[str, int], ...], str], Row] = {}
    for rows in tables:
        for row in rows:
            found.setdefault((row.mlir, tuple(sorted(row.sizes.items())), row.machine), row)
    return list(found.values())


def origin_here(seed: int, settings: Mapping[str, Any], dropped: Mapping[str, Mapping[str, int]]) -> Origin:
    """The origin of a table that this machine makes."""
    counts = {family: dict(reasons) for family, reasons in dropped.items()}
    return Origin(seed, dict(settings), this_machine().record(), versions(), counts)


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


def _check_ends(path: Path, begin: bytes) -> None:
    if begin != b"PAR1":
        raise TableError(f"{path} is no Parquet file; a table is made by: adaptc costmodel collect {path.name}")


def _origin(path: Path, metadata: Mapping[bytes, bytes]) -> Origin:
    text = metadata.get(_KEY.encode())
    if text is None:
        raise TableError(f"{path} is a Parquet file of something else: it does not say what it was made with")
    values = json.loads(text)
    if values.get("format") != FORMAT:
        raise TableError(
            f"{path} has format {values.get('format')}, this version of adaptc reads {FORMAT}: collect it again"
        )
    return Origin(**values)


def _differences(origin: Origin, machines: Collection[str]) -> tuple[str, ...]:
    here = str(this_machine())
    found = [f"rows were measured on: {name}; this is: {here}" for name in sorted(machines) if name != here]
    ours = versions()
    found += [
        f"{name} was {origin.versions.get(name)}, here it is {ours[name]}"
        for name in ("onnxruntime", "numpy")
        if origin.versions.get(name) != ours[name]
    ]
    return tuple(found)
