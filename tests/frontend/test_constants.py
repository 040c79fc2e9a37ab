"""Tests of what is the same in every call are decided in the capture."""

from __future__ import annotations

import torch
from torch import nn

from adaptc.compiler.ir.program import Branch

from .checking import check, signs


def branches(program):
    return sum(isinstance(block.terminator, Branch) for block in program.blocks.values())


class Grid(nn.Module):
    """Points of time from attributes and literals: in order, near enough to each other, the last one reached."""

    def __init__(self):
        super().__init__()
        self.times = torch.tensor([0.0, 0.5, 1.0])

    def forward(self, x):
        times = self.times.type_as(x)
        assert (times[1:] > times[:-1]).all()
        grid = torch.arange(0, 5) * 0.25
        assert torch.allclose(grid[-1], times[-1])
        out, place = [], 0
        for step, end in zip(grid.diff(), grid[1:], strict=True):
            x = x + step * torch.tanh(x)
            while place + 1 < len(times) and end >= times[place + 1]:
                out.append(x)
                place += 1
        if x.sum() > 0:
            return torch.stack(out)
        return torch.stack(out) * 2


def test_tests_of_constants_are_no_branches():
    assert branches(check(Grid(), signs(10, 3), paths=2)) == 1


class Overwritten(nn.Module):
    """What data has been written into is no constant any more, through whichever view."""

    def forward(self, x):
        a = torch.arange(3.0)
        last = a[2]
        before = bool(last > 1)
        a[1:] = x[1:]
        if last > 0:
            return x, before
        b = torch.arange(3.0).neg()
        b.add_(x)
        if b[0] > 0:
            return x * 2, before
        return x * 3, before


def test_constants_that_data_is_written_into():
    check(Overwritten(), signs(20, 3), paths=3)


class Begun(nn.Module):
    """A loop's state begins with a filled tensor: its first test is one of the loop's."""

    def forward(self, x):
        halting = torch.zeros(3)
        steps = 0
        while (halting < 1).any() and steps < 9:
            halting = halting + x.abs()
            steps += 1
        return halting, steps


def test_loops_keep_their_first_iteration():
    program = check(Begun(), [(torch.full((3,), value),) for value in (0.1, 0.4, 2.0)], paths=3)
    assert branches(program) == 2
