"""Random networks give what eager PyTorch gives.

A longer search, which also makes failing programs small:
    OMP_NUM_THREADS=1 python -m tests.frontend.fuzz.hunt --first 1000 --count 2000 --seconds 1800 [--grammar loops]
"""

from __future__ import annotations

import collections

import pytest

from .loops import write_loop_program
from .programs import write_program
from .running import examine, inputs, reduce
from .texts import HEADER

GRAMMARS = {"branches": (write_program, range(16)), "loops": (write_loop_program, range(6))}


@pytest.mark.long
@pytest.mark.parametrize("grammar", GRAMMARS)
def test_random_networks_match_eager(grammar: str) -> None:
    write, seeds = GRAMMARS[grammar]
    calls = inputs()
    verdicts: collections.Counter[str] = collections.Counter()
    several_paths = 0
    failures = []
    for seed in seeds:
        finding = examine(write(seed), f"<random network {seed}>", calls)
        verdicts[finding.verdict] += 1
        several_paths += finding.paths > 1
        if finding.verdict in {"wrong", "crash"}:
            failures.append(f"seed {seed}: {finding.verdict}: {finding.text}")
    assert not failures, "\n\n".join(failures)
    assert verdicts["refused"] <= len(seeds) // 6, verdicts
    assert verdicts["equal"] >= len(seeds) * 3 // 4, verdicts
    assert several_paths >= len(seeds) // 4, "the programs no longer branch on their data"


PROGRAM = """\
import time

import torch
from torch import nn


class Network(nn.Module):
    def forward(self, x, y):
        if x.mean() > 0:
            x = x + 1
        y = y * 2
        return x, {result}
"""


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        ("y", "equal"),
        ("time.perf_counter()", "wrong"),  # the capture keeps the number that it saw
        ("float(y.numpy().std())", "refused"),
        ("z", "invalid"),
    ],
)
def test_verdicts(result: str, verdict: str) -> None:
    finding = examine(PROGRAM.format(result=result), f"<program {verdict}>", inputs(4))
    assert finding.verdict == verdict, finding.text
    assert finding.paths == (2 if verdict == "equal" else 0)


def test_reduce_leaves_what_fails() -> None:
    source = HEADER + PROGRAM.format(result="y, x")
    small = reduce(source, lambda text: "y = y * 2" in text and "return" in text)
    assert small == "y = y * 2\nreturn x\n"


def test_programs_are_the_same_for_the_same_seed() -> None:
    for write, _ in GRAMMARS.values():
        assert write(5) == write(5)
        assert write(5) != write(6)
