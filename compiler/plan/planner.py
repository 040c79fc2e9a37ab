"""Decides how each region of a program runs."""

from __future__ import annotations

from adaptc.compiler.ir.program import Program
from adaptc.compiler.plan.exactness import host_reasons
from adaptc.compiler.plan.partition import largest_regions
from adaptc.compiler.plan.plan import Decision, Plan
from adaptc.compiler.plan.region import Region


def plan(program: Program) -> Plan:
    """The plan of a program whose returns and raises stand in blocks of their own (`region.with_ends`)."""
    hosted = host_reasons(program)
    return Plan([_decide(program, region) for region in largest_regions(program, hosted)], hosted)


def _decide(program: Program, region: Region) -> Decision:
    coded = [name for name in region.blocks if program.blocks[name].code is not None]
    if len(coded) < 2 and len(region.blocks) - len(coded) == 0:
        return Decision(region, "blocks", "it is one block")
    if not coded:
        return Decision(region, "blocks", "it has no tensor code")
    return Decision(region, "graph", "one call in place of one for each block")
