"""Runs passes: checks the program before and after each, measures, and explains what broke."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.errors import IRError
from adaptc.compiler.ir.mlir import to_mlir
from adaptc.compiler.ir.program import Block, Program
from adaptc.compiler.ir.verify import verify
from adaptc.passes.errors import PassError
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.rewriter import Rewriter


@dataclass(frozen=True)
class PassReport:
    """What one run of a pass did: whether anything changed, how often what, and how many seconds it took."""

    name: str
    changed: bool
    counts: dict[str, int]
    seconds: float
    blocks_before: int
    blocks_after: int


class PassManager:
    """Runs a list of passes in order, and again while that changes something, at most `max_rounds` times."""

    def __init__(self, passes: Sequence[ProgramPass], max_rounds: int = 1) -> None:
        self.passes = tuple(passes)
        self.max_rounds = max_rounds

    def run(self, program: Program) -> list[PassReport]:
        """Run the passes on `program`, in place; gives a report of each run of a pass.

        Raises IRError if the program is not valid to begin with, PassError if a pass fails or breaks it; the
        program is then as it was before that pass.
        """
        first = self.passes[0] if self.passes else None
        verify(program, allow_unreachable=first is not None and first.accepts_unreachable)
        reports: list[PassReport] = []
        for _ in range(self.max_rounds):
            round_ = [_run(pass_, program) for pass_ in self.passes]
            reports += round_
            if not any(report.changed for report in round_):
                break
        return reports


def _run(pass_: ProgramPass, program: Program) -> PassReport:
    before = copy_program(program)
    rw = Rewriter(program, pass_.name)
    started = time.perf_counter()
    try:
        pass_.run(program, rw)
    except Exception as error:
        _restore(program, before)
        raise PassError(f"pass '{pass_.name}' failed: {type(error).__name__}: {error}") from error
    # A pass that cuts an edge need not look for what hung on it.
    rw.remove_unreachable()
    seconds = time.perf_counter() - started
    differs = before.blocks != program.blocks or list(before.weights) != list(program.weights)
    broken = _broken(program)
    if differs and not rw.counts and not broken:
        _restore(program, before)
        raise PassError(f"pass '{pass_.name}' changed the program past its rewriter")
    if broken:
        message = _explain(pass_, program, before, broken)
        _restore(program, before)
        raise PassError(message) from broken
    return PassReport(
        name=pass_.name,
        changed=bool(rw.counts),
        counts=dict(rw.counts),
        seconds=seconds,
        blocks_before=len(before.blocks),
        blocks_after=len(program.blocks),
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


def _explain(pass_: ProgramPass, program: Program, before: Program, error: IRError) -> str:
    names = {fault.block for fault in error.faults if fault.block}
    lines = [f"pass '{pass_.name}' left a program that is not valid.", str(error)]
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
