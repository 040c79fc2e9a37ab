"""Runs passes: checks the program before and after each, measures, and explains what broke."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import groupby
from typing import Any

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.errors import IRError
from adaptc.compiler.ir.mlir import to_mlir
from adaptc.compiler.ir.program import Block, Code, Program
from adaptc.compiler.ir.verify import verify
from adaptc.passes.draft import Draft, codes
from adaptc.passes.errors import PassError
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.rewriter import Rewriter
from adaptc.passes.rule import Pass, Rule
from adaptc.passes.rule_engine import RuleRecord, apply_rules
from adaptc.runtime.errors import AdaptcError


@dataclass(frozen=True)
class PassReport:
    """What one run of a pass or rule did: whether anything changed, how often what, and how many seconds it took.

    Of a rule, `hits` counts the rewrites and `misses` the places at which it did not apply in the end, by reason;
    `nearest` tells of the one at which the most of its pattern was found. `options` are those with another value than
    the default.
    """

    name: str
    changed: bool
    counts: dict[str, int]
    seconds: float
    blocks_before: int
    blocks_after: int
    hits: int = 0
    misses: dict[str, int] = field(default_factory=dict)
    nearest: str = ""
    options: dict[str, Any] = field(default_factory=dict)


class Observer:
    """Is told what a manager does; a subclass looks at what it wants to, and may raise to end the run."""

    def rewritten(self, rule: Rule, draft: Draft, loc: str) -> None:
        """`rule` has rewritten the code of `draft` once, at the user's "file:line" `loc`."""

    def passed(self, passes: Sequence[Pass], reports: Sequence[PassReport], before: Program, after: Program) -> None:
        """A pass, or rules that are applied together, have run and left a valid program; a report for each."""


class PassManager:
    """Runs a list of passes in order, and again while that changes something, at most `max_rounds` times.

    Rules that follow each other are applied together until none of them applies any more.
    """

    def __init__(self, passes: Sequence[Pass], max_rounds: int = 1, observer: Observer | None = None) -> None:
        self.passes = tuple(passes)
        self.max_rounds = max_rounds
        self.observer = observer or Observer()

    def run(self, program: Program) -> list[PassReport]:
        """Run the passes on `program`, in place; gives a report of each run of a pass or rule.

        Raises IRError if the program is not valid to begin with, PassError if a pass fails or breaks it; the
        program is then as it was before that pass.
        """
        first = self.passes[0] if self.passes else None
        verify(program, allow_unreachable=isinstance(first, ProgramPass) and first.accepts_unreachable)
        reports: list[PassReport] = []
        for _ in range(self.max_rounds):
            round_ = [report for step in _steps(self.passes) for report in self._run(step, program)]
            reports += round_
            if not any(report.changed for report in round_):
                break
        return reports

    def _run(self, step: ProgramPass | tuple[Rule, ...], program: Program) -> list[PassReport]:
        title = _title(step)
        before = copy_program(program)
        graphs = _graphs(program)
        rw = Rewriter(program, step.name if isinstance(step, ProgramPass) else step[0].name)
        started = time.perf_counter()
        records: list[RuleRecord] = []
        try:
            if isinstance(step, ProgramPass):
                step.run(program, rw)
            else:
                records = apply_rules(step, program, rw, self.observer.rewritten)
        except Exception as error:
            _restore(program, before)
            if isinstance(error, AdaptcError) and not isinstance(step, ProgramPass):
                raise  # the engine of rules has said which rule it was
            raise PassError(f"{title} failed: {type(error).__name__}: {error}") from error
        # A pass that cuts an edge need not look for what hung on it.
        rw.remove_unreachable()
        seconds = time.perf_counter() - started
        _check_graphs(title, graphs, before, program)
        differs = before.blocks != program.blocks or list(before.weights) != list(program.weights)
        broken = _broken(program)
        if differs and not rw.counts and not broken:
            _restore(program, before)
            raise PassError(f"{title} changed the program past its rewriter")
        if broken:
            message = _explain(title, program, before, broken)
            _restore(program, before)
            raise PassError(message) from broken
        blocks = len(before.blocks), len(program.blocks)
        if isinstance(step, ProgramPass):
            reports = [
                PassReport(step.name, bool(rw.counts), dict(rw.counts), seconds, *blocks, options=changed_options(step))
            ]
        else:
            reports = [_rule_report(rule, record, blocks) for rule, record in zip(step, records, strict=True)]
        self.observer.passed((step,) if isinstance(step, ProgramPass) else step, reports, before, program)
        return reports


