"""Compares what passes make of a program with the program itself: both interpreted, on runs that take every branch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.evaluate import Value
from adaptc.compiler.ir.interpret import Forced, Outcome, interpret
from adaptc.compiler.ir.program import Program
from adaptc.compiler.signature import Bound
from adaptc.compiler.verify.inputs import input_set, random_inputs
from adaptc.compiler.verify.paths import paths
from adaptc.compiler.verify.runs import by_name
from adaptc.compiler.verify.solve import values_of
from adaptc.passes.duplicates import forced_on_copies
from adaptc.passes.errors import PassError
from adaptc.runtime.errors import LoopError
from adaptc.runtime.hostprogram import Read

TOLERANCE = 1e-5
"""How far floats may lie apart, relative to the largest of the tensor; float64 and halves have their own."""
_TOLERANCES = {torch.float64: 1e-9, torch.complex128: 1e-9, torch.float16: 2e-3, torch.bfloat16: 2e-2}
_PATHS = 32
_RANDOM = 8
_BLOCKS = 2000
_CALLS = 3


@dataclass(frozen=True)
class Run:
    """Inputs, with the values that reads are made to give; `label` tells which run it is."""

    label: str
    inputs: tuple[torch.Tensor, ...]
    forced: Forced


@dataclass(frozen=True)
class Failure:
    """A run that ended in an exception of torch's or the interpreter's."""

    text: str


class MeaningCheck:
    """Runs `program` once on its example inputs, on random ones, and along paths with their reads forced, to compare
    with what passes make of it. In a session, calls follow each other."""

    def __init__(self, program: Program, bound: Bound, dims: dict[str, dict[int, str]], seed: int = 0) -> None:
        self._seed = seed
        reference = copy_program(program)
        example = input_set("the example inputs", bound)
        runs = [Run("on the example inputs", tuple(example.tensors.values()), {})]
        for inputs in random_inputs(bound, dims, _RANDOM, seed):
            runs.append(Run(f"on {inputs.label}", tuple(inputs.tensors.values()), {}))
        found = paths(reference, _PATHS, example.shapes, seed=seed)
        self.paths = len(found.paths)
        for path in found.paths:
            reads = [(read.variable.name, value) for read, value in zip(path.reads, path.forced(values_of(path.facts)))]
            label = f"on the path {' → '.join(path.blocks[:12])}{' → …' if len(path.blocks) > 12 else ''}"
            runs.append(Run(label, tuple(example.tensors.values()), by_name(reads)))
        self._reads = _reads(reference)
        self._expected = [(run, outcome) for run in runs if not isinstance(outcome := _run(reference, run), Failure)]
        if not self._expected:
            raise PassError("the program does not run on its example inputs, so that nothing can be compared")

    @property
    def runs(self) -> int:
        """How many runs are compared."""
        return len(self._expected)

    def difference(self, program: Program) -> str | None:
        """The first thing in which a run of `program` differs; None where all end as they did.

        A run cannot be compared where a read that it forces is gone; the runs on inputs remain.
        """
        left = _reads(program)
        for run, expected in self._expected:
            gone = {name for name, values in run.forced.items() if any(value is not None for value in values)} - left
            if gone:
                continue
            forced = forced_on_copies(run.forced, left)
            found = _run(program, replace(run, forced=forced))
            text = found.text if isinstance(found, Failure) else _differing(expected, found, left & self._reads)
            if text is not None:
                return f"{run.label}, {text}"
        return None


def with_part(program: Program, part: Program, changed: Program) -> Program:
    """`program` with `changed` in the place of `part`, which is the program itself or one that a session goes on
    with."""
    if part is program:
        return replace(changed, later=program.later)
    return replace(program, later=tuple(changed if later is part else later for later in program.later))


def _reads(program: Program) -> set[str]:
    return {step.name for block in program.blocks.values() for step in block.steps if isinstance(step, Read)}


def _run(program: Program, run: Run) -> list[Outcome] | Failure:
    """The outcomes of a call, and in a session of those that follow it on the same inputs."""
    outcomes: list[Outcome] = []
    state: Sequence[Value] = ()
    part = program
    try:
        while len(outcomes) < _CALLS:
            inputs = [tensor.clone() for tensor in run.inputs]
            outcomes.append(interpret(part, inputs, run.forced if part is program else None, state, limit=_BLOCKS))
            number, state = outcomes[-1].next, outcomes[-1].state
            if number is None:
                break
            part = program.later[number]
    except LoopError:
        return Failure(f"a loop goes on for more than {_BLOCKS} blocks")
    except Exception as error:  # noqa: BLE001 - whatever the network's arithmetic raises ends the run
        return Failure(f"it raises {type(error).__name__}: {error}")
    return outcomes


def _differing(expected: Sequence[Outcome], found: Sequence[Outcome], shared: set[str]) -> str | None:
    if len(expected) != len(found):
        return f"{len(found)} calls follow each other instead of {len(expected)}"
    for before, after in zip(expected, found):
        if (before.raises, before.message) != (after.raises, after.message):
            return f"it {_ending(after)} where it {_ending(before)}"
        if (before.tree, before.next) != (after.tree, after.next):
            return "the result has another structure"
        rows = [
            ("output", before.outputs, after.outputs),
            ("changed input", before.changed, after.changed),
            ("state", before.state, after.state),
        ]
        for what, left, right in rows:
            if len(left) != len(right):
                return f"there are {len(right)} of {what} instead of {len(left)}"
            for number, pair in enumerate(zip(left, right)):
                if (text := _unequal(*pair)) is not None:
                    return f"{what} {number} {text}"
        reads = [[(name, value) for name, value in outcome.reads if name in shared] for outcome in (before, after)]
        for one, other in zip(*reads):
            if one[0] != other[0] or _unequal(one[1], other[1]) is not None:
                return f"the read '{other[0]}' gives {other[1]!r} where '{one[0]}' gave {one[1]!r}"
        if len(reads[0]) != len(reads[1]):
            return f"{len(reads[1])} values are read where {len(reads[0])} were"
    return None


def _ending(outcome: Outcome) -> str:
    return f"raises {outcome.raises}({outcome.message!r})" if outcome.raises else "returns"


def _unequal(left: Any, right: Any) -> str | None:
    """What is different in the value `right`, which was `left`."""
    if not isinstance(left, torch.Tensor) or not isinstance(right, torch.Tensor):
        if type(left) is not type(right):
            return f"is {right!r} and was {left!r}"
        if isinstance(left, float):
            return _unequal(torch.tensor(left, dtype=torch.float32), torch.tensor(right, dtype=torch.float32))
        return None if left == right else f"is {right!r} and was {left!r}"
    if (left.dtype, left.shape) != (right.dtype, right.shape):
        return f"is {right.dtype}{list(right.shape)} and was {left.dtype}{list(left.shape)}"
    if not (left.is_floating_point() or left.is_complex()):
        wrong = int((left != right).sum())
        return None if not wrong else f"differs in {wrong} of {left.numel()} elements"
    wide = torch.complex128 if left.is_complex() else torch.float64
    one, other = left.to(wide), right.to(wide)
    finite = one[one.isfinite()].abs()
    allowed = _TOLERANCES.get(left.dtype, TOLERANCE) * (float(finite.max()) if finite.numel() else 0.0)
    if torch.allclose(one, other, rtol=0.0, atol=allowed, equal_nan=True):
        return None
    return f"differs by {float((one - other).abs().nan_to_num().max()):.3g}, and {allowed:.1g} is allowed"
