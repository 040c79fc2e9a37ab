"""``adaptc inspect``."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adaptc.command.models import captured, load_model
from adaptc.command.output import OK, Output
from adaptc.command.structure import block_table, branch_table, host_dot
from adaptc.command.text import count, facts, size
from adaptc.extras import needs_compiler
from adaptc.runtime.artifact import Artifact, artifact_size, open_artifact
from adaptc.runtime.errors import InputError
from adaptc.runtime.hostfile import host_file
from adaptc.runtime.hostprogram import units_of
from adaptc.runtime.inputs import describe
from adaptc.runtime.manifestcheck import WEIGHTS


@dataclass(frozen=True)
class InspectRequest:
    """The command line of ``adaptc inspect``."""

    target: Path
    name: str
    inputs: tuple[str, ...]
    dynamic: tuple[str, ...]
    mlir: bool
    dot: bool
    host: bool
    source: bool = False
    random_seed: int | None = None


def inspect_target(output: Output, request: InspectRequest) -> int:
    """Show what is asked for of the model file or the artifact at the request's target."""
    if request.target.suffix in (".py", ".onnx", ".pt2"):
        return _inspect_model(output, request)
    return _inspect_artifact(output, request)


def _inspect_model(output: Output, request: InspectRequest) -> int:
    if request.host:
        raise InputError("--host shows an artifact's host.py; compile the model first (adaptc compile)")
    found = load_model(request.target, request.name, request.inputs, request.dynamic)
    with needs_compiler():
        from adaptc.compiler import summary
        from adaptc.compiler.ir.dot import to_dot
        from adaptc.compiler.ir.mlir import to_mlir
        from adaptc.compiler.locations import Locations

    if request.source:
        text = getattr(found.model, "source", None)
        if not isinstance(text, str):
            raise InputError(f"--source prints the Python that an ONNX model is read as, and {request.target} is none")
        output.raw(text)
        return OK
    program = captured(found, request.random_seed)
    locations = Locations(found.folder)
    if request.mlir:
        output.raw(to_mlir(locations.shortened_program(program)))
    elif request.dot:
        output.raw(to_dot(locations.shortened_program(program)))
    else:
        rows = [asdict(block) for block in summary.blocks(program, locations)]
        branches = [asdict(branch) for branch in summary.branches(program, locations)]
        weights = sum(summary.bytes_of(tensor) for tensor in program.weights.values())
        _show(output, found.name, rows, branches, [("weights", size(weights))])
    return OK


def _inspect_artifact(output: Output, request: InspectRequest) -> int:
    if request.source:
        raise InputError("--source prints the Python that an ONNX model is read as: name the .onnx file")
    if request.mlir:
        raise InputError(
            f"--mlir prints what the compiler captured, and {request.target} is an artifact, which does not hold that: "
            f"name the model file that it was compiled from (adaptc inspect MODEL.py --mlir), or see its host program "
            f"with --host"
        )
    with contextlib.closing(open_artifact(request.target)) as artifact:
        report, manifest = artifact.report, artifact.manifest
        if request.host:
            output.raw(host_file(artifact.plan, manifest).rstrip())
        elif request.dot:
            output.raw(host_dot(manifest.name, artifact.host, report.get("blocks", [])))
        else:
            about = [
                ("artifact", size(artifact_size(artifact.folder, manifest))),
                ("weights", size(manifest.files[WEIGHTS].size if manifest.weights else 0)),
                ("units", _units(artifact)),
                ("samples", str(len(manifest.samples))),
                ("inputs", ", ".join(f"{spec.name} {describe(spec)}" for spec in manifest.signature.inputs)),
                ("made with", ", ".join(f"{name} {value}" for name, value in manifest.provenance.items())),
            ]
            _show(output, manifest.name, report.get("blocks", []), report.get("branches", []), about)
    return OK


def _units(artifact: Artifact) -> str:
    """How many units there are, and how many graphs of regions."""
    graphs = len(units_of(artifact.plan) - units_of(artifact.host))
    manifest = artifact.manifest
    text = f"{len(manifest.units) - graphs} for {manifest.engine}"
    return f"{text}, run as {count(graphs, 'graph')}" if graphs else text


def _show(
    output: Output,
    name: str,
    blocks: Sequence[Mapping[str, Any]],
    branches: Sequence[Mapping[str, Any]],
    about: Sequence[tuple[str, str]],
) -> None:
    output.print(f"{name}: {count(len(blocks), 'block')}, {count(len(branches), 'branch')} on data", "")
    output.print(*block_table(blocks), "")
    if branches:
        output.print(branch_table(branches), "")
    output.print(*facts(about, output.console.width))
    result = {"ok": True, "name": name, **dict(about), "blocks": list(blocks), "branches": list(branches)}
    output.answer(result)
