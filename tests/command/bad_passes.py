"""Passes and rules that change what a network computes, or leave no program, for the tests of ``adaptc opt``."""

from dataclasses import dataclass

import torch

from adaptc.passes import ProgramPass, Rule, register
from adaptc.runtime.hostprogram import Branch, Edge, Jump, Ref

aten = torch.ops.aten


@register
@dataclass(frozen=True)
class DropsBranch(ProgramPass):
    """Go one way only.

    before:  if p: a else: b
    after:   a
    """

    name = "drops-branch"

    def run(self, program, rw):
        for block in list(program.blocks.values()):
            if isinstance(block.terminator, Branch):
                rw.set_terminator(block.name, Jump(block.terminator.then))


@register
@dataclass(frozen=True)
class LosesValue(ProgramPass):
    """Pass on what is not there.

    before:  goto a(x)
    after:   goto a(lost)
    """

    name = "loses-value"

    def run(self, program, rw):
        for block in list(program.blocks.values()):
            if isinstance(block.terminator, Jump):
                to = block.terminator.to
                rw.set_terminator(block.name, Jump(Edge(to.block, tuple(Ref("lost") for _ in to.args))))


@register
@dataclass(frozen=True)
class FlipsTanh(Rule):
    """Take one function for another.

    before:  tanh(x)
    after:   sigmoid(x) - 1
    """

    name = "flips-tanh"

    def pattern(self, x):
        return aten.tanh(x)

    def replace(self, x):
        return aten.sub(aten.sigmoid(x), 1)


@register
@dataclass(frozen=True)
class ReluByClamp(Rule):
    """Write it otherwise.

    before:  relu(x)
    after:   clamp(x, 0)
    """

    name = "relu-by-clamp"

    def pattern(self, x):
        return aten.relu(x)

    def replace(self, x):
        return aten.clamp_min(x, 0)
