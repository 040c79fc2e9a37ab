"""Tables of a network's blocks and branches, from the rows that the compiler's summary makes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.table import Table
from rich.text import Text

from adaptc.command.text import line_in, main_file, place, size, table
from adaptc.runtime.hostprogram import HostProgram, successors

SHOWN_ROWS = 60
"""Rows of the table of blocks; --json lists all of them."""

Row = Mapping[str, Any]


def block_table(blocks: Sequence[Row]) -> list[Table | str]:
    """Blocks with their operators, values, weights and ends."""
    file = main_file(str(row["loc"]) for row in blocks)
    made = table("block", place(file) or "line", ">ops", "|in", "|out", ">weights", "|then")
    for row in blocks[:SHOWN_ROWS]:
        made.add_row(
            row["name"],
            line_in(row["loc"], file),
            str(row["ops"]),
            " ".join(row["inputs"]),
            " ".join(row["outputs"]),
            size(row["weight_bytes"]) if row["weight_bytes"] else "-",
            row["terminator"],
        )
    hidden = len(blocks) - SHOWN_ROWS
    return [made, *([f"... and {hidden} more blocks (--json lists all)"] if hidden > 0 else [])]


def branch_table(branches: Sequence[Row]) -> Table:
    """The lines that branch on data, in source order, with how many branches of the program stand on each.

    The file that most of them are in is named in the title alone."""
    file = main_file(str(row["loc"]) for row in branches)
    made = table(f"branches in {place(file)}", "|source", ">places")
    ordered = sorted(branches, key=lambda row: _sort_key(str(row["loc"])))
    for loc, rows in groupby(ordered, key=lambda row: str(row["loc"])):
        listed = list(rows)
        made.add_row(line_in(loc, file), Text(str(listed[0]["source"] or listed[0]["test"])), str(len(listed)))
    return made


def loop_table(loops: Sequence[Row]) -> Table:
    """The loops that data ends or in which data decides, with how each is treated."""
    file = main_file(str(row["loc"]) for row in loops)
    made = table(f"loops in {place(file)}", "|treated as")
    for row in sorted(loops, key=lambda row: _sort_key(str(row["loc"]))):
        made.add_row(line_in(row["loc"], file), Text(str(row["treated"])))
    return made


def host_dot(name: str, host: HostProgram, blocks: Sequence[Row]) -> str:
    """The control flow of an artifact's host program as a Graphviz digraph, labelled with the rows of `blocks`."""
    rows = {row["name"]: row for row in blocks}
    lines = [f"digraph {json.dumps(name)} {{", '  node [shape=box, fontname="monospace", style=rounded];']
    for block in host.blocks:
        row = rows.get(block.name, {})
        texts = [f"{block.name}  {row.get('loc', '')}".rstrip(), str(row.get("terminator", ""))]
        if row.get("ops"):
            texts.insert(1, f"{row['code']}: {row['ops']} operators")
        label = "".join(json.dumps(text, ensure_ascii=False)[1:-1] + "\\l" for text in texts if text)
        lines.append(f'  {json.dumps(block.name)} [label="{label}"];')
        lines += [f"  {json.dumps(block.name)} -> {json.dumps(e.block)};" for e in successors(block.terminator)]
    return "\n".join([*lines, "}"])


def _sort_key(loc: str) -> tuple[str, int]:
    file, _, line = loc.rpartition(":")
    return file, int(line) if line.isdecimal() else 0
