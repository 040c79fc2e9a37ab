"""Carries a plan out: writes the graphs of regions and makes the host program that calls them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adaptc.compiler.backends.onnx.graphs.flow import RegionError
from adaptc.compiler.backends.onnx.graphs.units import write_region
from adaptc.compiler.backends.onnx.units import Units
from adaptc.compiler.ir.program import Program, programs
from adaptc.compiler.measuring import Measurer, unmeasured
from adaptc.compiler.options import PlanMode, Progress, no_progress
from adaptc.compiler.plan.cost import AnalyticalCost, Cost
from adaptc.compiler.plan.plan import Decision, Plan, record
from adaptc.compiler.plan.planner import plan
from adaptc.compiler.plan.region import Region, with_ends
from adaptc.compiler.planned_host import RegionUnit, planned_host
from adaptc.compiler.profile import Profile
from adaptc.runtime.engines.channels import channels_in_a_block
from adaptc.runtime.errors import ArtifactError
from adaptc.runtime.hostprogram import HostProgram
from adaptc.runtime.manifest import Unit, files_of

MOST_DUPLICATED = 64 << 20
"""How many bytes of weights a graph may hold more than once: some operators need weights of their own in each arm."""

PREFIX = "region_"
"""What the names of the units of regions begin with, before that of the entry."""


@dataclass(frozen=True)
class PlannedPart:
    """One program of a session, its returns and raises in blocks of their own, with its plan carried out."""

    program: Program
    plan: Plan
    regions: Sequence[RegionUnit]
    cost: Cost

    def record(self) -> dict[str, Any]:
        """The plan as JSON values."""
        forms = ((region.region.entry, region.unit.blocked) for region in self.regions)
        made = record(self.plan, self.program, {entry: form.channels for entry, form in forms if form is not None})
        return {**made, "cost": dict(self.cost.record())}


@dataclass(frozen=True)
class Planned:
    """The plans of a program and of those of its session. `host` calls the regions' units; it is None where no region
    has one."""

    parts: Sequence[PlannedPart]
    host: HostProgram | None

    @property
    def units(self) -> list[Unit]:
        """The units of all regions."""
        return [region.unit for part in self.parts for region in part.regions]


def carry_out(
    program: Program,
    units: Units,
    folder: Path,
    mode: PlanMode,
    progress: Progress = no_progress,
    profile: Profile | None = None,
    measurer: Measurer | None = None,
    cost: Cost | None = None,
) -> Planned:
    """Plan `program`, whose blocks' `units` lie in the artifact at `folder`, and write the units of its regions there.

    With `mode` "blocks" every block stays a unit of its own, with "graphs" every region is a graph that can, and with
    "measure" the `measurer` decides. `profile` says how likely ways are, and `cost` what they take; without one the
    analytical one does. Raises `CompileError` where a graph is not valid.
    """
    assert (mode == "measure") == (measurer is not None)
    parts: list[PlannedPart] = []
    everything = programs(program) if mode != "blocks" else ()
    for number, part in enumerate(everything):
        progress("plan", number, len(everything))
        made = _Maker(with_ends(replace(part, later=())), units, folder, mode, cost or AnalyticalCost())
        parts.append(made.part(profile, measurer) if number == 0 else made.part(None, None))
    if not any(part.regions for part in parts):
        return Planned(parts, None)
    first, *others = parts
    later = [planned_host(part.program, units.block_units, part.regions) for part in others]
    return Planned(parts, planned_host(first.program, units.block_units, first.regions, later))


class _Maker:
    """Makes the plan of one program and carries it out."""

    def __init__(self, program: Program, units: Units, folder: Path, mode: PlanMode, cost: Cost) -> None:
        self._program = program
        self._units = units
        self._folder = folder
        self._mode = mode
        self._cost = cost

    def part(self, profile: Profile | None, measurer: Measurer | None) -> PlannedPart:
        """The program with its plan carried out; where plans are measured, without a `measurer` this one is not."""
        found = plan(self._program, self._cost, profile)
        decisions: list[Decision] = []
        regions: dict[str, RegionUnit] = {}
        for decision in found.decisions:
            if self._mode == "graphs" and decision.graph is not None:
                decision = replace(decision, choice="graph", reason="each region that can is one graph (--plan graphs)")
            if decision.choice == "graph" or (measurer is not None and decision.graph is not None):
                try:
                    regions[decision.region.entry] = self._region(decision.region)
                except (RegionError, ArtifactError) as error:
                    decision = replace(decision, choice="blocks", reason=str(error))
            decisions.append(decision)
        found = replace(found, decisions=decisions)
        if measurer is not None:
            found = measurer.decide(self._program, found, regions, profile)
        elif self._mode == "measure":
            found = unmeasured(found, regions, "calls that follow another in a session are not measured")
        kept = {region.entry for region in found.regions}
        for entry, region in regions.items():
            if entry not in kept:
                self._remove(region.unit)
        made = [region for entry, region in regions.items() if entry in kept]
        return PlannedPart(self._program, found, made, self._cost)

    def _region(self, region: Region) -> RegionUnit:
        name, size = PREFIX + region.entry, channels_in_a_block()
        unit, graph = write_region(self._program, region, self._units, self._folder, name, size=size)
        if graph.duplicated > MOST_DUPLICATED:
            self._remove(unit)
            raise RegionError(f"{graph.duplicated >> 20} MiB of weights would stand in it more than once")
        return RegionUnit(region, unit, graph.exits)

    def _remove(self, unit: Unit) -> None:
        for file in files_of(unit):
            (self._folder / file).unlink()
