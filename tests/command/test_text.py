"""How numbers, decisions, results and progress are shown."""

from __future__ import annotations

import io
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
from rich.console import Console

from adaptc.command.output import Output
from adaptc.command.paths import never_taken, show_verification, telling
from adaptc.command.progress import StageBars
from adaptc.command.results import argmax_text, leaves, shape_text, values_text
from adaptc.command.text import count, decisions, error_size, facts, main_file, place, seconds, size


def test_numbers() -> None:
    assert [size(value) for value in (0, 1023, 1536, 5 << 20, 3 << 30)] == [
        "0 B", "1023 B", "1.5 KiB", "5.0 MiB", "3.0 GiB",
    ]  # fmt: skip
    assert [seconds(value) for value in (61.25, 0.0123, 4.5e-6)] == ["61.2 s", "12.3 ms", "4.5 µs"]
    assert [count(number, "branch") for number in (0, 1, 2)] == ["0 branches", "1 branch", "2 branches"]
    assert [error_size(value) for value in (0.0, 2.14e-7, None)] == ["0", "2.1e-07", "-"]


def test_decisions_are_grouped_by_line() -> None:
    taken = [("/a/net.py:5", True), ("/a/net.py:5", False), ("/a/net.py:9", 3), ("/a/net.py:5", True)]
    rows = [{"loc": loc, "taken": way} for loc, way in taken]
    assert decisions(rows, "/a/net.py") == "line 5: T F, line 9: case 3, line 5: T"
    assert decisions(rows, "/b/net.py") == "net.py:5: T F, net.py:9: case 3, net.py:5: T"
    assert decisions([], "") == ""
    assert main_file(["/a/net.py:5", "/b/net.py:1", "/b/net.py:2"]) == "/b/net.py"
    assert main_file([]) == ""
    assert place("/a/b/net.py:7") == "net.py:7"


def path(*taken: tuple[str, bool, bool]) -> dict[str, object]:
    return {"decisions": [{"loc": loc, "taken": way, "choice": choice} for loc, way, choice in taken]}


def test_constant_tests_are_left_out_of_paths_unless_they_tell_them_apart() -> None:
    first = path(("net.py:1", True, False), ("net.py:2", True, True))
    second = path(("net.py:1", False, False), ("net.py:2", False, True))
    third = path(("net.py:1", False, False), ("net.py:2", True, True))
    assert [decisions(taken, "net.py") for taken in telling([first, second])] == ["line 2: T", "line 2: F"]
    assert [len(taken) for taken in telling([first, second, third])] == [2, 2, 2]


def test_branches_never_taken_are_said_once_for_a_line() -> None:
    why = {"reason": "no values are found"}
    edges = [{"loc": "net.py:5", "taken": True, "places": 6, **why}] * 2
    edges += [{"loc": "net.py:9", "taken": False, "places": 1, **why}]
    edges += [{"loc": "net.py:12", "taken": 3, "places": 2, **why}] * 2
    assert never_taken(edges) == [
        "the test at net.py:5 never went true in 2 of 6 places: no values are found",
        "the test at net.py:9 never went false: no values are found",
        "the test at net.py:12 never went to case 3 in all 2 places: no values are found",
    ]


def test_facts_wrap_under_their_names() -> None:
    lines = [line.plain for line in facts([("note", "one two three four"), ("x", "")], 16)]
    assert lines == ["note  one two", "      three four", "x     "]


def test_results_are_named_by_where_they_stand() -> None:
    @dataclass
    class State:
        h: int

    pair = namedtuple("pair", "first second")
    value = {"logits": 1, "states": [State(2), pair(3, (4, None))]}
    assert leaves(value) == [
        ("logits", 1), ("states.0.h", 2), ("states.1.first", 3), ("states.1.second.0", 4), ("states.1.second.1", None),
    ]  # fmt: skip
    assert leaves(7) == [("output", 7)]


def test_arrays_in_short() -> None:
    scores = np.array([[0.5, 2.0, 1.0], [3.0, 0.0, 0.25]], np.float32)
    assert shape_text(scores) == "float32[2,3]"
    assert values_text(scores) == "0.5, 2, 1, 3, 0, ..."
    assert argmax_text(scores) == "1, 0"
    assert argmax_text(scores.astype(np.int64)) == argmax_text(scores[None]) == argmax_text(1.0) == ""
    assert (shape_text(3), values_text(0.125)) == ("int", "0.125")


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_for_terminals(terminal: bool) -> None:
    stream = io.StringIO()
    with StageBars(Console(file=stream, force_terminal=terminal, width=80)) as bars:
        bars("capture", 0, 0)
        bars("capture", 3, 3)
        bars("units", 1, 4)
    text = stream.getvalue()
    assert ("capture" in text) is terminal
    assert ("3/3" in text) is terminal
    assert ("1/4" in text) is terminal
    assert bool(text) is terminal


def test_what_rounding_excuses_and_a_search_found_is_shown() -> None:
    text = io.StringIO()
    path = {"name": "path 1", "decisions": [], "raises": "", "forced": 1, "max_relative_error": 2e-5}
    item = {
        "where": "output[0]", "path": "path 1", "inputs": "the example inputs", "eager": "0.5", "ours": "0.25",
        "eager_off": 0.25, "ours_off": 1e-7, "float64": "0.25",
    }  # fmt: skip
    found = {"paths": [{**path, "searched": "inputs found by search for path 1"}], "complete": True}
    record = {**found, "max_relative_error": 2e-5, "marginal": [], "never_taken": [], "rounded": [item]}
    console = Console(file=text, width=200)
    show_verification(Output(console, console, json=False), record)
    shown = text.getvalue()
    assert "1 forced, found by search" in shown
    assert (
        "note: output[0] on path 1, the example inputs: PyTorch gives 0.5 and adaptc 0.25, 2.5e-01 and 1.0e-07 from "
        "float64's 0.25: rounding"
    ) in shown
