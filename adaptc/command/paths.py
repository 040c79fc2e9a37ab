"""The table of verified paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adaptc.command.output import Output
from adaptc.command.text import count, decisions, error_size, place, table

SHOWN_PATHS = 24
"""Rows of the table of paths; --json and report.json list all."""


def show_verification(output: Output, verification: Mapping[str, Any]) -> None:
    """The paths of a verification, its worst difference, and what it could not try."""
    show_paths(output, verification["paths"])
    every = "every path of the network" if verification["complete"] else "a set of paths that takes every branch"
    worst = error_size(verification["max_relative_error"])
    output.print("", f"verified on {every}; the outputs differ from PyTorch's by at most {worst} (relative)")
    for flip in verification["marginal"]:
        output.print(
            f"note: at {place(flip['loc'])} on {flip['inputs']}, PyTorch reads {flip['eager']} and adaptc "
            f"{flip['ours']}, within {flip['margin']:.1g} of the threshold"
        )
    for item in verification.get("rounded", ()):
        output.print(
            f"note: {item['where']} on {item['path']}, {item['inputs']}: PyTorch gives {item['eager']} and adaptc "
            f"{item['ours']}, {error_size(item['eager_off'])} and {error_size(item['ours_off'])} from float64's "
            f"{item['float64']}: rounding"
        )
    for edge in verification["never_taken"]:
        output.print(f"note: {place(edge['loc'])} never went {_way(edge['taken'])}: {edge['reason']}")


def show_paths(output: Output, paths: Sequence[Mapping[str, Any]]) -> None:
    """Each path with its decisions, the runs that were compared along it, and the worst relative difference."""
    if not paths:
        return
    rows = table("path", "|decisions", "compared", ">difference")
    for path in paths[:SHOWN_PATHS]:
        taken = decisions(path["decisions"]) or "none"
        ending = f" → raises {path['raises']}" if path["raises"] else ""
        rows.add_row(path["name"], taken + ending, _runs(path), error_size(path["max_relative_error"]))
    output.print(rows)
    if len(paths) > SHOWN_PATHS:
        output.print(f"... and {count(len(paths) - SHOWN_PATHS, 'more path')}")


def _runs(path: Mapping[str, Any]) -> str:
    parts = [f"{path[kind]} {kind}" for kind in ("forced", "natural") if path.get(kind)]
    parts += ["found by search"] if path.get("searched") else []
    return ", ".join(parts) or "not compared"


def _way(taken: object) -> str:
    return {True: "true", False: "false"}[taken] if isinstance(taken, bool) else f"to case {taken}"
