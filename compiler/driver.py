"""The compile, in the order in which things happen: bind, check, capture, passes, emit, load, verify, publish."""

from __future__ import annotations

import contextlib
import platform
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import msgspec
from torch import nn

from adaptc.compiler import onefile, summary
from adaptc.compiler.artifact import Contents, complete, write_contents
from adaptc.compiler.checks import check_tensors, failing_call, settled, training_problems
from adaptc.compiler.destination import destination
from adaptc.compiler.errors import CompileError, VerificationError
from adaptc.compiler.frontend.capture import capture
from adaptc.compiler.ir.program import Block, Program, programs
from adaptc.compiler.ir.verify import verify as verify_program
from adaptc.compiler.locations import Locations
from adaptc.compiler.options import CompileOptions, Progress, no_progress
from adaptc.compiler.plan.learned import LearnedCost
from adaptc.compiler.planned_executable import Plan, PlannedExecutable, ShippedExecutable
from adaptc.compiler.probed import ProbedPlan
from adaptc.compiler.profile import Profile, check_profile, read_profile
from adaptc.compiler.read_network import ReadNetwork
from adaptc.compiler.report import CompileReport, Stages, session_record, verification_record
from adaptc.compiler.signature import Bound, ExampleInputs, apply_dims, bind, check_samples
from adaptc.compiler.threads import suitable_threads
from adaptc.compiler.trial import Trial
from adaptc.compiler.verify.inputs import input_set, like, random_inputs
from adaptc.compiler.verify.report import VerificationReport, describe
from adaptc.compiler.verify.sessions import verify_sessions
from adaptc.compiler.verify.verify import verify
from adaptc.costmodel.shipped import choose
from adaptc.passes.manager import PassManager, PassReport
from adaptc.passes.pipeline import default_pipeline, profiled_pipeline
from adaptc.passes.rule import Pass
from adaptc.passes.sessions import prune_state, share_codes
from adaptc.runtime import Executable, load
from adaptc.runtime.artifact import Artifact, artifact_size
from adaptc.runtime.engines import ENGINES
from adaptc.runtime.errors import AdaptcError, EngineError, InputError
from adaptc.runtime.hostprogram import HostBlock, Read, successors

AnyExecutable = Executable | PlannedExecutable | ShippedExecutable
"""What can be verified."""


def compile_model(
    model: nn.Module,
    example_inputs: object,
    output: Path,
    *,
    options: CompileOptions,
    progress: Progress = no_progress,
) -> CompileReport:
    """Compile `model` and write its artifact to `output`, or a single ONNX model, whole or not at all.

    Raises `CompileError` listing every reason why it cannot be compiled, `VerificationError` where the compiled
    network differs from eager PyTorch, `EngineError` for an unknown engine, `InputError` where a plan is to be measured
    for a single model, and `AdaptcError` where `output` cannot be written.
    """
    if options.engine not in ENGINES:
        raise EngineError(f"there is no engine {options.engine!r}; the engines are {', '.join(ENGINES)}")
    stages = Stages()
    locations = Locations(options.folder)
    single = output.suffix == onefile.SUFFIX
    if single and options.plan == "measure":
        raise InputError(f"{output} would be a single model, which is one graph: there is no plan to measure for it")
    with destination(output) as folder:
        with stages.time("capture"):
            program, bound = capture_program(
                model,
                example_inputs,
                name=options.name,
                dynamic=options.dynamic,
                samples=options.samples,
                progress=progress,
                random_seed=options.random_seed,
                max_iterations=options.max_iterations,
            )
        with stages.time("passes"):
            passes = optimise(program, progress, default_pipeline(options.cost_model))
            profile = None
            if options.profile is not None:
                profile = read_profile(options.profile)
                passes += optimise_for(program, profile, options.profile, locations)
        with stages.time("units"), locations.problems_in_full():
            shortened = locations.shortened_program(program)
            if single and (refused := onefile.refusals(shortened)):
                raise CompileError(refused)
            mode = "blocks" if single else options.plan
            trial = _trial(model, bound, options) if mode == "measure" else None
            cost = LearnedCost(choose(options.cost_model)) if mode != "blocks" else None
            contents = write_contents(shortened, folder, _provenance(), progress, mode, profile, trial, cost)
            manifest = contents.manifest
            if single:
                onefile.write_onefile(shortened, contents, folder, folder / output.name)
        verification = sessions = None
        if options.verify:
            model_file = folder / output.name if single else None
            with stages.time("verify"), _to_verify(shortened, folder, contents, options, model_file) as executable:
                verification = verify_executable(program, model, bound, executable, options, progress)
                _raise_if_wrong(verification)
                if not single:
                    sessions = _verify_sessions(program, model, bound, executable, options, progress)
                if sessions is not None:
                    _raise_if_wrong(sessions)
        report = _report(program, locations, contents, folder, output, passes, stages, verification, sessions)
        if profile is not None:
            report = replace(report, profile=msgspec.to_builtins(profile))
        if single:
            return replace(report, artifact_bytes=(folder / output.name).stat().st_size)
        manifest = complete(folder, manifest, verification.samples if verification else None, report.to_dict())
        return replace(report, artifact_bytes=artifact_size(folder, manifest))


