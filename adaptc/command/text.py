"""Numbers, decisions and tables as people read them."""

from __future__ import annotations

import os
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text


def table(*columns: str, title: str = "") -> Table:
    """A plain table. A column whose title starts with ">" is aligned right; one that starts with "|" may wrap."""
    made = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False, show_edge=False)
    for column in columns:
        right, wraps = column.startswith(">"), column.startswith("|")
        made.add_column(column.lstrip(">|"), justify="right" if right else "left", no_wrap=not wraps, overflow="fold")
    return made


def facts(rows: Iterable[tuple[str, str]], width: int) -> list[Text]:
    """Names and what is said about them, wrapped to `width` columns."""
    listed = list(rows)
    margin = max(len(name) for name, _ in listed) + 2
    lines: list[Text] = []
    for name, value in listed:
        parts = textwrap.wrap(value, width - margin, break_long_words=False, break_on_hyphens=False) or [""]
        lines.append(Text(name.ljust(margin), style="bold").append(parts[0], style="not bold"))
        lines += [Text(" " * margin + part) for part in parts[1:]]
    return lines


def near_paths(text: str) -> str:
    """`text` in which files below the current directory are named from there."""
    here = os.path.join(os.getcwd(), "")
    return re.sub(rf"(?<![^\s\"'(\[]){re.escape(here)}(?=\S)", "", text) if here != os.sep else text


def size(count: int) -> str:
    """A number of bytes: "830 B", "214.3 KiB", "1.2 MiB"."""
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def seconds(value: float) -> str:
    """A duration in s, ms or µs."""
    if value >= 1:
        return f"{value:.1f} s"
    return f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} µs"


def count(number: int, noun: str) -> str:
    """ "1 branch", "3 branches", "2 units"."""
    plural = noun + ("es" if noun.endswith(("ch", "s")) else "s")
    return f"{number} {noun if number == 1 else plural}"


def place(loc: str) -> str:
    """A "folder/file:line" with the folder left out."""
    return os.path.basename(loc)


def main_file(locs: Iterable[str]) -> str:
    """The file that most of `locs`, each a "file:line", lie in; "" where there are none."""
    files = Counter(loc.rpartition(":")[0] for loc in locs)
    return max(files, key=lambda file: files[file], default="")


def line_in(loc: str, file: str) -> str:
    """The line of a table about `file`: "line 12", and "other.py:12" for one of another file."""
    own, _, line = loc.rpartition(":")
    if not line:
        return ""
    return f"line {line}" if own == file else place(loc)


SHOWN_DECISIONS = 60
"""Decisions of a path that are printed; report.json lists more."""


def decisions(taken: Sequence[Mapping[str, Any]], file: str) -> str:
    """The branches of a path through `file` in order, as "line 12: T F, other.py:20: case 3"; of many, the first."""
    parts = []
    for loc, group in groupby(taken[:SHOWN_DECISIONS], key=lambda decision: str(decision["loc"])):
        values = " ".join(_outcome(decision["taken"]) for decision in group)
        parts.append(f"{line_in(loc, file)}: {values}")
    more = [f"and {len(taken) - SHOWN_DECISIONS} more"] if len(taken) > SHOWN_DECISIONS else []
    return ", ".join([*parts, *more])


def _outcome(taken: bool | int) -> str:
    if isinstance(taken, bool):
        return "T" if taken else "F"
    return f"case {taken}"


def error_size(value: float | None) -> str:
    """A relative error: "0", "2.1e-07", "-" where nothing was compared."""
    if value is None:
        return "-"
    return "0" if value == 0 else f"{value:.1e}"
