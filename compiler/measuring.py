"""Decides by measurements how the regions of a program run: the ways are timed in turns, on inputs, in this process."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from adaptc.compiler.ir.program import Program
from adaptc.compiler.options import Progress, no_progress
from adaptc.compiler.plan.descent import MOST_REGIONS, Graphs, Measured, descend, is_faster
from adaptc.compiler.plan.plan import Choice, Decision, Measurement, Plan
from adaptc.compiler.plan.turns import Clock, Difference, Times, Visit, take_turns
from adaptc.compiler.planned_host import RegionUnit
from adaptc.compiler.profile import Profile
from adaptc.compiler.runnable import Call, Runnable
from adaptc.compiler.trial import TimedPath, Trial, timed_paths
from adaptc.costmodel.data.timing import undisturbed
from adaptc.runtime.manifest import Manifest

SECONDS = 8.0
"""How long a round of measurements takes at most, but for the fewest turns of it (`plan.turns`)."""

_LONG = 50_000.0
"""µs from which on a call is not made once before it is timed."""


class Measurer:
    """Measures programs on `trial`. Their artifact lies in `folder` and has `manifest`, but for the units of regions;
    `block_units` name the units of blocks."""

    def __init__(
        self,
        trial: Trial,
        manifest: Manifest,
        block_units: Mapping[str, str],
        folder: Path,
        progress: Progress = no_progress,
        clock: Clock = time.perf_counter_ns,
    ) -> None:
        self._trial = trial
        self._manifest = manifest
        self._block_units = block_units
        self._folder = folder
        self._progress = progress
        self._clock = clock

    def decide(self, program: Program, plan: Plan, regions: Mapping[str, RegionUnit], profile: Profile | None) -> Plan:
        """`plan` with the faster way for each region of which `regions` has the graph, by its entry.

        Paths are weighed by how likely `profile` makes them, without one by the inputs that take them.
        """
        begin = self._clock()
        there = [decision for decision in plan.decisions if decision.region.entry in regions]
        if not there:
            return plan
        runnable = Runnable(program, regions, self._manifest, self._block_units, self._folder)
        timed = timed_paths(
            self._trial,
            program,
            profile,
            lambda inputs, limit: runnable.traced(inputs.array_args, inputs.array_kwargs, limit),
        )
        if not timed.paths:
            reasons = "; ".join(f"{reason} ({number}x)" for reason, number in timed.left_out.items())
            return unmeasured(plan, regions, f"no input could be timed: {reasons or 'there is none'}")
        there.sort(key=lambda decision: -(decision.blocks or 0.0))
        first = frozenset(decision.region.entry for decision in there if decision.choice == "graph")
        weights = [path.weight for path in timed.paths]
        rounds = 0

        def time_ways(ways: Sequence[Graphs]) -> Times:
            nonlocal rounds
            rounds += 1
            self._progress("measure", rounds, 0)
            visits = [visiting(runnable.call(way), timed.paths, self._clock) for way in ways]
            with undisturbed():
                return take_turns(visits, weights, SECONDS, self._clock)

        found = descend(first, [decision.region.entry for decision in there[:MOST_REGIONS]], time_ways)
        measurement = Measurement(
            inputs=sum(len(path.inputs) for path in timed.paths),
            paths=len(timed.paths),
            weighed_by="inputs" if profile is None else "profile",
            ways=found.ways,
            turns=found.turns,
            seconds=(self._clock() - begin) / 1e9,
            left_out=timed.left_out,
        )
        others = [decision.region.entry for decision in there[MOST_REGIONS:]]
        plan = unmeasured(plan, others, f"no more than {MOST_REGIONS} regions are measured, the longest ones")
        decisions = [_decided(decision, found.graphs, found.measured) for decision in plan.decisions]
        return replace(plan, decisions=decisions, measurement=measurement)


def visiting(call: Call, paths: Sequence[TimedPath], clock: Clock) -> Visit:
    """How `take_turns` visits a way of running a program along these paths."""
    last = [0.0] * len(paths)

    def visit(path: int, turn: int, calls: int) -> Sequence[float]:
        members = paths[path].inputs
        given = members[turn % len(members)]
        args, kwargs = given.array_args, given.array_kwargs
        if last[path] < _LONG:
            call(args, kwargs)
        times = []
        for _ in range(calls):
            begin = clock()
            call(args, kwargs)
            times.append((clock() - begin) / 1000)
        last[path] = times[-1]
        return times

    return visit


def unmeasured(plan: Plan, entries: Collection[str], why: str) -> Plan:
    """`plan` with the reason of each decision about a region with one of these `entries`, where there is a choice,
    saying why its expected cost decided."""
    decisions = [
        replace(each, reason=f"{each.reason} (the expected cost decided: {why})")
        if each.region.entry in entries and each.graph is not None
        else each
        for each in plan.decisions
    ]
    return replace(plan, decisions=decisions)


def _decided(decision: Decision, graphs: Graphs, measured: Mapping[str, Measured]) -> Decision:
    found = measured.get(decision.region.entry)
    if found is None:
        return decision
    choice: Choice = "graph" if decision.region.entry in graphs else "blocks"
    return replace(decision, choice=choice, reason=_reason(decision.choice, choice, found), measured=found)


def _reason(expected: Choice, choice: Choice, measured: Measured) -> str:
    ours, theirs = measured.graph, measured.blocks
    if choice == "blocks":
        ours, theirs = theirs, ours
    other = "block by block" if choice == "graph" else "as one graph"
    apart = f"{abs(theirs / ours - 1):.1%}"
    if is_faster(Difference(theirs - ours, measured.noise), theirs):
        return f"measured: a call takes {apart} longer {other}"
    if is_faster(Difference(ours - theirs, measured.noise), ours):
        return f"measured: a call takes {apart} less {other}, but another region was changed in the last round"
    decider = "the expected cost decided" if choice == expected else "this was faster before other regions were changed"
    return f"measured alike, {apart} apart (noise {measured.noise / ours:.1%}): {decider}"