def capture_program(
    model: nn.Module,
    example_inputs: object,
    *,
    name: str,
    dynamic: Mapping[str, Mapping[int, str]],
    samples: Sequence[object] = (),
    progress: Progress = no_progress,
    random_seed: int | None = None,
    max_iterations: int = CompileOptions.max_iterations,
) -> tuple[Program, Bound]:
    """The program of `model`, checked against the IR's rules, and how the example inputs call it.

    A network that was read from another form is compared with that first, on `samples` too. Raises `CompileError`
    with every problem of the network: those of its mode and those of its code.
    """
    bound = bind(model.forward, cast(ExampleInputs, example_inputs))
    check_tensors(model, bound.inputs)
    if samples:
        check_samples(model.forward, cast(Sequence[ExampleInputs], samples), apply_dims(bound.inputs, dynamic))
    problems = training_problems(model)
    failing = [] if problems else failing_call(model, bound, max_iterations)
    if not failing and isinstance(model, ReadNetwork):
        failing = model.problems_of_reading(bound, dynamic, samples)
    if failing:
        raise CompileError(failing)
    progress("capture", 0, 0)
    try:
        with settled(model):
            program = capture(model, bound, dynamic, name, partial(progress, "capture"), random_seed)
    except CompileError as error:
        raise CompileError([*problems, *error.problems]) from error
    if problems:
        raise CompileError(problems)
    for part in programs(program):
        verify_program(part, allow_unreachable=True)
    return program, bound


def check_units(program: Program, folder: Path | None) -> None:
    """Raise `CompileError` with every operator of `program` that no unit can hold; the units are not kept.

    `folder` is that of the model file.
    """
    locations = Locations(folder)
    with tempfile.TemporaryDirectory(prefix="adaptc-") as made, locations.problems_in_full():
        write_contents(locations.shortened_program(program), Path(made), {}, mode="blocks")


def optimise(
    program: Program, progress: Progress = no_progress, passes: Sequence[Pass] | None = None
) -> list[PassReport]:
    """Run `passes`, without them the default ones, on `program` and those with which a session goes on, in place."""
    passes = default_pipeline() if passes is None else passes
    progress("passes", 0, len(passes))
    reports = [report for part in programs(program) for report in PassManager(passes).run(part)]
    if program.later:
        prune_state(program)
        share_codes(program)
    progress("passes", len(passes), len(passes))
    return reports


