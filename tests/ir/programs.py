"""Dynamic networks written by hand as programs, with their eager meaning and inputs for every branch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .choices import early_exit, experts, patience, skip_gates
from .endings import Boxes, Rejected, constants, growing, rejects, structured_outputs
from .sample import Sample

SAMPLES: Sequence[Callable[[], Sample]] = (
    early_exit,
    skip_gates,
    patience,
    experts,
    rejects,
    growing,
    structured_outputs,
    constants,
)

__all__ = [
    "SAMPLES",
    "Boxes",
    "Rejected",
    "Sample",
    "constants",
    "early_exit",
    "experts",
    "growing",
    "patience",
    "rejects",
    "skip_gates",
    "structured_outputs",
]
