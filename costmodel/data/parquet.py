"""Tables in Parquet files that say what they were made with, and how they are written and read."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from adaptc.costmodel.data.errors import TableError
from adaptc.costmodel.data.machine import this_machine, versions

FORMAT = 1
"""The version of the tables' format: another one for each change of it."""

_KEY = "adaptc.costmodel"


@dataclass(frozen=True)
class Origin:
    """What a table was made with. `dropped` counts the samples that gave no row, by family and reason."""

    seed: int
    settings: dict[str, Any]
    machine: dict[str, Any]
    versions: dict[str, str]
    dropped: dict[str, dict[str, int]] = field(default_factory=dict)
    format: int = FORMAT


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], schema: Any, origin: Origin) -> None:
    """Write a table with the columns of the Arrow `schema`, whole or not at all. Raises `TableError` where it cannot be
    written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    metadata = {_KEY: json.dumps(asdict(origin), sort_keys=True)}
    table = pa.Table.from_pylist(list(rows), schema=schema.with_metadata(metadata))
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(table, temporary, compression="zstd")
        os.replace(temporary, path)
    except OSError as error:
        raise TableError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_rows(path: Path, schema: Any, command: str) -> tuple[list[dict[str, Any]], Origin]:
    """The rows of a table, as `command` makes them, with the columns of the Arrow `schema`, and what it was made with.

    Raises `TableError` naming what is wrong: missing, no Parquet, truncated, another format, a column that is not
    there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise TableError(f"there is no table {path}")
    try:
        # by a handle, as a folder's name like machine=x would be taken for a column
        with path.open("rb") as stream:
            if stream.read(4) != b"PAR1":
                raise TableError(f"{path} is no Parquet file; a table is made by: {command} {path.name}")
            stream.seek(0)
            table = pq.read_table(stream)
    except OSError as error:
        raise TableError(f"cannot read {path}: {error.strerror or error}") from error
    except pa.ArrowException as error:
        raise TableError(f"{path} is damaged: {str(error).partition(chr(10))[0]}; collect or copy it again") from error
    origin = _origin(path, table.schema.metadata or {})
    missing = [name for name in schema.names if name not in table.schema.names]
    if missing:
        raise TableError(f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; collect it again")
    return table.select(schema.names).to_pylist(), origin


def origin_here(seed: int, settings: Mapping[str, Any], dropped: Mapping[str, Mapping[str, int]]) -> Origin:
    """The origin of a table that this machine makes."""
    counts = {family: dict(reasons) for family, reasons in dropped.items()}
    return Origin(seed, dict(settings), this_machine().record(), versions(), counts)


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


def differences_here(origin: Origin, machines: Collection[str]) -> tuple[str, ...]:
    """How this machine and its packages differ from `machines` and those of `origin`: times may not hold here."""
    here = str(this_machine())
    found = [f"rows were measured on: {name}; this is: {here}" for name in sorted(machines) if name != here]
    ours = versions()
    found += [
        f"{name} was {origin.versions.get(name)}, here it is {ours[name]}"
        for name in ("onnxruntime", "numpy")
        if origin.versions.get(name) != ours[name]
    ]
    return tuple(found)
