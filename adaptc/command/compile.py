"""``adaptc compile``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adaptc.command.models import load_model
from adaptc.command.output import OK, Output
from adaptc.command.paths import session_facts, show_verification
from adaptc.command.progress import StageBars
from adaptc.command.text import count, facts, seconds, size
from adaptc.extras import needs_compiler
from adaptc.runtime.errors import InputError

if TYPE_CHECKING:
    from adaptc.compiler.options import PlanMode
    from adaptc.compiler.report import CompileReport


@dataclass(frozen=True)
class CompileRequest:
    """The command line of ``adaptc compile``."""

    file: Path
    output: Path | None
    name: str
    inputs: tuple[str, ...]
    dynamic: tuple[str, ...]
    verify: bool
    random_inputs: int
    max_iterations: int
    seed: int
    random_seed: int | None = None
    plan: PlanMode = "auto"
    emit: str | None = None
    profile: Path | None = None
    cost_model: Path | None = None


def compile_model_file(output: Output, request: CompileRequest) -> int:
    """Compile, write the artifact, and show what was done."""
    found = load_model(request.file, request.name, request.inputs, request.dynamic, request.seed)
    with needs_compiler():
        from adaptc.compiler.driver import compile_model
        from adaptc.compiler.options import CompileOptions

    options = CompileOptions(
        name=found.name,
        dynamic=found.dynamic,
        samples=found.samples,
        verify=request.verify,
        random_inputs=request.random_inputs,
        max_iterations=request.max_iterations,
        plan=request.plan,
        seed=request.seed,
        random_seed=found.random_seed if request.random_seed is None else request.random_seed,
        folder=found.folder,
        profile=request.profile,
        cost_model=request.cost_model,
    )
    target = request.output or Path(f"{found.name}.onnx" if request.emit == "onnx" else f"{found.name}-artifact")
    if request.emit is not None and (request.emit == "onnx") != (target.suffix == ".onnx"):
        raise InputError(f"--emit {request.emit} does not go with the output {target}: a single model ends in .onnx")
    with StageBars(output.errors) as bars:
        report = compile_model(found.model, found.example_inputs, target, options=options, progress=bars)
    _show(output, report)
    output.answer({"ok": True, "artifact": str(report.output), **report.to_dict()})
    return OK


def _show(output: Output, report: CompileReport) -> None:
    parts = [count(len(report.blocks), "block"), count(report.units, "unit")]
    if report.graphs:
        parts[-1] += f", run as {count(report.graphs, 'graph')}"
    branches = count(len(report.branches), "branch")
    output.print(f"{report.name}: {branches} on data, {' in '.join(parts)}", "")
    if report.verification:
        show_verification(output, report.verification)
    else:
        output.print("not verified (--no-verify)")
    stages = ", ".join(f"{stage.name} {seconds(stage.seconds)}" for stage in report.stages)
    about = [
        ("model" if report.is_single else "artifact", f"{report.output} ({size(report.artifact_bytes)})"),
        ("weights", f"{size(report.weight_bytes)}, each stored once"),
        ("time", f"{seconds(report.seconds)}: {stages}"),
        *_measured(report),
        *session_facts(report.sessions),
        *(("note", note) for note in report.notes),
    ]
    if report.is_single:
        about.append(("next", f'in Python: onnxruntime.InferenceSession("{report.output}").run(None, {{...}})'))
    else:
        about += [
            ("next", f"adaptc run {report.output} --random --trace"),
            ("", f"adaptc verify {report.output}"),
            ("", f'in Python, without PyTorch: adaptc.load("{report.output}")(x)'),
        ]
    output.print("", *facts(about, output.console.width))


def _measured(report: CompileReport) -> list[tuple[str, str]]:
    found = [plan["measurement"] for plan in report.plan if "measurement" in plan]
    return (
        [("plan", f"measured on {count(found[0]['inputs'], 'input')}: adaptc explain {report.output}")] if found else []
    )
