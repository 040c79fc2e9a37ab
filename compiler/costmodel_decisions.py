"""Builds the ways of a decision as a compile does, tells what each is made of, and times them in turns."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from adaptc.compiler.artifact import Contents, write_contents
from adaptc.compiler.costmodel_units import first_problem, sizes_of
from adaptc.compiler.driver import capture_program
from adaptc.compiler.frontend.decompositions import Decompositions, sharing
from adaptc.compiler.ir.block_text import block_mlir
from adaptc.compiler.ir.program import Program
from adaptc.compiler.measuring import visiting
from adaptc.compiler.noted_units import NotedUnits
from adaptc.compiler.plan.bill import Bill, blocks_bill, graph_bill
from adaptc.compiler.plan.nesting import Nesting
from adaptc.compiler.plan.region import Region
from adaptc.compiler.plan.turns import take_turns
from adaptc.compiler.planned_host import planned_host
from adaptc.compiler.profile import Recorder
from adaptc.compiler.runnable import Call, Runnable
from adaptc.compiler.signature import bind
from adaptc.compiler.trial import TimedPath
from adaptc.compiler.verify.compare import compare
from adaptc.compiler.verify.inputs import InputSet, like
from adaptc.costmodel.data.errors import SampleError
from adaptc.costmodel.data.timing import undisturbed
from adaptc.costmodel.decisions.questions import Part, Question, Way
from adaptc.costmodel.decisions.registry import Alternatives, Network
from adaptc.passes.branch_profile import BranchProfile
from adaptc.passes.manager import PassManager
from adaptc.passes.pipeline import unpriced_pipeline
from adaptc.runtime.errors import AdaptcError

MOST_ITERATIONS = 10_000
"""Iterations of a loop in a call that is looked at."""

MOST_SAMPLES = 8
"""Calls of one code from which sizes are taken that only data tells."""

_ALIKE = 1e-3
"""By how much, relative to the largest element, the results of ways may differ: orders of sums differ."""


class QuestionBuilder:
    """Measures decisions on this machine. `seconds` is how long the ways of one are timed at most."""

    def __init__(self, seconds: float = 2.0) -> None:
        self._seconds = seconds
        self._decompositions: Decompositions | None = None

    def measure(self, kind: str, id: str, given: Alternatives, folder: Path) -> Question:
        """The decision with what its ways take. Raises `SampleError` where a way cannot be compiled, or computes
        something else than the first does."""
        if self._decompositions is None:
            self._decompositions = Decompositions()
        try:
            with sharing(self._decompositions):
                built = [
                    _build(network, given.inputs, folder / f"{place}")
                    for place, network in enumerate(given.ways.values())
                ]
            with undisturbed():
                _check(given, built)
                clock, share = time.perf_counter_ns, 1 / len(given.inputs)
                paths = [[TimedPath([inputs], share) for inputs in way.inputs] for way in built]
                visits = [visiting(way.call, each, clock) for way, each in zip(built, paths)]
                times = take_turns(visits, [share] * len(given.inputs), self._seconds, clock)
        except AdaptcError as error:
            raise SampleError(f"not compiled: {first_problem(error)}") from error
        ways = [
            way.told(name, times.expected(place), times.difference(place, 0).noise if place else 0.0)
            for place, (name, way) in enumerate(zip(given.ways, built))
        ]
        return Question(kind, id, tuple(ways))


@dataclass(frozen=True)
class _Built:
    """A way that can be run, and what its calls with the inputs are made of on average."""

    call: Call
    inputs: Sequence[InputSet]
    parts: tuple[Part, ...]
    bills: Sequence[Bill]

    def told(self, name: str, time_us: float, noise_us: float) -> Way:
        """The way with its times."""
        return Way(
            name=name,
            parts=self.parts,
            calls=sum(bill.calls for bill in self.bills),
            values=sum(bill.values for bill in self.bills),
            branches=sum(bill.branches for bill in self.bills),
            iterations=sum(bill.iterations for bill in self.bills),
            copied=math.fsum(times * size for bill in self.bills for times, size in bill.copies),
            numbers=sum(bill.numbers for bill in self.bills),
            time_us=time_us,
            noise_us=noise_us,
        )


def _build(network: Network, inputs: Sequence[tuple[torch.Tensor, ...]], folder: Path) -> _Built:
    program, bound = capture_program(network.module, inputs[0], name="network", dynamic={})
    passes = [each for each in unpriced_pipeline() if each.name not in network.without]
    PassManager(passes).run(program)
    contents = write_contents(program, folder, {}, mode=network.plan)
    calls = [like(bound, bind(network.module.forward, each), "an input") for each in inputs]
    ways = _Ways(program, contents, folder)
    parts, bills = ways.made_of(calls)
    return _Built(ways.runnable.call(ways.graphs), calls, parts, bills)


class _Ways:
    """A program with its plan, run as it is planned and block by block."""

    def __init__(self, program: Program, contents: Contents, folder: Path) -> None:
        parts = contents.planned.parts
        self._units = contents.units.block_units
        self._program = parts[0].program if parts else replace(program, later=())
        regions = {region.region.entry: region for part in parts[:1] for region in part.regions}
        self.graphs = frozenset(regions)
        self._decisions = parts[0].plan.decisions if parts else ()
        given = (self._program, regions, contents.manifest, self._units, folder)
        self.runnable = Runnable(*given)
        self._noted: list[NotedUnits] = []
        self._by_block = Runnable(*given, watch=self._watch)

    def _watch(self, units: Mapping[str, Any]) -> NotedUnits:
        self._noted.append(NotedUnits(units, keep=MOST_SAMPLES))
        return self._noted[-1]

    def made_of(self, calls: Sequence[InputSet]) -> tuple[tuple[Part, ...], list[Bill]]:
        """The code that a call runs, and what else it does, on average over `calls`."""
        program = self._program
        blocks = planned_host(program, self._units, []).blocks
        recorder = Recorder(program.name, program.entry, blocks)
        for call in calls:
            recorder.add(self._by_block.traced(call.array_args, call.array_kwargs, MOST_ITERATIONS))
        likely = BranchProfile(program, recorder.profile(), prior_calls=0.0)
        parts = []
        for block in {self._units[name]: program.blocks[name] for name in self._units}.values():
            for taken in self._noted[0].taken.get(self._units[block.name], {}).values():
                sizes = sizes_of(program, block, taken.samples, taken.made)
                parts.append(Part(block_mlir(program, block), sizes, taken.calls / len(calls)))
        return tuple(parts), self._bills(likely)

    def _bills(self, likely: BranchProfile) -> list[Bill]:
        bills = []
        for decision in self._decisions:
            region = decision.region
            if region.entry in self.graphs:
                bills.append(graph_bill(self._program, region, likely, Nesting(self._program, region).headers))
            else:
                bills.append(blocks_bill(self._program, region, likely))
        if not bills:  # by blocks, all of them
            bills.append(
                blocks_bill(self._program, Region(self._program.entry, frozenset(self._program.blocks)), likely)
            )
        return bills


def _check(given: Alternatives, built: Sequence[_Built]) -> None:
    """Raise `SampleError` where a way gives something else than eager PyTorch does for the first."""
    first = next(iter(given.ways.values())).module
    for place, inputs in enumerate(given.inputs):
        with torch.no_grad():
            expected = first(*inputs)
        for name, way in zip(given.ways, built):
            call = way.inputs[place]
            found = compare(expected, way.call(call.array_args, call.array_kwargs))
            if not found.max_relative_error <= _ALIKE:
                raise SampleError(f"the way {name!r} gives something else than {next(iter(given.ways))!r} in PyTorch")
