"""What reaches the reads and outputs of a path, and the tolerance that follows from it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from adaptc.compiler.driver import capture_program, optimise
from adaptc.compiler.ir.program import Program
from adaptc.compiler.verify.flow import Flow, Flows
from adaptc.compiler.verify.paths import paths

from .captured import report_on
from .standin import Interpreted, Trace

DOUBLE, SINGLE, HALF, BRAIN = torch.float64, torch.float32, torch.float16, torch.bfloat16


class Widens(nn.Module):
    """Outputs of float64 and float32 that come from all sorts of precision."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.exact = nn.Parameter(torch.rand(4, dtype=torch.float64))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        h = self.layer(x)
        if h.sum() > 0:  # the layer's outputs go to another block
            h = h * 2
        count = (h > 0).sum()
        return (
            h.double() * self.exact,
            count.double().sqrt() * self.exact,
            h.half().float() + 1,
            h.bfloat16().double(),
            self.exact * h.argmax(),
        )


EXPECTED = [SINGLE, DOUBLE, HALF, BRAIN, DOUBLE]


def flow_of(model: nn.Module, *example: Tensor) -> list[Flow]:
    program, _ = capture_program(model.eval(), example, name="network", dynamic={})
    optimise(program)
    return [
        Flows(program).along(path.blocks, [decision.edge.index for decision in path.decisions])
        for path in paths(program).paths
    ]


def test_the_least_precise_dtype_on_the_way_of_each_output() -> None:
    first, second = flow_of(Widens(), torch.randn(2, 4))
    for flow in (first, second):
        assert [origin.dtype for origin in flow.outputs] == EXPECTED
        assert flow.coarsest == BRAIN
        assert [origin.data for origin in flow.reads] == [True]


class Reads(nn.Module):
    """Reads of what comes from the inputs, and of what comes from a number that was read."""

    def forward(self, x: Tensor) -> tuple[Tensor, float]:
        score = x.half().mean().item()
        filled = torch.full_like(x[0], score)
        count = filled.mean().item()
        return x, score * 2 + count


def test_a_number_that_was_read_is_no_data_but_as_coarse() -> None:
    for flow in flow_of(Reads(), torch.randn(2, 4)):
        assert [(origin.data, origin.dtype) for origin in flow.reads] == [(True, HALF), (False, HALF)]
        assert [origin.dtype for origin in flow.outputs] == [SINGLE, HALF]


class Scaled(Interpreted):
    """An executable whose output `number` is off by the factor 1 + `part`."""

    def __init__(self, program: Program, number: int, part: float) -> None:
        super().__init__(program)
        self.number, self.part = number, part

    def run_forced(self, args: Any, kwargs: Any, forced: Any) -> Trace:
        trace = super().run_forced(args, kwargs, forced)
        outputs = list(trace.outputs)
        outputs[self.number] = (outputs[self.number] * (1 + self.part)).astype(outputs[self.number].dtype)
        return Trace(tuple(outputs), trace.path, trace.decisions, trace.reads, trace.raises)


@pytest.mark.parametrize(
    ("number", "good", "bad"),
    [(0, 5e-6, 5e-5), (1, 5e-10, 1e-6), (2, 1e-3, 1e-2), (3, 1e-2, 1e-1)],
)
def test_outputs_are_held_to_the_precision_of_their_way(number: int, good: float, bad: float) -> None:
    torch.manual_seed(0)
    model, x = Widens(), torch.randn(2, 4)
    assert report_on(model, x, executable=lambda program: Scaled(program, number, good), random=0).ok
    assert not report_on(model, x, executable=lambda program: Scaled(program, number, bad), random=0).ok
