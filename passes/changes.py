"""What a pass changes, as lines of MLIR."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from adaptc.compiler.ir.mlir import to_mlir
from adaptc.compiler.ir.program import Program


def changed_lines(before: Program, after: Program, context: int = 3) -> list[str]:
    """The lines of MLIR that differ, with "-" and "+" before them, and `context` lines around; none where none do."""
    old, new = (to_mlir(program, locations=False).splitlines() for program in (before, after))
    return list(_hunks(old, new, context))


def _hunks(before: list[str], after: list[str], context: int) -> Iterator[str]:
    for number, line in enumerate(difflib.unified_diff(before, after, lineterm="", n=context)):
        if number < 2:
            continue  # the names of files, of which there are none
        yield "..." if line.startswith("@@") else line
