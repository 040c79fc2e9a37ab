"""Carries a plan out: writes the graphs of regions and makes the host program that calls them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adaptc.compiler.backends.onnx.graphs.flow import RegionError
from adaptc.compiler.backends.onnx.graphs.units import write_region
from adaptc.compiler.backends.onnx.units import Units
from adaptc.compiler.ir.program import Program, programs
from adaptc.compiler.options import PlanMode, Progress, no_progress
from adaptc.compiler.plan.cost import AnalyticalCost
from adaptc.compiler.plan.plan import Decision, Plan
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
) -> Planned:
    """Plan `program`, whose blocks' `units` lie in the artifact at `folder`, and write the units of its regions there.

    With `mode` "blocks" every block stays a unit of its own. `profile` says how likely ways are. Raises `CompileError`
    where a graph is not valid.
    """
    parts: list[PlannedPart] = []
    everything = programs(program) if mode != "blocks" else ()
    for number, part in enumerate(everything):
        progress("plan", number, len(everything))
        parts.append(_part(with_ends(replace(part, later=())), units, folder, profile if number == 0 else None))
    if not any(part.regions for part in parts):
        return Planned(parts, None)
    first, *others = parts
    later = [planned_host(part.program, units.block_units, part.regions) for part in others]
    return Planned(parts, planned_host(first.program, units.block_units, first.regions, later))


def _part(program: Program, units: Units, folder: Path, profile: Profile | None) -> PlannedPart:
    decisions: list[Decision] = []
    regions: list[RegionUnit] = []
    found = plan(program, AnalyticalCost(), profile)
    for decision in found.decisions:
        if decision.choice == "graph":
            try:
                regions.append(_region(program, decision.region, units, folder))
            except (RegionError, ArtifactError) as error:
                decision = replace(decision, choice="blocks", reason=str(error))
        decisions.append(decision)
    return PlannedPart(program, replace(found, decisions=decisions), regions)


def _region(program: Program, region: Region, units: Units, folder: Path) -> RegionUnit:
    unit, graph = write_region(program, region, units, folder, PREFIX + region.entry, size=channels_in_a_block())
    if graph.duplicated > MOST_DUPLICATED:
        for file in files_of(unit):
            (folder / file).unlink()
        raise RegionError(f"{graph.duplicated >> 20} MiB of weights would stand in it more than once")
    return RegionUnit(region, unit, graph.exits)
