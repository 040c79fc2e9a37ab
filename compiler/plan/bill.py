"""What ways to run a region are made of, and what that costs."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from adaptc.compiler.ir.expressions import tested
from adaptc.compiler.ir.host_types import environment
from adaptc.compiler.ir.program import Block, Program, TensorType, edges
from adaptc.compiler.plan.cost import Cost
from adaptc.compiler.plan.region import Region, exits
from adaptc.passes.branch_profile import BranchProfile
from adaptc.passes.inline import operators_in
from adaptc.passes.origins import Origins
from adaptc.runtime.hostprogram import Apply, Branch, Expr, Let, Read, Ref, Size, Switch


@dataclass(frozen=True)
class Bill:
    """What a way to run a region is made of, in a call of the network, on average.

    `runs` tells how often the code of each block runs. The rest is control: `calls` of units by the host, `values` that
    these take and give, `branches` and `iterations` within graphs, and `copies`, each with how often it is made and its
    bytes. `numbers` are operators on host numbers that a graph has kernels for.
    """

    runs: Mapping[str, float]
    calls: float
    values: float
    branches: float = 0.0
    iterations: float = 0.0
    copies: tuple[tuple[float, int], ...] = ()
    numbers: float = 0.0

    def kernels(self, program: Program, cost: Cost) -> float:
        """The µs of the code."""
        return sum(times * cost.of(program, program.blocks[name]) for name, times in self.runs.items())

    def control(self, cost: Cost) -> float:
        """The µs of all else."""
        copied = sum(times * cost.copy(size) for times, size in self.copies)
        inside = self.branches * cost.branch + self.iterations * cost.iteration + self.numbers * cost.number + copied
        return self.calls * cost.call + self.values * cost.value + inside


def blocks_bill(program: Program, region: Region, likely: BranchProfile) -> Bill:
    """The bill of a region whose blocks the host calls one by one."""
    runs = _runs(program, region, likely)
    values = sum(times * _values(program.blocks[name]) for name, times in runs.items())
    return Bill(runs, sum(runs.values()), values)


def graph_bill(program: Program, region: Region, likely: BranchProfile, headers: Collection[str]) -> Bill:
    """The bill of a region that is one graph, with a `Loop` for each of the `headers`."""
    entered = _entered(program, region, likely)
    branching = [name for name in region.blocks if isinstance(program.blocks[name].terminator, Branch | Switch)]
    origins = Origins(program)
    return Bill(
        runs=_runs(program, region, likely),
        calls=entered,
        values=entered * _crossing(program, region),
        branches=sum(map(likely.visits, branching)),
        iterations=sum(map(likely.visits, headers)),
        copies=tuple(copy for name in branching for copy in _copied(program, name, likely, origins)),
        numbers=sum(likely.visits(name) * _numbers(program.blocks[name]) for name in region.blocks),
    )


def _runs(program: Program, region: Region, likely: BranchProfile) -> dict[str, float]:
    names = (name for name in program.blocks if name in region.blocks)
    return {name: likely.visits(name) for name in names if program.blocks[name].code is not None}


def _entered(program: Program, region: Region, likely: BranchProfile) -> float:
    """How often control comes to the region from outside, in a call."""
    times = 1.0 if region.entry == program.entry else 0.0
    for block in program.blocks.values():
        if block.name not in region.blocks:
            for index, edge in enumerate(edges(block)):
                if edge.block == region.entry:
                    times += likely.visits(block.name) * likely.probability(block.name, index)
    return times


def _numbers(block: Block) -> int:
    """How many kernels on numbers a graph has for a block: reads, arithmetic, tests, and two for each size, which is
    taken out of a shape."""
    reads = sum(isinstance(step, Read) for step in block.steps)
    named = [step.expr for step in block.steps if isinstance(step, Let)]
    passed = [arg for edge in edges(block) for arg in edge.args]
    found = [*named, *passed, *tested(block.terminator)]
    return reads + sum(operators_in(expr) + 2 * _sizes_in(expr) for expr in found)


def _sizes_in(expr: Expr) -> int:
    if isinstance(expr, Apply):
        return sum(map(_sizes_in, expr.args))
    return isinstance(expr, Size)


def _values(block: Block) -> int:
    """How many arrays the unit of a block takes and gives."""
    return len(block.inputs) + len(block.outputs)


def _crossing(program: Program, region: Region) -> int:
    """How many arrays the unit of a region takes and gives: what each exit hands on shares outputs with the others,
    and where there are several, one tells which was taken."""
    handed = [len(program.blocks[name].params) for name in exits(program, region)]
    return len(program.blocks[region.entry].params) + max(handed, default=0) + (len(handed) > 1)


def _copied(program: Program, name: str, likely: BranchProfile, origins: Origins) -> list[tuple[float, int]]:
    """The copies that an arm without code makes of what it hands on: an `If` gives no value unchanged. What all arms
    have from outside needs no output."""
    block = program.blocks[name]
    types = environment(block)
    copies = []
    for index, edge in enumerate(edges(block)):
        if likely.graph.graph.in_degree(edge.block) > 1:
            params = program.blocks[edge.block].params
            merged = (origins.of(edge.block, param.name).block == edge.block for param in params)
            passed = (types[arg.name] for arg, is_one in zip(edge.args, merged) if is_one and isinstance(arg, Ref))
            times = likely.visits(name) * likely.probability(name, index)
            copies += [(times, _bytes(type_)) for type_ in passed if isinstance(type_, TensorType)]
    return copies


def _bytes(type_: TensorType) -> int:
    return type_.dtype.itemsize * math.prod(extent for extent in type_.shape if isinstance(extent, int))
