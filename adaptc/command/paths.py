"""The table of verified paths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from adaptc.command.output import Output
from adaptc.command.text import count, decisions, error_size, main_file, place, table

SHOWN_PATHS = 24
"""Rows of the table of paths; --json and report.json list all."""


def show_verification(output: Output, verification: Mapping[str, Any]) -> None:
    """The paths of a verification, its worst difference, and what it could not try."""
    show_paths(output, verification["paths"])
    worst = error_size(verification["max_relative_error"])
    output.print(
        "", f"verified on {_extent(verification)}; the outputs differ from PyTorch's by at most {worst} (relative)"
    )
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
    for text in verification.get("uncompared", ()):
        output.print(f"note: not compared: {text}")
    for note in never_taken(_missed(verification)):
        output.print(f"note: {note}")


def session_facts(sessions: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What there is to tell of calls that follow each other, as label and text."""
    if "impossible" in sessions:
        return [("session", f"none; {sessions['impossible'].splitlines()[0]}")]
    if not sessions:
        return []
    most: dict[str, int] = {}
    for state in sessions["state"]:
        for text, number in Counter(state).items():
            most[text] = max(number, most.get(text, 0))
    values = ", ".join(text if number == 1 else f"{number} of {text}" for text, number in most.items())
    facts = [("session", f"executable.session() keeps {values}")]
    if sessions["fixed"]:
        facts.append(("", f"the same in all calls of a session: {', '.join(sessions['fixed'])}"))
    if "paths" in sessions:
        worst = error_size(sessions["max_relative_error"])
        facts.append(("", f"verified on {count(sessions['paths'], 'path')} through several calls, at most {worst} off"))
    for edge in sessions.get("never_taken", ()):
        facts.append(("", f"in none of these calls the test at {place(edge['loc'])} went {_way(edge['taken'])}"))
    return facts


def never_taken(edges: Sequence[Mapping[str, Any]]) -> list[str]:
    """What never happened, line by line. A line in a loop or a function may stand in several places of the program:
    then it is said in how many of them."""
    missed = Counter((edge["loc"], edge["taken"], edge["reason"], edge["places"]) for edge in edges)
    notes = []
    for (loc, taken, reason, places), number in missed.items():
        where = "" if places == 1 else f" in {'all' if number == places else f'{number} of'} {places} places"
        notes.append(f"the test at {place(loc)} never went {_way(taken)}{where}: {reason}")
    return notes


def show_paths(output: Output, paths: Sequence[Mapping[str, Any]]) -> None:
    """Each path with its decisions, the runs that were compared along it, and the worst relative difference."""
    if not paths:
        return
    shown = telling(paths)
    file = main_file(str(decision["loc"]) for taken in shown for decision in taken)
    rows = table("path", f"|decisions in {place(file)}" if file else "|decisions", "compared", ">difference")
    for path, telling_decisions in zip(paths[:SHOWN_PATHS], shown):
        taken = decisions(telling_decisions, file) or "none"
        ending = f" → raises {path['raises']}" if path["raises"] else ""
        runs = _runs(path)
        worst = error_size(path["max_relative_error"] if runs or path["max_relative_error"] else None)
        rows.add_row(path["name"], taken + ending, runs or "not compared", worst)
    output.print(rows)
    if len(paths) > SHOWN_PATHS:
        output.print(f"... and {count(len(paths) - SHOWN_PATHS, 'more path')}")


def telling(paths: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """The decisions of each path without those that constants and known sizes decide, unless these tell paths apart."""
    chosen = [[decision for decision in path["decisions"] if decision.get("choice", True)] for path in paths]
    distinct = {tuple((decision["loc"], decision["taken"]) for decision in taken) for taken in chosen}
    return chosen if len(distinct) == len(paths) else [list(path["decisions"]) for path in paths]


def _runs(path: Mapping[str, Any]) -> str:
    parts = [f"{path[kind]} {kind}" for kind in ("forced", "natural") if path.get(kind)]
    parts += ["found by search"] if path.get("searched") else []
    return ", ".join(parts)


def _missed(verification: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [edge for edge in verification["never_taken"] if not edge["constant"]]


def _extent(verification: Mapping[str, Any]) -> str:
    """How much of the network the compared runs went through."""
    paths = verification["paths"]
    compared = sum(bool(_runs(path)) for path in paths)
    if not verification["complete"]:
        return f"{count(compared, 'path')}" if _missed(verification) else "a set of paths that takes every branch"
    if compared == len(paths):
        return "every path of the network"
    return f"{compared} of the network's {count(len(paths), 'path')}"


def _way(taken: object) -> str:
    return {True: "true", False: "false"}[taken] if isinstance(taken, bool) else f"to case {taken}"
