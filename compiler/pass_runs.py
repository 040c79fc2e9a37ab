"""Runs of passes that watch over the meaning: after each pass, or looking for the one that changes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from adaptc.compiler.driver import capture_program
from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.mlir import to_mlir
from adaptc.compiler.ir.mlir_check import mlir_fault
from adaptc.compiler.ir.program import Program, programs
from adaptc.compiler.meaning import MeaningCheck, with_part
from adaptc.compiler.signature import Bound
from adaptc.passes.changes import changed_lines
from adaptc.passes.draft import Draft
from adaptc.passes.errors import PassError
from adaptc.passes.manager import Observer, PassManager, PassReport
from adaptc.passes.program.remove_unreachable import RemoveUnreachable
from adaptc.passes.rule import Pass, Rule

Dims = Mapping[str, Mapping[int, str]]


@dataclass(frozen=True)
class Trial:
    """What passes did to a network: the reports, the lines of MLIR that changed, and the program in the end."""

    reports: list[PassReport]
    changes: list[str]
    program: Program

    @property
    def text(self) -> str:
        """The changed lines as one text, to compare with a golden one."""
        return "".join(f"{line}\n" for line in self.changes)


def try_passes(model: nn.Module, example_inputs: object, passes: Sequence[Pass], dynamic: Dims | None = None) -> Trial:
    """Run `passes` on the program of `model`, checking after each that it means the same on every path.

    For tests of passes. Raises CompileError where the network cannot be captured, and PassError naming the pass that
    breaks the program or changes what it computes.
    """
    program, bound = capture_program(model, example_inputs, name="network", dynamic=dynamic or {})
    for part in programs(program):
        PassManager([RemoveUnreachable()]).run(part)
    before = copy_program(program)
    observer = VerifyEach(program, bound, dynamic or {})
    reports = [report for part in programs(program) for report in PassManager(passes, observer=observer).run(part)]
    parts = zip(programs(before), programs(program), strict=True)
    return Trial(reports, [line for old, new in parts for line in changed_lines(old, new)], program)


class VerifyEach(Observer):
    """Checks after each pass that the text is MLIR and that the program means what it meant, then tells `then`.

    Raises PassError naming the pass, with what differs and the MLIR around what it changed.
    """

    def __init__(self, program: Program, bound: Bound, dims: Dims, then: Observer | None = None) -> None:
        self.program = program
        self.check = _check(program, bound, dims)
        self.then = then or Observer()

    def rewritten(self, rule: Rule, draft: Draft, loc: str) -> None:
        """Only what passes leave is checked."""
        self.then.rewritten(rule, draft, loc)

    def passed(self, passes: Sequence[Pass], reports: Sequence[PassReport], before: Program, after: Program) -> None:
        """Check `after`, which is a part of the program."""
        changed = [report.name for report in reports if report.changed]
        if changed:
            fault = mlir_fault(to_mlir(after))
            if fault is not None:
                raise PassError(f"{_named(changed)} left a program whose text is no MLIR: {fault}")
            found = self.check.difference(self.program)
            if found is not None:
                raise PassError(_explained(changed, found, before, after))
        self.then.passed(passes, reports, before, after)


@dataclass(frozen=True)
class Verdict:
    """What a bisection found: the guilty pass or rule, None where the meaning is kept, and what to print."""

    guilty: str | None
    text: str


@dataclass(frozen=True)
class _Step:
    """The program after some passes, the names of those that changed it last, and how to do that again."""

    names: tuple[str, ...]
    part: int
    program: Program
    passes: tuple[Pass, ...]


class Bisection(Observer):
    """Finds the first pass, and among rules the first rewrite, after which a program means something else."""

    def __init__(self, program: Program, bound: Bound, dims: Dims) -> None:
        self.program = program
        self.check = _check(program, bound, dims)
        self._steps = [_Step((), 0, copy_program(program), ())]
        self._part = 0

    def run(self, passes: Sequence[Pass]) -> Verdict:
        """Run all passes, then look for the first wrong one by halves."""
        for number, part in enumerate(programs(self.program)):
            self._part = number
            PassManager(passes, observer=self).run(part)
        found = self.check.difference(self._steps[-1].program)
        if found is None:
            runs = f"{self.check.runs} runs, {self.check.paths} of them along paths with their reads forced"
            return Verdict(None, f"the passes keep the meaning: {runs}")
        right, wrong = 0, len(self._steps) - 1
        while wrong - right > 1:
            middle = (right + wrong) // 2
            differing = self.check.difference(self._steps[middle].program)
            if differing is None:
                right = middle
            else:
                wrong, found = middle, differing
        before, after = self._steps[right], self._steps[wrong]
        rewrite = self._first_rewrite(before, after)
        if rewrite is not None:
            return rewrite
        parts = [programs(step.program)[after.part] for step in (before, after)]
        return Verdict(", ".join(after.names), _explained(after.names, found, *parts))

    def passed(self, passes: Sequence[Pass], reports: Sequence[PassReport], before: Program, after: Program) -> None:
        """Keep the program as it is after each pass that changed something."""
        if any(report.changed for report in reports):
            names = tuple(report.name for report in reports if report.changed)
            self._steps.append(_Step(names, self._part, copy_program(self.program), tuple(passes)))

    def _first_rewrite(self, before: _Step, after: _Step) -> Verdict | None:
        """Apply the rules of a wrong step again, and look after each rewrite."""
        whole = copy_program(before.program)
        part = programs(whole)[after.part]
        watch = _Rewrites(self.check, whole, part)
        if any(isinstance(each, Rule) for each in after.passes):
            try:
                PassManager(after.passes, observer=watch).run(part)
            except _Found:
                return watch.verdict
        return None


class _Found(PassError):
    """Ends a run of rules at the first wrong rewrite."""


class _Rewrites(Observer):
    """Checks the meaning after each rewrite."""

    def __init__(self, check: MeaningCheck, whole: Program, part: Program) -> None:
        self.check = check
        self.whole = whole
        self.part = part
        self.last = copy_program(part)
        self.verdict: Verdict | None = None

    def rewritten(self, rule: Rule, draft: Draft, loc: str) -> None:
        """Stop at the first rewrite after which the meaning is another one."""
        now, _ = draft.preview("rewritten")
        found = self.check.difference(with_part(self.whole, self.part, now))
        if found is not None:
            where = f", at {loc}" if loc else ""
            text = _explained([rule.name], found, self.last, now)
            self.verdict = Verdict(rule.name, f"the first wrong rewrite is of rule '{rule.name}'{where}\n{text}")
            raise _Found(text)
        self.last = now


def _check(program: Program, bound: Bound, dims: Dims) -> MeaningCheck:
    return MeaningCheck(program, bound, {name: dict(axes) for name, axes in dims.items()})


def _named(names: Sequence[str]) -> str:
    shown = [f"'{name}'" for name in names]
    return f"pass {shown[0]}" if len(shown) == 1 else f"one of the passes {', '.join(shown)}"


def _explained(names: Sequence[str], found: str, before: Program, after: Program) -> str:
    return "\n".join([f"{_named(names)} changes what the network computes: {found}", *changed_lines(before, after)])
