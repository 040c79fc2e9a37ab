"""Writes artifacts: everything into a folder beside the target, which takes its name when it is complete."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from adaptc.compiler.backends.onnx.precision import border_type
from adaptc.compiler.backends.onnx.units import ENGINE, Units, write_units
from adaptc.compiler.host import host_program
from adaptc.compiler.ir.host_types import dtype_name
from adaptc.compiler.ir.program import Program
from adaptc.compiler.measuring import Measurer
from adaptc.compiler.options import PlanMode, Progress, no_progress
from adaptc.compiler.plan.cost import Cost
from adaptc.compiler.planning import Planned, carry_out
from adaptc.compiler.profile import Profile
from adaptc.compiler.trial import Trial
from adaptc.runtime.artifact import MANIFEST, REPORT, file_table, write_host, write_manifest, write_plan
from adaptc.runtime.errors import AdaptcError
from adaptc.runtime.hostfile import write_host_source
from adaptc.runtime.manifest import SCHEMA, Manifest, Sample, Signature, TensorSpec


class Samples(Protocol):
    """Inputs with expected outputs, for the folder ``samples``."""

    records: list[Sample]

    def write(self, folder: Path) -> None:
        """Write the files that `records` name under `folder`, the artifact."""


def write_artifact(
    program: Program,
    folder: Path,
    samples: Samples | None,
    report: Mapping[str, Any],
    provenance: Mapping[str, str],
    progress: Progress = no_progress,
) -> Manifest:
    """Write the artifact of `program` to `folder`, whole or not at all, in place of one that is there.

    `report` is JSON values. Raises AdaptcError where the folder cannot be written or holds something else,
    and CompileError where a block cannot be compiled.
    """
    with staged(folder) as staging:
        contents = write_contents(program, staging, provenance, progress)
        return complete(staging, contents.manifest, samples, report)


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A new folder to write an artifact into. It becomes `folder` if the body succeeds, and else is removed.

    Raises AdaptcError where `folder` cannot be written, or is neither new, empty nor an artifact.
    """
    target = Path(os.path.abspath(folder)).resolve()
    _check_replaceable(target)
    with _writing(target):
        parent = next(path for path in target.parents if path.exists())
        workspace = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=parent))
    try:
        new = workspace / "new"
        with _writing(target):
            new.mkdir()
        yield new
        with _writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _exchange(new, target, workspace / "old")
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


@dataclass(frozen=True)
class Contents:
    """What an artifact holds: its manifest, the units of its blocks, and its plan."""

    manifest: Manifest
    units: Units
    planned: Planned


def write_contents(
    program: Program,
    folder: Path,
    provenance: Mapping[str, str],
    progress: Progress = no_progress,
    mode: PlanMode = "auto",
    profile: Profile | None = None,
    trial: Trial | None = None,
    cost: Cost | None = None,
) -> Contents:
    """Write an artifact into `folder` that can be loaded; samples and report are still to come (`complete`).

    `mode`, `profile` and `cost` are those of its plan (`planning.carry_out`); with "measure", `trial` is what it is
    measured on.
    """
    with _writing(folder):
        units = write_units(program, folder, progress)
        inputs = tuple(
            TensorSpec(value.name, dtype_name(border_type(value.type.dtype)), value.type.shape)
            for value in program.inputs
        )
        host = host_program(program, units.block_units)
        manifest = Manifest(
            schema=SCHEMA,
            name=program.name,
            engine=ENGINE,
            signature=Signature(program.arguments, inputs),
            units=tuple(units.units),
            weights=units.table.rows,
            samples=(),
            files={},
            provenance=dict(provenance),
        )
        measurer = None if trial is None else Measurer(trial, manifest, units.block_units, folder, progress)
        planned = carry_out(program, units, folder, mode, progress, profile, measurer, cost)
        manifest = msgspec.structs.replace(manifest, units=(*units.units, *planned.units))
        write_host(folder, host)
        if planned.host is not None:
            write_plan(folder, planned.host)
        write_host_source(folder, planned.host or host, manifest)
    return Contents(complete(folder, manifest, None, {}), units, planned)


def complete(folder: Path, manifest: Manifest, samples: Samples | None, report: Mapping[str, Any]) -> Manifest:
    """Add samples and ``report.json`` to the artifact at `folder`; gives the manifest that is then valid."""
    with _writing(folder):
        if samples is not None:
            samples.write(folder)
        (folder / REPORT).write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
        records = () if samples is None else tuple(samples.records)
        manifest = msgspec.structs.replace(manifest, samples=records, files=file_table(folder))
        write_manifest(folder, manifest)
    return manifest


def pack(folder: Path, file: Path) -> None:
    """Zip the artifact at `folder` into `file`, uncompressed. Equal artifacts give equal files."""
    with _writing(file):
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.absolute().parent)
        os.close(descriptor)
        temporary = Path(name)
        try:
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
                for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                    entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
                    entry.external_attr = 0o644 << 16
                    with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as stored:
                        shutil.copyfileobj(source, stored, 1 << 20)
            temporary.chmod(0o644)
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)


def _check_replaceable(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise AdaptcError(f"{target} is a file: an artifact is a folder, so name one that is new")
    if any(target.iterdir()) and not _is_artifact(target):
        raise AdaptcError(f"{target} is not empty and holds no artifact: it is left as it is, so name another folder")


def _is_artifact(folder: Path) -> bool:
    try:
        found = msgspec.json.decode((folder / MANIFEST).read_bytes())
    except (OSError, msgspec.DecodeError):
        return False
    return isinstance(found, dict) and {"schema", "units", "files"} <= found.keys()


def _exchange(new: Path, target: Path, old: Path) -> None:
    """Rename `new` to `target`; what was there goes to `old`, and comes back if the renaming fails."""
    replaced = target.exists()
    if replaced:
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if replaced:
            old.rename(target)
        raise


@contextlib.contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AdaptcError(f"cannot write {target}: {error.strerror or error}") from error
