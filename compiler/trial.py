"""What a program is timed on: inputs by the paths that they take, and how many calls each path stands for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from adaptc.compiler.ir.program import Program
from adaptc.compiler.profile import Profile, edges_taken
from adaptc.compiler.verify.inputs import InputSet
from adaptc.passes.branch_profile import BranchProfile
from adaptc.runtime.errors import EngineError, LoopError
from adaptc.runtime.trace import Trace

MOST_PATHS = 32
"""Paths that are timed: those of the greatest weight."""


@dataclass(frozen=True)
class Trial:
    """Inputs to time a program on, but for those on which a loop takes more than `max_iterations`."""

    inputs: Sequence[InputSet]
    max_iterations: int


@dataclass(frozen=True)
class TimedPath:
    """Inputs of the same sizes that take the same path, and the share of calls that they stand for."""

    inputs: Sequence[InputSet]
    weight: float


@dataclass(frozen=True)
class TimedPaths:
    """The paths that are timed, whose weights add up to 1, and why inputs were left out, with their number."""

    paths: Sequence[TimedPath]
    left_out: Mapping[str, int]


def timed_paths(
    trial: Trial, program: Program, profile: Profile | None, trace: Callable[[InputSet, int], Trace]
) -> TimedPaths:
    """The inputs of `trial` by their paths, which `trace` tells; it is given the limit of iterations too.

    A path weighs as much as it is likely by `profile`, or without one as many inputs as take it.
    """
    left_out: Counter[str] = Counter()
    traces: dict[tuple[str, ...], Trace] = {}
    groups: dict[tuple[tuple[str, ...], Hashable], list[InputSet]] = {}
    for inputs in trial.inputs:
        try:
            found = trace(inputs, trial.max_iterations)
        except LoopError:
            left_out[f"a loop takes more than {trial.max_iterations} iterations"] += 1
            continue
        except EngineError:  # verification tells whether eager PyTorch can run them
            left_out["a unit fails"] += 1
            continue
        if found.raises:
            left_out[f"the network raises {found.raises}"] += 1
            continue
        traces[found.path] = found
        groups.setdefault((found.path, tuple(inputs.shapes.values())), []).append(inputs)
    weights = {key: float(len(inputs)) for key, inputs in groups.items()}
    if profile is not None:
        inputs_on: Counter[tuple[str, ...]] = Counter()
        for (path, _), inputs_ in groups.items():
            inputs_on[path] += len(inputs_)
        likely = _likely(program, profile, traces)
        weights = {key: likely[key[0]] * weight / inputs_on[key[0]] for key, weight in weights.items()}
    kept = sorted(groups, key=lambda key: -weights[key])
    for key in kept[MOST_PATHS:]:
        left_out[f"beyond the {MOST_PATHS} paths of the greatest weight"] += len(groups[key])
    del kept[MOST_PATHS:]
    total = sum(weights[key] for key in kept)
    return TimedPaths([TimedPath(groups[key], weights[key] / total) for key in kept], dict(left_out))


def _likely(
    program: Program, profile: Profile, traces: Mapping[tuple[str, ...], Trace]
) -> dict[tuple[str, ...], float]:
    """How likely each path is beside the likeliest of them, its decisions being taken as independent of each other."""
    known = BranchProfile(program, profile)
    terminators = {block.name: block.terminator for block in program.blocks.values()}
    logarithms = {
        path: sum(
            math.log(max(known.probability(block, edge), 1e-300)) for block, edge in edges_taken(trace, terminators)
        )
        for path, trace in traces.items()
    }
    highest = max(logarithms.values(), default=0.0)
    return {path: max(math.exp(value - highest), 1e-300) for path, value in logarithms.items()}
