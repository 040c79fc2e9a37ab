"""``adaptc check``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from adaptc.command.models import load_model
from adaptc.command.output import OK, Output
from adaptc.command.structure import branch_table
from adaptc.command.text import count
from adaptc.extras import needs_compiler


def check_model_file(output: Output, file: Path, name: str, inputs: Sequence[str], dynamic: Sequence[str]) -> int:
    """Capture the network, and show where it branches on its data. Raises `CompileError` with every problem."""
    found = load_model(file, name, inputs, dynamic)
    with needs_compiler():
        from adaptc.compiler import summary
        from adaptc.compiler.driver import capture_program
        from adaptc.compiler.locations import Locations

    program, _ = capture_program(found.model, found.example_inputs, name=found.name, dynamic=found.dynamic)
    branches = [asdict(branch) for branch in summary.branches(program, Locations(found.folder))]
    places = count(len(program.blocks), "block")
    output.print(f"{file} can be compiled: {count(len(branches), 'branch')} on data, {places}")
    if branches:
        output.print("", branch_table(branches))
    for note in program.notes:
        output.print(f"note: {note}")
    output.answer({"ok": True, "blocks": len(program.blocks), "branches": branches, "notes": list(program.notes)})
    return OK
