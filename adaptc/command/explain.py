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
        if region.get("measured"):
            noise = f"noise {_time(region['noise_us'])}"
            rows.append(("measured", f"{_both(region['graph_us'], region['blocks_us'])}, per call in all ({noise})"))
            expected = region["expected_us"]
            rows.append(("expected", f"{_both(expected['graph'], expected['blocks'])}, per call in the region"))
        elif region["graph_us"] is not None:
            rows.append(("expected", f"{_both(region['graph_us'], region['blocks_us'])}, per call"))
        if channels := region["channels_in_a_block"]:
            rows.append(("images", f"in blocks of {channels} channels, on processors like the one that compiled it"))
        if region["decides"]:
            lines = (_line(loc, places, file) for loc, places in region["decides"].items())
            rows.append(("decides in", ", ".join(lines)))
        output.print(*facts(rows, output.console.width), "")
    for block in plan["host"]:
        output.print(f"block {block['block']}, {_from(block['loc'], file)}, is the host's: {block['reason']}")
    if measurement := plan.get("measurement"):
        output.print(*_measurement(measurement), "")
    if cost := plan.get("cost"):
        output.print(*_cost(cost))
    if file:
        output.print(f"lines of {file}")


def _cost(found: Mapping[str, Any]) -> list[str]:
    """Which cost model told the expected times, and why it may be off."""
    lines = [f"expected by {found['model']}"]
    if found.get("differences"):
        differences = "; ".join(found["differences"])
        lines[0] += f", made elsewhere ({differences}): adaptc costmodel calibrate makes one for here"
    return [*lines, *(f"less sure: {doubt}" for doubt in found.get("doubts", ()))]


def _measurement(found: Mapping[str, Any]) -> list[str]:
    """What the measurements of a plan were made on."""
    weighed = "weighed by the profile" if found["weighed_by"] == "profile" else "weighed alike"
    on = f"{count(found['inputs'], 'input')} along {count(found['paths'], 'path')}, {weighed}"
    how = f"{count(found['turns'], 'turn')} of {count(found['ways'], 'way')} to run it, in {seconds(found['seconds'])}"
    left_out = [f"not measured on {count(number, 'input')}: {reason}" for reason, number in found["left_out"].items()]
    return [f"measured on {on}: {how}", *left_out]


def _from(loc: str, file: str) -> str:
    return line_in(loc, file) or "no line of the network"


def _line(loc: str, places: int, file: str) -> str:
    """A line that decides, with the number of its places in the program."""
    return line_in(loc, file) + (f" ({places}x)" if places > 1 else "")


def _both(graph: float, blocks: float) -> str:
    return f"{_time(graph)} as a graph, {_time(blocks)} block by block"


def _time(microseconds: float) -> str:
    return seconds(microseconds / 1e6)
