"""Checks what a manifest says: names of files stay inside the artifact, tables refer to rows that exist."""

from __future__ import annotations

from adaptc.runtime.dtypes import check_dtype
from adaptc.runtime.errors import ArtifactError
from adaptc.runtime.manifest import Manifest, files_of
from adaptc.runtime.treecheck import check_tree, leaf_indices

WEIGHTS = "units/weights.bin"


def check_manifest(manifest: Manifest, file: str) -> None:
    """Raise `ArtifactError` naming `file`, the manifest's path, at the first thing that is inconsistent."""
    for name in manifest.files:
        check_name(name, file)
    listed = [name for unit in manifest.units for name in files_of(unit)]
    listed += [name for sample in manifest.samples for name in (sample.inputs, sample.expected)]
    if manifest.weights:
        listed.append(WEIGHTS)
    for name in listed:
        check_name(name, file)
        if name not in manifest.files:
            raise ArtifactError(f"{file} refers to {name}, which its table of files lacks; compile again")
    if len({unit.name for unit in manifest.units}) != len(manifest.units):
        raise ArtifactError(f"{file} has two units of the same name; compile the network again")
    _check_specs(manifest, file)
    _check_signature(manifest, file)


def check_name(name: str, file: str) -> None:
    """Raise `ArtifactError` unless `name` is a plain relative path with slashes, on every operating system."""
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or any(char in name for char in "\\:\0"):
        raise ArtifactError(f"{file} names {name!r}, a path that may leave the artifact; do not load it")


def _check_specs(manifest: Manifest, file: str) -> None:
    for spec in manifest.signature.inputs:
        check_dtype(spec.dtype, f"input {spec.name!r}", file)
    for unit in manifest.units:
        for spec in (*unit.inputs, *unit.outputs):
            check_dtype(spec.dtype, f"{spec.name!r} of unit {unit.name!r}", file)
        if len({spec.name for spec in unit.inputs}) != len(unit.inputs):
            raise ArtifactError(f"{file}: unit {unit.name!r} has two inputs of the same name; compile again")


def _check_signature(manifest: Manifest, file: str) -> None:
    signature = manifest.signature
    carried: list[int] = []
    for argument in signature.arguments:
        check_tree(argument.tree, len(signature.inputs), f"argument {argument.name!r}", file)
        carried += leaf_indices(argument.tree)
    if sorted(carried) != list(range(len(signature.inputs))):
        raise ArtifactError(f"{file}: the arguments do not carry each input once; compile the network again")
    if len({argument.name for argument in signature.arguments}) != len(signature.arguments):
        raise ArtifactError(f"{file} has two arguments of the same name; compile the network again")
