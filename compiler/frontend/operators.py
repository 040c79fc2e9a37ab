"""Operators of torch that hold control flow: ``torch.cond``, ``while_loop`` and ``map``, called by native code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch._ops import HigherOrderOperator

from adaptc.compiler.frontend.signals import NeedsInterpretation
from adaptc.compiler.frontend.sources import codes_of_frames

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder

FOLLOWED = frozenset({"cond", "while_loop", "map_impl"})


@contextmanager
def followed_operators(recorder: Recorder) -> Iterator[None]:
    """While it lasts, native code that calls such an operator is to be interpreted, which follows the operator."""
    cls: Any = HigherOrderOperator
    original = cls.__call__

    def call(operator: Any, /, *args: Any, **kwargs: Any) -> Any:
        codes = codes_of_frames(sys._getframe(1)) if operator.name() in FOLLOWED else []
        if codes:
            problem = recorder.problem(
                f"{operator.name()} is called by code that cannot be followed",
                "its functions decide on data",
                "call it from the network's own Python code",
            )
            raise NeedsInterpretation(codes, problem)
        return original(operator, *args, **kwargs)

    cls.__call__ = call
    try:
        yield
    finally:
        cls.__call__ = original
