"""Where the decisions of eager PyTorch and of a compiled network part, and whether rounding explains it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adaptc.compiler.ir.evaluate import Number
from adaptc.compiler.verify.eager import EagerRead
from adaptc.compiler.verify.margins import relative_difference
from adaptc.compiler.verify.paths import Decision, Path
from adaptc.runtime.hostprogram import Scalar

MARGINAL = 1e-5
"""Relative differences below this are rounding."""


@dataclass(frozen=True)
class ReadPair:
    """A value as eager PyTorch and as the compiled network read it at `loc`.

    `margin` is the relative difference of two floats, or of what decides a bool or int from its threshold;
    None where that is not known.
    """

    loc: str
    eager: Number
    ours: Number
    margin: float | None

    @property
    def equal(self) -> bool:
        """Whether the values agree: floats up to rounding, relative to the larger of them and 1."""
        if not isinstance(self.eager, float):
            return self.eager == self.ours
        if math.isnan(self.eager) or math.isinf(self.eager):
            return str(self.eager) == str(float(self.ours))
        return abs(self.eager - self.ours) <= MARGINAL * max(1.0, abs(self.eager), abs(self.ours))

    @property
    def marginal(self) -> bool:
        """Whether rounding explains a difference."""
        return self.margin is not None and self.margin < MARGINAL


@dataclass(frozen=True)
class Flip:
    """A decision that eager PyTorch takes the other way.

    `pairs` are the reads that it depends on and that differ; `reads` counts the path's reads up to the last
    one that it depends on.
    """

    decision: Decision
    pairs: tuple[ReadPair, ...]
    reads: int

    @property
    def marginal(self) -> bool:
        """Whether rounding explains it."""
        return bool(self.pairs) and all(pair.marginal for pair in self.pairs)


def as_kind(kind: Scalar, value: Number) -> Number:
    """A value of eager PyTorch as the program reads it, which may take a number where eager tests truth."""
    kinds: dict[Scalar, Callable[[Number], Number]] = {"bool": bool, "int": int, "float": float}
    return kinds[kind](value)


def pair(loc: str, kind: Scalar, eager: EagerRead, ours: Number) -> ReadPair:
    """The natural value of a read of `kind` on both sides."""
    value = as_kind(kind, eager.natural)
    if kind == "float":
        return ReadPair(loc, value, ours, relative_difference(value, ours))
    return ReadPair(loc, value, ours, eager.margin)


def first_flip(path: Path, ours: Sequence[Number], eager: Sequence[EagerRead]) -> Flip | None:
    """The first decision of `path`, which the compiled network took, that eager PyTorch takes another way.

    `ours` are the values of the path's reads, `eager` the reads of a run of eager PyTorch that match them, in
    order. Decisions that depend on anything else cannot be judged and are passed over.
    """
    pairs = {
        read.variable: pair(read.loc, read.variable.kind, theirs, value)
        for read, theirs, value in zip(path.reads, eager, ours)
    }
    place = {read.variable: i for i, read in enumerate(path.reads)}
    values = {variable: item.eager for variable, item in pairs.items()}
    for number, constraint in path.constraints:
        variables = constraint.term.variables
        if number is None or not variables <= values.keys() or constraint.holds(values):
            continue
        differing = [pairs[v] for v in sorted(variables, key=place.__getitem__) if pairs[v].eager != pairs[v].ours]
        return Flip(path.decisions[number], tuple(differing), 1 + max(place[v] for v in variables))
    return None
