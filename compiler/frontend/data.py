"""Assignments to the ``data`` of a tensor: they give it other memory, and no call of torch shows it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch._subclasses.fake_tensor import FakeTensor

from adaptc.compiler.frontend.signals import NeedsInterpretation, Refused
from adaptc.compiler.frontend.sources import codes_of_frames
from adaptc.compiler.frontend.symbols import expression

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder


def set_data(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """``x.data = y``: `x` leaves its memory for that of `y`; here it takes the values of `y`."""
    tensor, value = recorder.fake(args[0]), recorder.fake(args[1])
    memory, other = recorder.memories.of(tensor), recorder.memories.of(value)
    problem = recorder.problem(
        "x.data = y, where the two then share their memory, or something else has that of x",
        "in the compiled network x takes the values of y, and what shares its memory is changed with it",
        "use a new variable, or x.copy_(y) if that is meant",
    )
    codes = codes_of_frames(sys._getframe(1))
    used = [] if codes else [item for item in recorder.reached() if isinstance(item, FakeTensor)]
    shared = any(item is not tensor and recorder.memories.of(item) is memory for item in used)
    if codes and any(item is not tensor for item in memory.members):
        raise NeedsInterpretation(codes, problem)
    alike = [*map(expression, tensor.shape)] == [*map(expression, value.shape)] and tensor.dtype == value.dtype
    if shared or not alike:
        raise Refused(problem)
    with torch.no_grad():
        recorder.record(torch.Tensor.copy_, (tensor, value), {})
    if codes or recorder.held.values[id(value)][0].weight or any(recorder.memories.of(item) is other for item in used):
        recorder.held.entangled[memory] = recorder.held.entangled[other] = problem