def _steps(passes: Sequence[Pass]) -> list[ProgramPass | tuple[Rule, ...]]:
    """The passes, with the rules that follow each other together."""
    steps: list[ProgramPass | tuple[Rule, ...]] = []
    for are_rules, group in groupby(passes, lambda each: isinstance(each, Rule)):
        members = list(group)
        if are_rules:
            steps.append(tuple(each for each in members if isinstance(each, Rule)))
        else:
            steps += [each for each in members if isinstance(each, ProgramPass)]
    return steps


def _title(step: ProgramPass | tuple[Rule, ...]) -> str:
    if isinstance(step, ProgramPass):
        return f"pass '{step.name}'"
    names = ", ".join(f"'{rule.name}'" for rule in step)
    return f"rule {names}" if len(step) == 1 else f"one of the rules {names}"


def _rule_report(rule: Rule, record: RuleRecord, blocks: tuple[int, int]) -> PassReport:
    return PassReport(
        rule.name,
        bool(record.hits),
        {"rewrites": record.hits} if record.hits else {},
        record.seconds,
        *blocks,
        record.hits,
        dict(record.misses),
        "" if record.nearest is None else str(record.nearest),
        changed_options(rule),
    )


def changed_options(pass_: Pass) -> dict[str, Any]:
    """The options of a pass that have another value than the default."""
    values = {each.name: (getattr(pass_, each.name), each.default) for each in fields(pass_)}
    return {name: value for name, (value, default) in values.items() if value != default}


def _rows(code: Code) -> list[tuple[object, ...]]:
    return [
        (node, node.target, id(node.args), id(node.kwargs), id(node.meta.get("val"))) for node in code.graph.graph.nodes
    ]


_Graphs = dict[int, tuple[Code, list[tuple[object, ...]]]]


def _graphs(program: Program) -> _Graphs:
    """What the codes of a program consist of, cheap to compare: the arguments of a node are replaced, never edited."""
    return {
        id(code): (
            code,
            _rows(code),
        )
        for code in codes(program)
    }


def _check_graphs(title: str, graphs: _Graphs, before: Program, after: Program) -> None:
    """Refuse a pass that edited code in place: nothing can be put back then, as the blocks' copies share it."""
    for code, nodes in graphs.values():
        if _rows(code) != nodes:
            names = [block.name for block in before.blocks.values() if block.code is code]
            shown = ", ".join(f"'{name}'" for name in names)
            text = _text(after, [name for name in names if name in after.blocks][:1])
            raise PassError(
                f"{title} edited the graph of code '{code.name}' in place, which is the code of {shown}: a pass builds "
                f"another code and gives it to blocks with its rewriter; the program is spoilt\n{text}"
            )


def _broken(program: Program) -> IRError | None:
    try:
        verify(program)
    except IRError as error:
        return error
    return None


def _restore(program: Program, before: Program) -> None:
    program.arguments, program.inputs, program.entry = before.arguments, before.inputs, before.entry
    program.blocks, program.weights, program.notes = before.blocks, before.weights, before.notes


def _explain(title: str, program: Program, before: Program, error: IRError) -> str:
    names = {fault.block for fault in error.faults if fault.block}
    lines = [f"{title} left a program that is not valid.", str(error)]
    for title, state in (("before", before), ("after", program)):
        shown = [name for name in state.blocks if name in names]
        if shown:
            lines += [f"{title} the pass:", _text(state, shown)]
    return "\n".join(lines)


def _text(program: Program, names: Sequence[str]) -> str:
    try:
        return to_mlir(program, only=names)
    except Exception as error:  # noqa: BLE001
        # The faults say what is wrong with such a block; its text is a help that may be missing.
        blocks: list[Block] = [program.blocks[name] for name in names]
        return f"{blocks}\n(no MLIR: {type(error).__name__}: {error})"
