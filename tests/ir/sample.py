"""What a hand-written program comes with."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.program import Program


@dataclass(frozen=True)
class Sample:
    """A program, the same network in eager PyTorch, and input sets that together take every branch."""

    program: Program
    eager: Callable[..., Any]
    cases: tuple[tuple[Tensor, ...], ...]


def built_once(make: Callable[..., Sample]) -> Callable[..., Sample]:
    """Build a sample once and hand out copies, which tests may change: exporting its code takes a while."""
    cached = functools.cache(make)

    @functools.wraps(make)
    def copy(*args: int) -> Sample:
        sample = cached(*args)
        return replace(sample, program=copy_program(sample.program))

    return copy


def random_tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
