"""Decides how each region of a program runs."""

from __future__ import annotations

from adaptc.compiler.ir.program import Program, edges
from adaptc.compiler.plan.bill import blocks_bill, graph_bill
from adaptc.compiler.plan.cost import Cost
from adaptc.compiler.plan.exactness import host_reasons
from adaptc.compiler.plan.nesting import Nesting
from adaptc.compiler.plan.partition import largest_regions
from adaptc.compiler.plan.plan import Decision, Plan
from adaptc.compiler.plan.region import Region
from adaptc.compiler.profile import Profile
from adaptc.costmodel.prediction import KNOWN_TO
from adaptc.passes.branch_profile import BranchProfile
from adaptc.runtime.errors import ArtifactError


def plan(program: Program, cost: Cost, profile: Profile | None = None) -> Plan:
    """The plan of a program whose returns and raises stand in blocks of their own (`region.with_ends`).

    A region is a graph unless that is clearly slower: it is one file and one call. `profile` says how likely
    the ways of its branches are; without one the prior of `passes.branch_profile` does.
    """
    hosted = host_reasons(program)
    likely = BranchProfile(program, profile)
    return Plan([_decide(program, region, cost, likely) for region in largest_regions(program, hosted)], hosted)


def _decide(program: Program, region: Region, cost: Cost, likely: BranchProfile) -> Decision:
    coded = [name for name in program.blocks if name in region.blocks and program.blocks[name].code is not None]
    if not coded:
        return Decision(region, "blocks", "it has no tensor code")
    if len(region.blocks) == 1 and not _repeats(program, region):
        return Decision(region, "blocks", "it is one block, which is one call either way")
    try:
        headers = Nesting(program, region).headers
    except ArtifactError as error:
        return Decision(region, "blocks", str(error))
    apart = blocks_bill(program, region, likely)
    joined = graph_bill(program, region, likely, headers)
    kernels = apart.kernels(program, cost)  # of both ways the same
    blocks, graph = kernels + apart.control(cost), kernels + joined.control(cost)
    if graph <= blocks * (1 + KNOWN_TO):
        return Decision(region, "graph", f"one call in place of {apart.calls:.1f} on average", graph, blocks)
    inside = f"{joined.branches:.1f} branches and {joined.iterations:.1f} iterations"
    reason = f"what its {inside} cost in a graph is more than the calls"
    return Decision(region, "blocks", reason, graph, blocks)


def _repeats(program: Program, region: Region) -> bool:
    """Whether an edge leads back to the region's entry from inside."""
    return any(edge.block == region.entry for name in region.blocks for edge in edges(program.blocks[name]))
