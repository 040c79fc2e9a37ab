"""The largest regions of a program that graphs can hold."""

from __future__ import annotations

from collections.abc import Mapping

from adaptc.compiler.ir.program import Program
from adaptc.compiler.plan.exactness import host_reasons, is_end
from adaptc.compiler.plan.region import Region
from adaptc.runtime.flowgraph import FlowGraph
from adaptc.runtime.hostprogram import HostBlock, HostProgram


def largest_regions(program: Program, hosted: Mapping[str, str] | None = None) -> list[Region]:
    """Regions that together hold every block but the ends and those that only the host can do, in order.

    Returns and raises must stand in blocks of their own (`region.with_ends`). `hosted` are the blocks for the host,
    with the reasons; by default those of `exactness.host_reasons`.
    """
    outside = set(host_reasons(program) if hosted is None else hosted)
    outside |= {block.name for block in program.blocks.values() if is_end(block)}
    names = list(program.blocks)
    flow = FlowGraph(
        HostProgram(program.entry, tuple(HostBlock(b.name, (), (), b.terminator) for b in program.blocks.values()))
    )
    entry_of: dict[int, int] = {}
    for block in flow.order:
        if names[block] in outside:
            continue
        forward = [other for other in flow.predecessors[block] if not flow.is_back_edge(other, block)]
        above = {entry_of.get(other) for other in forward}
        found = above.pop() if len(above) == 1 else None
        if found is None or (block in flow.headers and not _is_whole(flow, block, names, outside)):
            found = block
        entry_of[block] = found
    members: dict[int, list[str]] = {}
    for block, entry in entry_of.items():
        members.setdefault(entry, []).append(names[block])
    return [Region(names[entry], frozenset(blocks)) for entry, blocks in members.items()]


def _is_whole(flow: FlowGraph, header: int, names: list[str], outside: set[str]) -> bool:
    """Whether a graph can hold every block of the loop."""
    return not any(names[block] in outside for block in flow.order if flow.holds(header, block))
