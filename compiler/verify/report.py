"""What verification found: every path with how it was exercised, what failed, and what could not be tried."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from adaptc.compiler.verify.compare import Difference, Rounded
from adaptc.compiler.verify.paths import Path, Untaken
from adaptc.compiler.verify.samples import Samples
from adaptc.runtime.longpaths import MOST_BLOCKS, listed


@dataclass(frozen=True)
class Failure:
    """The compiled network does not do what eager PyTorch does: on which path and inputs, and how that shows.

    `differences` are empty where it is not the outputs that differ.
    """

    path: str
    inputs: str
    message: str
    decisions: tuple[tuple[str, bool | int], ...] = ()
    differences: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        taken = ", ".join(f"{loc or 'an unknown line'} goes {way}" for loc, way in self.decisions)
        lines = [
            f"{self.path} on {self.inputs}: {self.message}",
            *(f"  {item}" for item in self.differences[:5]),
        ]
        return "\n".join([*lines, f"  decisions: {taken or 'none'}"])


@dataclass(frozen=True)
class MarginalFlip:
    """A value within rounding of a threshold: eager PyTorch and the compiled network lie on its two sides.

    `margin` is the relative distance from the threshold, or between the two values.
    """

    inputs: str
    loc: str
    eager: bool | int | float
    ours: bool | int | float
    margin: float

    def __str__(self) -> str:
        return (
            f"{self.loc or 'an unknown line'} on {self.inputs}: eager PyTorch reads {self.eager}, the "
            f"compiled network {self.ours}, within {self.margin:.2g} of the threshold"
        )


@dataclass(frozen=True)
class RoundedOutput:
    """An output above its tolerance by rounding: on which path and inputs, and what float64 says of both sides."""

    path: str
    inputs: str
    rounded: Rounded

    def __str__(self) -> str:
        return f"{self.path} on {self.inputs}: {self.rounded}"

    def to_dict(self) -> dict[str, Any]:
        """The output as JSON values; "ours_off" and "eager_off" are the distances from float64."""
        difference = self.rounded.difference
        return {
            "path": self.path,
            "inputs": self.inputs,
            "where": difference.where,
            "index": list(difference.index or ()),
            "eager": difference.eager,
            "ours": difference.ours,
            "float64": self.rounded.double,
            "relative_error": difference.error,
            "tolerance": difference.tolerance,
            "eager_off": self.rounded.eager_off,
            "ours_off": self.rounded.ours_off,
            "rounding": self.rounded.rounding,
        }


@dataclass
class PathResult:
    """A path and how it went.

    `forced` and `natural` count the runs along it that were compared: with reads forced, and with the data's
    own decisions. `skipped` says why runs could not be compared. `searched` names the inputs that a random search
    found for it, where forcing could not reach it.
    """

    name: str
    path: Path
    forced: int = 0
    natural: int = 0
    max_relative_error: float = 0.0
    skipped: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    searched: str = ""

    @property
    def decisions(self) -> tuple[tuple[str, bool | int], ...]:
        """The user's line and the way taken, for each branch and switch in order."""
        return tuple((decision.loc, decision.taken) for decision in self.path.decisions)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values, of very long paths the first blocks and decisions."""
        return {
            "name": self.name,
            "blocks": list(listed(self.path.blocks)),
            "decisions": [{"loc": loc, "taken": taken} for loc, taken in self.decisions[:MOST_BLOCKS]],
            "more_decisions": max(len(self.decisions) - MOST_BLOCKS, 0),
            "max_relative_error": _number(self.max_relative_error),
            "raises": self.path.raises,
            "forced": self.forced,
            "natural": self.natural,
            "searched": self.searched,
            "ok": not self.failures,
            "failures": [str(failure) for failure in self.failures],
            "skipped": list(dict.fromkeys(self.skipped)),
        }


@dataclass(frozen=True)
class VerificationReport:
    """The result of verifying a compiled network.

    `complete` tells that `paths` are all feasible paths. `never_taken` are branch edges that no compared run
    took, with the reason. `marginal` are flips within rounding, `rounded` outputs above their tolerance by
    rounding, judged by float64; they are no failures, but shown. `pathless` are failures in which the compiled
    network broke down, `uncompared` says which random inputs could not be compared and why. `samples` let the
    artifact verify itself elsewhere.
    """

    paths: tuple[PathResult, ...]
    complete: bool
    never_taken: tuple[Untaken, ...]
    marginal: tuple[MarginalFlip, ...]
    rounded: tuple[RoundedOutput, ...]
    pathless: tuple[Failure, ...]
    uncompared: tuple[str, ...]
    samples: Samples

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Everything that failed, path by path."""
        return (*self.pathless, *(failure for path in self.paths for failure in path.failures))

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    @property
    def max_relative_error(self) -> float:
        """The worst relative error of any output on any path."""
        return max((path.max_relative_error for path in self.paths), default=0.0)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values; "paths" is what an executable shows as its paths."""
        return {
            "ok": self.ok,
            "complete": self.complete,
            "max_relative_error": _number(self.max_relative_error),
            "paths": [path.to_dict() for path in self.paths],
            "never_taken": [
                {"loc": item.loc, "taken": item.taken, "block": item.edge.block, "reason": item.reason}
                for item in self.never_taken
            ],
            "failures": [str(failure) for failure in self.failures],
            "marginal": [_flip(item) for item in self.marginal],
            "rounded": [item.to_dict() for item in self.rounded],
            "uncompared": list(self.uncompared),
        }


def describe(failures: Iterable[Failure], limit: int = 5) -> str:
    """The first failures as text, and how many more there are."""
    items = list(failures)
    more = [f"and {len(items) - limit} more"] if len(items) > limit else []
    return "\n".join([*map(str, items[:limit]), *more])


def _flip(item: MarginalFlip) -> dict[str, Any]:
    return {
        "inputs": item.inputs,
        "loc": item.loc,
        "eager": _number(item.eager),
        "ours": _number(item.ours),
        "margin": item.margin,
    }


def _number(value: float) -> float | None:
    """JSON has no infinities."""
    return value if math.isfinite(value) else None
