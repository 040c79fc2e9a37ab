"""``adaptc opt``: runs passes on a network's program, shows what each does, and finds the one that is wrong."""

from __future__ import annotations

import dataclasses
import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adaptc.command.models import load_model
from adaptc.command.output import FAILED, OK, Output
from adaptc.command.text import count, near_paths, seconds, table
from adaptc.extras import needs_compiler
from adaptc.runtime.errors import InputError

if TYPE_CHECKING:
    from adaptc.compiler.ir.program import Program
    from adaptc.passes import Observer, Pass, PassRegistry, PassReport

MODELS = (".py", ".onnx", ".pt2")
_REASONS = 5
_NAMED = 4


@dataclass(frozen=True)
class OptRequest:
    """The command line of ``adaptc opt``."""

    target: Path | None
    name: str
    inputs: tuple[str, ...]
    dynamic: tuple[str, ...]
    random_seed: int | None
    passes: str | None
    list_passes: bool
    print_changed: bool
    print_after_all: bool
    statistics: bool
    verify_each: bool
    bisect: bool
    load: tuple[Path, ...] = ()


def optimise_target(output: Output, request: OptRequest) -> int:
    """Run the request's passes on its network; raises `PassError` naming the pass that is wrong."""
    with needs_compiler():
        from adaptc.passes import default_pipeline, load_registry

    registry = load_registry(request.load)
    if request.list_passes:
        return _list(output, registry)
    if request.target is None:
        raise InputError("name the model file to run passes on, or give --list")
    if request.target.suffix not in MODELS:
        raise InputError(
            f"{request.target} is no model file (.py, .onnx, .pt2): passes change what the compiler captured, and an "
            f"artifact does not hold that; name the model file that it was compiled from"
        )
    passes = default_pipeline() if request.passes is None else registry.parse(request.passes)
    return _run(output, request, request.target, passes)


def _list(output: Output, registry: PassRegistry) -> int:
    from adaptc.passes import Rule

    rows: list[dict[str, Any]] = []
    for name in registry.names():
        cls = registry.find(name)
        options: dict[str, Any] = {each.name: each.default for each in dataclasses.fields(cls)}
        first = " ".join(inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].split())
        rows.append(
            {
                "name": name,
                "kind": "rule" if issubclass(cls, Rule) else "pass",
                "options": options,
                "does": first,
                "package": registry.package(name),
            }
        )
    for row in rows:
        output.print(f"{_spelled(row['name'], row['options'])}  ({row['kind']} of {row['package']})")
        wrapped = textwrap.wrap(row["does"], output.console.width - 4)
        output.print(*(f"    {line}" for line in wrapped))
    output.answer({"ok": True, "passes": rows})
    return OK


def _run(output: Output, request: OptRequest, target: Path, passes: Sequence[Pass]) -> int:
    from adaptc.compiler.driver import capture_program
    from adaptc.compiler.ir.mlir import to_mlir
    from adaptc.compiler.ir.program import programs
    from adaptc.compiler.locations import Locations
    from adaptc.compiler.pass_runs import Bisection, VerifyEach
    from adaptc.passes import PassError, PassManager
    from adaptc.passes.program.remove_unreachable import RemoveUnreachable

    found = load_model(target, request.name, request.inputs, request.dynamic)
    seed = found.random_seed if request.random_seed is None else request.random_seed
    program, bound = capture_program(
        found.model, found.example_inputs, name=found.name, dynamic=found.dynamic, random_seed=seed
    )
    locations = Locations(found.folder)
    for part in programs(program):
        # what capture leaves behind is of no interest to any pass
        PassManager([RemoveUnreachable()]).run(part)

    def show(program: Program) -> str:
        return to_mlir(locations.shortened_program(program)).rstrip()

    if request.bisect:
        verdict = Bisection(program, bound, found.dynamic).run(passes)
        if not output.json:
            output.raw(locations.short(verdict.text))
        output.answer({"ok": verdict.guilty is None, "guilty": verdict.guilty, "message": verdict.text})
        return OK if verdict.guilty is None else FAILED
    printer = _printer(output, request, show)
    if request.print_after_all and not output.json:
        output.raw(f"// ----- as captured\n{show(program)}")
    observer = VerifyEach(program, bound, found.dynamic, printer) if request.verify_each else printer
    reports: list[PassReport] = []
    try:
        for part in programs(program):
            reports += PassManager(passes, observer=observer).run(part)
    except PassError as error:
        raise PassError(locations.short(str(error))) from error
    if isinstance(observer, VerifyEach):
        output.print(f"the meaning is kept by each pass: {count(observer.check.runs, 'run')} compared after each")
    if request.statistics:
        _statistics(output, reports, request.passes is not None, locations.short)
    elif not (request.print_changed or request.print_after_all or request.verify_each or output.json):
        for part in programs(program):
            output.raw(show(part))
    records = [asdict(report) for report in reports]
    output.answer({"ok": True, "passes": records, "mlir": "\n".join(show(part) for part in programs(program))})
    return OK


def _printer(output: Output, request: OptRequest, show: Callable[[Program], str]) -> Observer:
    from adaptc.passes import Observer
    from adaptc.passes.changes import changed_lines

    class Printer(Observer):
        """Prints programs between passes."""

        def passed(
            self, passes: Sequence[Pass], reports: Sequence[PassReport], before: Program, after: Program
        ) -> None:
            if output.json:
                return
            title = _title(reports)
            changed = [report for report in reports if report.changed]
            if request.print_after_all:
                output.raw(f"// ----- {title}\n{show(after) if changed else '// (no change)'}")
            elif request.print_changed and changed:
                done = [f"{_spelled(report.name, report.options)}: {_counts(report)}" for report in changed]
                output.raw("\n".join([f"// ----- {'; '.join(done)}", *changed_lines(before, after)]))
            elif request.print_changed:
                output.raw(f"// ----- {title}: no change")

    return Printer()


def _spelled(name: str, options: Mapping[str, Any]) -> str:
    shown = ", ".join(
        f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in options.items()
    )
    return f"{name}{{{shown}}}" if shown else name


def _title(reports: Sequence[PassReport]) -> str:
    names = [_spelled(report.name, report.options) for report in reports]
    return ", ".join(names) if len(names) < _NAMED else f"{len(names)} rules"


def _counts(report: PassReport) -> str:
    return ", ".join(f"{number} {what}" for what, number in report.counts.items())


def _statistics(output: Output, reports: Sequence[PassReport], in_full: bool, short: Callable[[str], str]) -> None:
    """A table of the passes, and where rules did not apply: `in_full` with the reasons, else the nearest place."""
    rows = table("pass", ">time", "|changes")
    for report in reports:
        rows.add_row(_spelled(report.name, report.options), seconds(report.seconds), _counts(report) or "-")
    output.print(rows)
    for report in reports:
        if report.misses and not output.json:
            places = count(sum(report.misses.values()), "place")
            lines = [f"{_spelled(report.name, report.options)} did not apply at {places}"]
            if in_full:
                reasons = sorted(report.misses.items(), key=lambda pair: -pair[1])[:_REASONS]
                lines = ["", *lines, *(f"    {number} × {reason}" for reason, number in reasons)]
            output.raw(near_paths(short("\n".join([*lines, f"    nearest: {report.nearest}"]))))