@contextlib.contextmanager
def _to_verify(
    program: Program, folder: Path, contents: Contents, options: CompileOptions, single: Path | None
) -> Iterator[AnyExecutable]:
    """The artifact in `folder` as verification takes it: what its plan, or the `single` model made of it, computes is
    compared on every path."""
    with contextlib.ExitStack() as stack:
        blocks = stack.enter_context(load(folder, engine=options.engine, max_iterations=options.max_iterations))
        plan: Plan
        others: list[ProbedPlan] = []
        if single is not None:
            plan = onefile.OneFilePlan(program, contents, folder, single)
        elif contents.planned.host is not None:
            shipped = stack.enter_context(load(folder, engine=options.engine))
            plan = ProbedPlan(shipped, contents, folder)
            sizes = {unit.blocked.channels for unit in contents.planned.units if unit.blocked is not None}
            others = [ProbedPlan(shipped, contents, folder, size) for size in sizes]
        else:
            yield blocks
            return
        for each in (plan, *others):
            stack.callback(each.close)
        planned = PlannedExecutable(blocks, plan, *others)
        yield planned
        planned.finish()


def optimise_for(program: Program, profile: Profile, file: Path, locations: Locations) -> list[PassReport]:
    """Make fast what `profile`, which was read from `file`, tells to be likely, in place.

    Raises `AdaptcError` where it was recorded on a program of other control flow than `program`, which the default
    passes have been through.
    """
    short = locations.shortened_program(program)
    check_profile(profile, file, program.name, short.entry, short.blocks.values())
    return PassManager(profiled_pipeline(profile)).run(program)


def verify_executable(
    program: Program,
    model: nn.Module,
    bound: Bound,
    executable: AnyExecutable,
    options: CompileOptions,
    progress: Progress = no_progress,
) -> VerificationReport:
    """Compare `executable` with `model` on every path of `program`, on the samples and on random inputs."""
    with suitable_threads(program.weights.values()):
        return verify(
            program,
            model,
            bound,
            executable,
            samples=cast(tuple[ExampleInputs, ...], options.samples),
            random=options.random_inputs,
            seed=options.seed,
            dims=options.dynamic,
            progress=partial(progress, "verify"),
            max_iterations=options.max_iterations,
        )


def _trial(model: nn.Module, bound: Bound, options: CompileOptions) -> Trial:
    """What plans are measured on: the inputs that verification runs as their data decides."""
    samples = cast(tuple[ExampleInputs, ...], options.samples)
    given = [like(bound, bind(model.forward, sample), f"sample {i + 1}") for i, sample in enumerate(samples)]
    drawn = random_inputs(bound, options.dynamic, options.random_inputs, options.seed)
    return Trial([input_set("the example inputs", bound), *given, *drawn], options.max_iterations)


def _verify_sessions(
    program: Program,
    model: nn.Module,
    bound: Bound,
    executable: AnyExecutable,
    options: CompileOptions,
    progress: Progress,
) -> VerificationReport | None:
    """What was found of calls that follow each other; None for a network that leaves nothing behind for them."""
    if not program.later:
        return None
    with suitable_threads(program.weights.values()):
        return verify_sessions(
            program,
            model,
            bound,
            executable,
            random=options.random_inputs,
            seed=options.seed,
            max_iterations=options.max_iterations,
            progress=partial(progress, "verify"),
        )


