"""Runs a planned network along every path that verification forces.

Block by block, reads can be forced (`Executable.run_forced`). A graph of a whole region holds its reads, so that for
verification it is written once more, probed: it takes the values of its reads from an input. What the blocks read on a
path is given to the probed graphs, and their outputs take the place of the blocks'.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from adaptc.compiler.errors import VerificationError
from adaptc.compiler.structure import flatten
from adaptc.runtime import Executable
from adaptc.runtime.executable import Forced
from adaptc.runtime.probing import Value
from adaptc.runtime.session import Session
from adaptc.runtime.trace import Trace

_CLOSE = 1e-3
"""How far, relative to the larger, a number that a graph reads may be from the one that the blocks read: their kernels
differ in the last bits, of which cancellation makes more."""


class Replay:
    """The values that the reads of one run take, in the order of execution, and how many are taken already; `seen` are
    those that the data would have given."""

    def __init__(self, values: Sequence[Value]) -> None:
        self.values = np.array([float(value) for value in values], np.float64)
        self.exact = list(values)
        self.position = 0
        self.seen: list[float] = []


@dataclass(frozen=True)
class Replayed:
    """What a run on a replay gave: outputs in the network's structure, new values of changed inputs, the exception's
    name, and what it leaves for the next call. `counted` tells that the reads that were taken are known."""

    outputs: Any
    changed: tuple[Any, ...] = ()
    raises: str = ""
    left: Sequence[Any] = ()
    counted: bool = True


class Plan(Protocol):
    """A planned network whose reads can be replayed."""

    def replay(self, number: int, replay: Replay, inputs: Sequence[Any]) -> Replayed:
        """Run program `number` of a session on the flat `inputs`."""
        ...

    def run(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Run a call as shipped; gives the outputs in the network's structure."""
        ...

    def session(self) -> Session | None:
        """A session as shipped; None where there is none."""
        ...

    def close(self) -> None:
        """Remove what was written for this alone."""
        ...


class PlannedExecutable:
    """A network as verification takes it: paths and reads are those of its blocks, outputs those of its plan.

    Runs without forced reads take what is shipped, runs with forced ones what is probed. `others` are the plan with
    graphs in other forms: of all, the outputs that are farthest from the blocks' are those that count.
    """

    def __init__(self, blocks: Executable, plan: Plan, *others: Plan) -> None:
        self._blocks = blocks
        self._plan = plan
        self._others = others
        self._equal: Counter[str] = Counter()
        self._different: dict[str, tuple[Value, Value]] = {}

    def run_forced(self, args: Sequence[Any], kwargs: Mapping[str, Any], forced: Forced) -> Trace:
        """Run it as `Executable.run_forced` does. Raises `VerificationError` where the plan goes another way."""
        again, shipped = copy.deepcopy((args, kwargs)), copy.deepcopy((args, kwargs))
        trace, natural = self._blocks.run_noted(args, kwargs, forced)
        trace, _ = self.replayed(0, trace, natural, self._blocks.flat_inputs(*again))
        if not forced and not trace.raises:
            return replace(trace, outputs=self._plan.run(*shipped))
        return trace

    def session(self, random_seed: int | None = None) -> PlannedSession:
        """A session whose outputs are those of the plan."""
        return PlannedSession(self._blocks.session(random_seed), self._plan.session(), self)

    def finish(self) -> None:
        """Raise `VerificationError` where a graph never read what its blocks read."""
        wrong = [(name, *both) for name, both in self._different.items() if not self._equal[name]]
        if wrong:
            lines = [f"{name}: {block!r} in its block, {graph!r} in the graph" for name, block, graph in wrong]
            raise VerificationError("the graph of a region reads other values than its blocks\n" + "\n".join(lines))

    def replayed(
        self, number: int, trace: Trace, natural: Sequence[Value], inputs: Sequence[Any]
    ) -> tuple[Trace, Sequence[Any]]:
        """`trace` of program `number` of the session, block by block, with the outputs of the plan on its path, and
        what they leave for the next call."""
        planned, *others = (
            self._replayed(plan, number, trace, natural, copy.deepcopy(inputs)) for plan in (self._plan, *self._others)
        )
        worst = max((planned, *others), key=lambda each: _distance(each, trace))
        return replace(trace, outputs=worst.outputs, changed=worst.changed), planned.left

    def _replayed(
        self, plan: Plan, number: int, trace: Trace, natural: Sequence[Value], inputs: Sequence[Any]
    ) -> Replayed:
        replay = Replay([value for _, value in trace.reads])
        planned = plan.replay(number, replay, inputs)
        if planned.raises != trace.raises or (planned.counted and replay.position != len(trace.reads)):
            raise VerificationError(
                f"the plan goes another way than its blocks {' -> '.join(trace.path)}: it takes "
                f"{replay.position} of {len(trace.reads)} reads and "
                + (f"raises {planned.raises}" if planned.raises else "returns")
            )
        for (name, _), theirs, ours in zip(trace.reads, natural, replay.seen):
            if _is_close(theirs, ours):
                self._equal[name] += 1
            else:
                self._different[name] = (theirs, ours)
        return planned


