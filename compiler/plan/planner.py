"""Decides how each region of a program runs."""

from __future__ import annotations

import math

from adaptc.compiler.ir.host_types import environment
from adaptc.compiler.ir.program import Block, Program, TensorType, edges
from adaptc.compiler.plan.cost import Cost
from adaptc.compiler.plan.exactness import host_reasons
from adaptc.compiler.plan.nesting import Nesting
from adaptc.compiler.plan.partition import largest_regions
from adaptc.compiler.plan.plan import Decision, Plan
from adaptc.compiler.plan.region import Region, exits
from adaptc.compiler.profile import Profile
from adaptc.passes.branch_profile import BranchProfile
from adaptc.passes.origins import Origins
from adaptc.runtime.errors import ArtifactError
from adaptc.runtime.hostprogram import Branch, Ref, Switch

MARGIN = 0.03
"""By how much, relative to the other way, a graph may be expected to be slower and is made all the same: it is one
file and one call, and the costs are not known better than that."""


def plan(program: Program, cost: Cost, profile: Profile | None = None) -> Plan:
    """The plan of a program whose returns and raises stand in blocks of their own (`region.with_ends`).

    `profile` says how likely the ways of its branches are; without one the prior of `passes.branch_profile` does.
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
    visits = {name: likely.visits(name) for name in region.blocks}
    kernels = sum(visits[name] * cost.of(program, program.blocks[name]) for name in coded)
    calls = sum(visits[name] for name in coded)
    values = sum(visits[name] * _values(program.blocks[name]) for name in coded)
    blocks = kernels + calls * cost.call + values * cost.value
    branches = sum(
        visits[name] for name in region.blocks if isinstance(program.blocks[name].terminator, Branch | Switch)
    )
    iterations = sum(visits[name] for name in headers)
    origins = Origins(program)
    copies = sum(visits[name] * _copied(program, name, cost, likely, origins) for name in region.blocks)
    entered = _entered(program, region, likely)
    call = cost.call + _crossing(program, region) * cost.value
    graph = kernels + entered * call + branches * cost.branch + iterations * cost.iteration + copies
    if graph <= blocks * (1 + MARGIN):
        reason = f"one call in place of {calls:.1f} on average"
        return Decision(region, "graph", reason, graph, blocks)
    reason = f"what its {branches:.1f} branches and {iterations:.1f} iterations cost in a graph is more than the calls"
    return Decision(region, "blocks", reason, graph, blocks)


def _repeats(program: Program, region: Region) -> bool:
    """Whether an edge leads back to the region's entry from inside."""
    return any(edge.block == region.entry for name in region.blocks for edge in edges(program.blocks[name]))


def _entered(program: Program, region: Region, likely: BranchProfile) -> float:
    """How often control comes to the region from outside, in a call."""
    times = 1.0 if region.entry == program.entry else 0.0
    for block in program.blocks.values():
        if block.name not in region.blocks:
            for index, edge in enumerate(edges(block)):
                if edge.block == region.entry:
                    times += likely.visits(block.name) * likely.probability(block.name, index)
    return times


def _values(block: Block) -> int:
    """How many arrays the unit of a block takes and gives."""
    return len(block.inputs) + len(block.outputs)


def _crossing(program: Program, region: Region) -> int:
    """How many arrays the unit of a region takes and gives: what each exit hands on shares outputs with the others,
    and where there are several, one tells which was taken."""
    handed = [len(program.blocks[name].params) for name in exits(program, region)]
    return len(program.blocks[region.entry].params) + max(handed, default=0) + (len(handed) > 1)


def _copied(program: Program, name: str, cost: Cost, likely: BranchProfile, origins: Origins) -> float:
    """The µs of the copies that an arm without code makes of what it hands on: an `If` gives no value unchanged. What
    all arms have from outside needs no output."""
    block = program.blocks[name]
    if not isinstance(block.terminator, Branch | Switch):
        return 0.0
    types = environment(block)
    total = 0.0
    for index, edge in enumerate(edges(block)):
        if likely.graph.graph.in_degree(edge.block) > 1:
            params = program.blocks[edge.block].params
            merged = (origins.of(edge.block, param.name).block == edge.block for param in params)
            passed = (types[arg.name] for arg, is_one in zip(edge.args, merged) if is_one and isinstance(arg, Ref))
            sizes = (_bytes(type_) for type_ in passed if isinstance(type_, TensorType))
            total += likely.probability(name, index) * sum(map(cost.copy, sizes))
    return total


def _bytes(type_: TensorType) -> int:
    return type_.dtype.itemsize * math.prod(extent for extent in type_.shape if isinstance(extent, int))