def verify_artifact_of(
    model: nn.Module,
    example_inputs: object,
    artifact: Artifact,
    executable: Executable,
    *,
    options: CompileOptions,
    progress: Progress = no_progress,
) -> tuple[VerificationReport, dict[str, Any]]:
    """Compare `executable`, loaded from `artifact` at any time, with `model`, which is captured again for it.

    Gives what was found, and the record of it as a compile's report has it, with that of its sessions. Dimensions that
    the artifact names vary, whether or not `options` name them too. Raises `AdaptcError` where the artifact was
    compiled from a network with other control flow.
    """
    options = replace(options, dynamic=_with_dims_of(artifact, model, example_inputs, options.dynamic))
    program, bound = capture_program(
        model,
        example_inputs,
        name=options.name,
        dynamic=options.dynamic,
        progress=progress,
        random_seed=artifact.host.seed,
        max_iterations=options.max_iterations,
    )
    locations = Locations(options.folder)
    optimise(program, progress)
    recorded = artifact.report.get("profile")
    if recorded:
        profile = msgspec.convert(recorded, Profile)
        optimise_for(program, profile, artifact.path, locations)
    ours, theirs = programs(program), (artifact.host, *artifact.host.later)
    if [_control_flow(part.blocks.values()) for part in ours] != [_control_flow(part.blocks) for part in theirs]:
        raise AdaptcError(
            f"{artifact.path} was not compiled from this network with these inputs and dynamic dimensions: their "
            f"blocks and branches differ; compile the network again"
        )
    with load(artifact.path) as shipped:
        both = ShippedExecutable(executable, shipped)
        report = verify_executable(program, model, bound, both, options, progress)
        record = verification_record(report, program, locations)
        sessions = _verify_sessions(program, model, bound, both, options, progress)
    record["sessions"] = session_record(sessions, program, locations)
    if sessions is not None and sessions.failures:
        report = replace(report, pathless=(*report.pathless, *sessions.failures))
        record |= {"ok": False, "failures": [locations.short(str(failure)) for failure in report.failures]}
    return report, record


def _with_dims_of(
    artifact: Artifact, model: nn.Module, example_inputs: object, dynamic: Mapping[str, Mapping[int, str]]
) -> dict[str, dict[int, str]]:
    """`dynamic` and, of the dimensions that `artifact` names, those of inputs that `model` has too."""
    named = {
        spec.name: {axis: dim for axis, dim in enumerate(spec.shape) if isinstance(dim, str)}
        for spec in artifact.manifest.signature.inputs
    }
    inputs = [name for name, _ in bind(model.forward, cast(ExampleInputs, example_inputs)).inputs]
    both = {name: {**named.get(name, {}), **dynamic.get(name, {})} for name in (*inputs, *dynamic)}
    return {name: dims for name, dims in both.items() if dims}


def _control_flow(blocks: Iterable[Block | HostBlock]) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The reads of each block, and the blocks that it leads to."""
    return {
        block.name: (
            tuple(step.name for step in block.steps if isinstance(step, Read)),
            tuple(edge.block for edge in successors(block.terminator)),
        )
        for block in blocks
    }


def _raise_if_wrong(verification: VerificationReport) -> None:
    if not verification.ok:
        raise VerificationError(
            "the compiled network differs from eager PyTorch; nothing was written\n" + describe(verification.failures)
        )


def _report(
    program: Program,
    locations: Locations,
    contents: Contents,
    folder: Path,
    output: Path,
    passes: list[PassReport],
    stages: Stages,
    verification: VerificationReport | None,
    sessions: VerificationReport | None,
) -> CompileReport:
    weights = folder / "units" / "weights.bin"
    single = output.suffix == onefile.SUFFIX
    return CompileReport(
        name=program.name,
        output=output,
        engine=contents.manifest.engine,
        blocks=tuple(summary.blocks(program, locations)),
        branches=tuple(summary.branches(program, locations)),
        codes=len({id(block.code) for block in program.blocks.values() if block.code is not None}),
        units=len(contents.units.units),
        graphs=len(contents.planned.units),
        plan=tuple(part.record() for part in contents.planned.parts),
        weight_bytes=weights.stat().st_size if weights.exists() else 0,
        parameter_bytes=sum(weight.size for weight in contents.manifest.weights),
        artifact_bytes=0,
        passes=tuple(asdict(report) for report in passes),
        stages=tuple(stages.done),
        notes=(*map(locations.short, program.notes), *([onefile.ONE_CALL] if single and program.later else [])),
        verification=verification_record(verification, program, locations) if verification is not None else {},
        sessions=session_record(sessions, program, locations),
    )


def _provenance() -> dict[str, str]:
    packages = ("adaptc", "torch", "onnx", "onnxscript", "onnxruntime", "numpy")
    return {**{name: version(name) for name in packages}, "python": platform.python_version()}
