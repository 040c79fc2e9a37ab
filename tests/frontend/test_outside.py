"""Things outside the network that a call must not change: global variables and attributes of classes."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch import nn

from adaptc.compiler.errors import CompileError
from adaptc.compiler.frontend.capture import capture
from adaptc.compiler.signature import bind

from .checking import check, signs

COUNT = 0
LOG: list[int] = []
STATS = {"calls": 0}
TABLE = {"scale": 2.0}


class Rebinds(nn.Module):
    def forward(self, x):
        return x * _counted() if x.sum() > 0 else x


def _counted():
    global COUNT
    COUNT += 1  # the global COUNT
    return COUNT


class Appends(nn.Module):
    def forward(self, x):
        LOG.append(1)  # the global LOG
        return x * len(LOG) if x.sum() > 0 else x


class SetsAnItem(nn.Module):
    def forward(self, x):
        STATS["calls"] += 1  # the global STATS
        return x if x.sum() > 0 else -x


class CountsInItsClass(nn.Module):
    calls = 0

    def forward(self, x):
        CountsInItsClass.calls += 1  # the class CountsInItsClass.calls
        return x if x.sum() > 0 else -x


class FillsAListOfItsClass(nn.Module):
    seen: ClassVar[list[int]] = []

    def forward(self, x):
        self.seen.append(1)  # the class FillsAListOfItsClass.seen
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize("make", [Rebinds, Appends, SetsAnItem, CountsInItsClass, FillsAListOfItsClass])
def test_what_a_call_changes_outside_is_refused(make):
    """The error names what is changed and the line that changes it."""
    model = make().eval()
    with pytest.raises(CompileError) as raised:
        capture(model, bind(model.forward, signs(2, 3)[0]), {}, "outside")
    (problem,) = raised.value.problems
    with open(__file__) as source:
        line = source.readlines()[problem.line - 1]
    name = line.rpartition("# the ")[2].split()[1]
    assert problem.file == __file__
    assert f"{name} is " in problem.found


class Reads(nn.Module):
    """What is only read is no matter."""

    kinds = ("a", "b")

    def forward(self, x):
        return x * TABLE["scale"] if x.sum() > len(self.kinds) else x


def test_what_is_only_read():
    torch.manual_seed(0)
    check(Reads(), signs(6, 3), paths=2)
