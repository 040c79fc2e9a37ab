"""``adaptc explain``."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adaptc.command.output import OK, Output
from adaptc.command.text import count, facts, line_in, main_file, seconds
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
    for region in plan["regions"]:
        output.print(
            f"region {region['entry']}, {count(len(region['blocks']), 'block')} from {_from(region['loc'], file)}"
        )
        way = "one graph" if region["choice"] == "graph" else "block by block"
        rows = [("runs as", f"{way}: {region['reason']}")]
        if region["graph_us"] is not None:
            costs = f"{_time(region['graph_us'])} as a graph, {_time(region['blocks_us'])} block by block"
            rows.append(("expected", f"{costs}, per call"))
        if region["decides"]:
            lines = (_line(loc, places, file) for loc, places in region["decides"].items())
            rows.append(("decides in", ", ".join(lines)))
        output.print(*facts(rows, output.console.width), "")
    for block in plan["host"]:
        output.print(f"block {block['block']}, {_from(block['loc'], file)}, is the host's: {block['reason']}")
    if file:
        output.print(f"lines of {file}")


def _from(loc: str, file: str) -> str:
    return line_in(loc, file) or "no line of the network"


def _line(loc: str, places: int, file: str) -> str:
    """A line that decides, with the number of its places in the program."""
    return line_in(loc, file) + (f" ({places}x)" if places > 1 else "")


def _time(microseconds: float) -> str:
    return seconds(microseconds / 1e6)
