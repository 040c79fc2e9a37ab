"""``adaptc explain``."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adaptc.command.output import OK, Output
from adaptc.command.text import count, line_in, main_file, place, seconds, table
from adaptc.runtime.artifact import open_artifact
from adaptc.runtime.errors import InputError


def explain_artifact(output: Output, artifact: Path) -> int:
    """Show how each region of the artifact's network runs and why, by the network's lines."""
    with contextlib.closing(open_artifact(artifact)) as opened:
        plans: Sequence[Mapping[str, Any]] = opened.report.get("plan", [])
        name = opened.manifest.name
    if not plans:
        raise InputError(f"{artifact} was compiled without a plan (--plan blocks): every block is a unit of its own")
    for number, plan in enumerate(plans):
        graphs = sum(region["choice"] == "graph" for region in plan["regions"])
        title = name if number == 0 else f"{name}, later calls of a session ({number})"
        output.print(f"{title}: {count(graphs, 'graph')} of whole regions", "")
        _show(output, plan)
    output.answer({"ok": True, "name": name, "plan": list(plans)})
    return OK


def _show(output: Output, plan: Mapping[str, Any]) -> None:
    file = main_file([loc for region in plan["regions"] for loc in (region["loc"], *region["decides"])])
    rows = table("region", "from", "decides in", "runs as", ">graph", ">by block", "because")
    for region in plan["regions"]:
        rows.add_row(
            region["entry"],
            line_in(region["loc"], file),
            ", ".join(_line(loc, places, file) for loc, places in region["decides"].items()) or "-",
            "graph" if region["choice"] == "graph" else count(len(region["blocks"]), "block"),
            _time(region["graph_us"]),
            _time(region["blocks_us"]),
            region["reason"],
        )
    output.print(rows, "")
    for block in plan["host"]:
        output.print(f"block {block['block']} ({place(block['loc']) or 'no line'}) is the host's: {block['reason']}")
    output.print("times are expected, per call" + (f"; lines of {file}" if file else ""))


def _line(loc: str, places: int, file: str) -> str:
    """A line that decides, with the number of its places in the program."""
    return line_in(loc, file) + (f" ({places}x)" if places > 1 else "")


def _time(microseconds: float | None) -> str:
    return "-" if microseconds is None else seconds(microseconds / 1e6)