def _distance(planned: Replayed, trace: Trace) -> float:
    """The largest difference from the outputs of the blocks, relative to them; infinite where one has another form."""
    ours = flatten((planned.outputs, planned.changed), "leaf", arrays=True)[1]
    theirs = flatten((trace.outputs, trace.changed), "leaf", arrays=True)[1]
    pairs = [(np.atleast_1d(one), np.atleast_1d(other)) for one, other in zip(ours, theirs)]
    if len(ours) != len(theirs) or any(one.shape != other.shape for one, other in pairs):
        return math.inf
    return max((_difference(one, other) for one, other in pairs if one.dtype.kind in "biufc"), default=0.0)


def _difference(one: NDArray[Any], other: NDArray[Any]) -> float:
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.abs(one.astype(np.complex128) - other)
    gap[(one == other) | (np.isnan(one) & np.isnan(other))] = 0.0
    sizes = np.abs(other[np.isfinite(other)].astype(np.complex128))
    scale = sizes.max(initial=1e-6)  # of integers too: they would take an `initial` of 0
    return float(np.nan_to_num(gap / scale, nan=math.inf, posinf=math.inf).max(initial=0.0))


class ShippedExecutable:
    """An artifact as verification takes it long after its compile: `blocks` says which paths are taken and runs along
    forced ones, `shipped` gives the outputs of all other runs."""

    def __init__(self, blocks: Executable, shipped: Executable) -> None:
        self._blocks = blocks
        self._shipped = shipped

    def run_forced(self, args: Sequence[Any], kwargs: Mapping[str, Any], forced: Forced) -> Trace:
        """Run it as `Executable.run_forced` does."""
        again = copy.deepcopy((args, kwargs))
        trace = self._blocks.run_forced(args, kwargs, forced)
        if forced or trace.raises:
            return trace
        return replace(trace, outputs=self._shipped(*again[0], **again[1]))

    def session(self, random_seed: int | None = None) -> Session:
        """A session, block by block."""
        return self._blocks.session(random_seed)


class PlannedSession:
    """Calls that follow each other, as `PlannedExecutable` is one: block by block, with the outputs of the plan."""

    def __init__(self, blocks: Session, shipped: Session | None, owner: PlannedExecutable) -> None:
        self._blocks = blocks
        self._shipped = shipped  # None from the first call on that is forced: it is in another state then
        self._owner = owner

    @property
    def stage(self) -> int:
        """The number of the program that the next call takes."""
        return self._blocks.stage

    def run_forced(self, args: Sequence[Any], kwargs: Mapping[str, Any], forced: Forced) -> Trace:
        """Run it as `Session.run_forced` does. Raises `VerificationError` where the plan goes another way or leaves
        something else for the next call."""
        number = self._blocks.stage
        again = copy.deepcopy((args, kwargs))
        inputs = self._blocks.flat_inputs(*copy.deepcopy((args, kwargs)))
        trace, natural = self._blocks.run_noted(args, kwargs, forced)
        trace, left = self._owner.replayed(number, trace, natural, inputs)
        for ours, theirs in zip(left, self._blocks.state):
            if not np.allclose(ours, theirs, rtol=_CLOSE, atol=_CLOSE, equal_nan=True):
                raise VerificationError(f"the plan leaves {ours!r} for the next call, its blocks leave {theirs!r}")
        if forced or trace.raises:
            self._shipped = None
        if self._shipped is not None:
            return replace(trace, outputs=self._shipped(*again[0], **again[1]))
        return trace


def _is_close(theirs: Value, ours: float) -> bool:
    if np.isnan(theirs) or np.isnan(ours):
        return bool(np.isnan(theirs) and np.isnan(ours))
    return bool(theirs == ours or abs(theirs - ours) <= _CLOSE * max(abs(theirs), abs(ours), 1e-3))
