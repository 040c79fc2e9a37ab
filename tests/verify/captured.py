"""Verifies networks as the compiler captures them, run by `interpret`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from adaptc.compiler.driver import capture_program, optimise
from adaptc.compiler.ir.program import Program
from adaptc.compiler.verify.report import VerificationReport
from adaptc.compiler.verify.verify import verify

from .standin import Interpreted


def report_on(
    model: nn.Module,
    *example: torch.Tensor,
    change: Callable[[Program], None] | None = None,
    executable: Callable[[Program], Any] = Interpreted,
    **options: Any,
) -> VerificationReport:
    """Capture `model`, optimise its program, `change` it, and verify what `executable` makes of it."""
    program, bound = capture_program(model.eval(), example, name="network", dynamic={})
    optimise(program)
    if change is not None:
        change(program)
    return verify(program, model, bound, executable(program), **options)
