"""Opens an artifact, a folder or the same folder zipped, and checks it; and writes its tables for the compiler."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from adaptc.runtime.archive import extract
from adaptc.runtime.errors import ArtifactError
from adaptc.runtime.hostcheck import check_all
from adaptc.runtime.hostprogram import HostProgram
from adaptc.runtime.kinds import Kinds
from adaptc.runtime.manifest import SCHEMA, File, Manifest
from adaptc.runtime.manifestcheck import check_manifest, check_name

MANIFEST = "manifest.json"
HOST = "host.json"
PLAN = "plan.json"
REPORT = "report.json"

Typed = TypeVar("Typed")


@dataclass(frozen=True)
class Artifact:
    """An artifact whose files are those that its manifest lists.

    `host` calls a unit for each block; `plan` does the same with units that compute whole regions, and is `host` where
    the compile planned none. `kinds` say what each value of `host` is; `close` removes the files that were extracted,
    if it came zipped.
    """

    path: Path
    folder: Path
    manifest: Manifest
    host: HostProgram
    plan: HostProgram
    kinds: Kinds
    report: dict[str, Any]
    close: Callable[[], None]


_NETWORKS = (".py", ".pt2")
"""How the names of files end that are compiled, not loaded, beside ONNX models."""


def open_artifact(path: str | os.PathLike[str]) -> Artifact:
    """Open the artifact at `path`: a folder, or a ``.adaptc`` file, which is extracted to a private folder.

    Raises `ArtifactError` naming the file that is missing, truncated, changed, of another schema, or that points
    outside the artifact.
    """
    where = Path(path)
    try:
        if where.is_dir():
            return _open(where, where, lambda: None)
        if not where.exists():
            raise ArtifactError(f"there is no artifact at {where}")
        if where.suffix == ".onnx":
            raise ArtifactError(
                f"{where} is an ONNX model, not an artifact: onnxruntime runs it as it is; for an artifact compile it "
                f"(adaptc compile {where})"
            )
        if where.suffix in _NETWORKS:
            raise ArtifactError(f"{where} is a network, not an artifact: compile it first (adaptc compile {where})")
        folder, remove = extract(where, decode_manifest)
        try:
            return _open(where, folder, remove)
        except BaseException:
            remove()
            raise
    except OSError as error:
        raise ArtifactError(f"{error.filename or where} cannot be read: {error.strerror}") from error


def decode_manifest(data: bytes, file: str) -> Manifest:
    """The manifest in `data`, the contents of `file`. Raises `ArtifactError`."""
    schema = decode(data, _Version, file).schema
    if schema != SCHEMA:
        other = "a newer" if schema > SCHEMA else "an older"
        raise ArtifactError(
            f"{file} was written by {other} version of adaptc: its schema is {schema}, this version reads {SCHEMA}; "
            f"compile the network again, or install the adaptc that wrote it"
        )
    manifest = decode(data, Manifest, file)
    check_manifest(manifest, file)
    return manifest


def decode(data: bytes, kind: type[Typed], file: str) -> Typed:
    """The JSON of `data` as a `kind`. Raises `ArtifactError` naming `file`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise ArtifactError(f"{file} does not fit this adaptc: {error}; compile the network again") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{file} is not JSON: {error}; copy or compile the artifact again") from error
    except RecursionError as error:
        raise ArtifactError(f"{file} nests too deep; compile the network again") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``manifest.json``, which is to be written last: `manifest.files` lists all other files."""
    (folder / MANIFEST).write_bytes(_text(_sealed(manifest)))


def write_host(folder: Path, program: HostProgram) -> None:
    """Write ``host.json``."""
    (folder / HOST).write_bytes(_text(program))


def write_plan(folder: Path, program: HostProgram) -> None:
    """Write ``plan.json``: what calls run. `adaptc.runtime.hostfile.write_host_source` writes the same as Python."""
    (folder / PLAN).write_bytes(_text(program))


def file_table(folder: Path) -> dict[str, File]:
    """Every file below `folder` but the manifest, by its name relative to `folder` with slashes."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: File(path.stat().st_size, _sha256(path)) for name, path in names.items() if name != MANIFEST}


def artifact_size(folder: Path, manifest: Manifest) -> int:
    """The bytes of the artifact in `folder`: of the files that its manifest lists, and of the manifest."""
    return sum(file.size for file in manifest.files.values()) + (folder / MANIFEST).stat().st_size


class _Version(msgspec.Struct):
    schema: int


def _text(value: Manifest | HostProgram) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _sealed(manifest: Manifest) -> Manifest:
    """The manifest with the checksum of its text."""
    unsealed = msgspec.structs.replace(manifest, checksum="")
    return msgspec.structs.replace(manifest, checksum=hashlib.sha256(_text(unsealed)).hexdigest())


def _open(path: Path, folder: Path, close: Callable[[], None]) -> Artifact:
    if not (folder / MANIFEST).is_file():
        raise ArtifactError(f"{path / MANIFEST} is missing: {path} is not an artifact, or not a whole one")
    data = (folder / MANIFEST).read_bytes()
    manifest = decode_manifest(data, str(path / MANIFEST))
    _check_files(path, folder, manifest)
    if data != _text(_sealed(manifest)):
        raise ArtifactError(
            f"{path / MANIFEST} has been changed: its checksum differs; copy or compile the artifact again"
        )
    report = decode((folder / REPORT).read_bytes(), dict[str, Any], str(path / REPORT))
    host = decode((folder / HOST).read_bytes(), HostProgram, str(path / HOST))
    kinds = check_all(host, manifest)
    plan = host
    if PLAN in manifest.files:
        plan = decode((folder / PLAN).read_bytes(), HostProgram, str(path / PLAN))
        try:
            check_all(plan, manifest)
        except ArtifactError as error:
            raise ArtifactError(str(error).replace(HOST, PLAN, 1)) from error
    return Artifact(path, folder, manifest, host, plan, kinds, report, close)


def _check_files(path: Path, folder: Path, manifest: Manifest) -> None:
    """Every file of the table is there, inside the folder, with the size and the hash of the table."""
    for name in (HOST, REPORT):
        if name not in manifest.files:
            raise ArtifactError(f"{path / MANIFEST} does not list {name}; compile the network again")
    root = os.path.realpath(folder)
    sizes: dict[str, int] = {}
    for name in manifest.files:
        check_name(name, str(path / MANIFEST))
        real = os.path.realpath(folder / name)
        if os.path.commonpath((root, real)) != root:
            raise ArtifactError(f"{path / name} is a link that leads out of the artifact; copy it again")
        if not os.path.isfile(real):
            raise ArtifactError(f"{path / name} is missing; copy or compile the artifact again")
        sizes[name] = os.path.getsize(real)
    for name, file in manifest.files.items():
        if sizes[name] != file.size:
            what = "truncated" if sizes[name] < file.size else "changed"
            raise ArtifactError(
                f"{path / name} is {what}: it has {sizes[name]} bytes, {MANIFEST} says {file.size}; "
                f"copy or compile the artifact again"
            )
    for name, file in manifest.files.items():
        if _sha256(folder / name) != file.sha256:
            raise ArtifactError(
                f"{path / name} is changed: its SHA-256 is not the one of {MANIFEST}; "
                f"copy or compile the artifact again"
            )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
