"""``adaptc check``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from adaptc.command.models import captured, load_model
from adaptc.command.output import OK, Output
from adaptc.command.paths import session_facts
from adaptc.command.structure import branch_table, loop_table
from adaptc.command.text import count
from adaptc.extras import needs_compiler


def check_model_file(
    output: Output,
    file: Path,
    name: str,
    inputs: Sequence[str],
    dynamic: Sequence[str],
    random_seed: int | None = None,
) -> int:
    """Capture the network, make its units, and show where it branches on its data.

    Raises `CompileError` with every problem.
    """
    found = load_model(file, name, inputs, dynamic)
    with needs_compiler():
        from adaptc.compiler import summary
        from adaptc.compiler.driver import check_units
        from adaptc.compiler.locations import Locations
        from adaptc.compiler.report import session_record

    program = captured(found, random_seed)
    check_units(program, found.folder)
    locations = Locations(found.folder)
    branches = [asdict(branch) for branch in summary.branches(program, locations)]
    places = count(len(program.blocks), "block")
    output.print(f"{file} can be compiled: {count(len(branches), 'branch')} on data, {places}")
    if branches:
        output.print("", branch_table(branches))
    loops = [{"loc": locations.short(loc), "treated": treated} for loc, treated in program.loops.items()]
    if loops:
        output.print("", loop_table(loops))
    sessions = session_record(None, program, locations)
    for label, text in session_facts(sessions):
        output.print(f"{label}: {text}" if label else text)
    for note in program.notes:
        output.print(f"note: {locations.short(note)}")
    notes = [locations.short(note) for note in program.notes]
    answer = {"ok": True, "blocks": len(program.blocks), "branches": branches, "loops": loops}
    output.answer({**answer, "sessions": sessions, "notes": notes})
    return OK
