"""``adaptc verify``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from adaptc.command.models import load_model
from adaptc.command.output import FAILED, OK, Output
from adaptc.command.paths import session_facts, show_verification
from adaptc.command.progress import StageBars
from adaptc.command.text import count, error_size, near_paths, table
from adaptc.extras import needs_compiler
from adaptc.runtime.artifact import Artifact, open_artifact
from adaptc.runtime.errors import InputError
from adaptc.runtime.executable import Executable
from adaptc.runtime.trace import SampleResult


@dataclass(frozen=True)
class VerifyRequest:
    """The command line of ``adaptc verify``."""

    artifact: Path
    model_file: Path | None
    name: str
    inputs: tuple[str, ...]
    dynamic: tuple[str, ...]
    random_inputs: int
    max_iterations: int
    seed: int
    engine: str | None
    threads: int


def verify_artifact(output: Output, request: VerifyRequest) -> int:
    """Run the artifact's samples again or compare it with its network; fails where anything differs."""
    artifact = open_artifact(request.artifact)
    with Executable(artifact, request.engine, request.threads, request.max_iterations) as executable:
        if request.model_file is not None:
            return _with_model(output, request, request.model_file, artifact, executable)
        results = executable.verify()
    return _show_samples(output, results)


def _show_samples(output: Output, results: Sequence[SampleResult]) -> int:
    if not results:
        raise InputError(
            "the artifact carries no samples (it was compiled with --no-verify): give its network, --model MODEL.py"
        )
    failed = [result for result in results if not result.ok]
    rows = table("sample", ">blocks", ">difference", "|result")
    for result in results:
        ending = f"ok (raises {result.raises})" if result.raises else "ok"
        verdict = ending if result.ok else f"WRONG: {result.problem}"
        rows.add_row(result.name, str(len(result.path)), error_size(result.max_relative_error), verdict)
    output.print(rows, "")
    samples = count(len(results), "sample")
    if failed:
        output.print(f"{len(failed)} of {samples} differ from what PyTorch gave")
    else:
        worst = error_size(max(result.max_relative_error for result in results))
        output.print(f"{samples} verified; the outputs differ from PyTorch's by at most {worst} (relative)")
    output.answer({"ok": not failed, "samples": [asdict(result) for result in results]})
    return FAILED if failed else OK


def _with_model(output: Output, request: VerifyRequest, file: Path, artifact: Artifact, executable: Executable) -> int:
    found = load_model(file, request.name, request.inputs, request.dynamic, request.seed)
    with needs_compiler():
        from adaptc.compiler.driver import verify_artifact_of
        from adaptc.compiler.options import CompileOptions

    options = CompileOptions(
        name=found.name,
        dynamic=found.dynamic,
        samples=found.samples,
        random_inputs=request.random_inputs,
        max_iterations=request.max_iterations,
        seed=request.seed,
        folder=found.folder,
    )
    with StageBars(output.errors) as bars:
        report, result = verify_artifact_of(
            found.model, found.example_inputs, artifact, executable, options=options, progress=bars
        )
    show_verification(output, result)
    for label, text in session_facts(result["sessions"]):
        output.print(f"{label}: {text}" if label else text)
    if not report.ok:
        output.print("", "the artifact differs from the network:")
        for failure in report.failures:
            output.print(near_paths(str(failure)))
    output.answer(result)
    return OK if report.ok else FAILED
