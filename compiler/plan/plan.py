"""How each part of a program runs: decisions with their reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from adaptc.compiler.ir.program import Program
from adaptc.compiler.plan.region import Region
from adaptc.runtime.hostprogram import Branch, Switch

Choice = Literal["graph", "blocks"]
"""How a region runs: as one graph with `If` and `Loop`, or block by block, with the host between them."""


@dataclass(frozen=True)
class Decision:
    """What was decided about a region, and why. `graph` and `blocks` are the expected µs of a call for both ways,
    None where there is no choice."""

    region: Region
    choice: Choice
    reason: str
    graph: float | None = None
    blocks: float | None = None


@dataclass(frozen=True)
class Plan:
    """The decisions about the regions of a program, and the blocks that only the host can do, with the reasons."""

    decisions: Sequence[Decision]
    hosted: Mapping[str, str]

    @property
    def regions(self) -> list[Region]:
        """The regions that become graphs."""
        return [decision.region for decision in self.decisions if decision.choice == "graph"]


def record(plan: Plan, program: Program) -> dict[str, Any]:
    """The plan of `program` as JSON values, with the lines at which regions begin and decide."""
    return {
        "regions": [
            {
                "entry": decision.region.entry,
                "loc": program.blocks[decision.region.entry].loc,
                "blocks": [name for name in program.blocks if name in decision.region.blocks],
                "decides": _decides(program, decision.region),
                "choice": decision.choice,
                "reason": decision.reason,
                "graph_us": decision.graph,
                "blocks_us": decision.blocks,
            }
            for decision in plan.decisions
        ],
        "host": [
            {"block": name, "loc": program.blocks[name].loc, "reason": reason} for name, reason in plan.hosted.items()
        ],
    }


def _decides(program: Program, region: Region) -> dict[str, int]:
    """The lines at which a region decides, each with the number of its places."""
    ends = (block.terminator for name, block in program.blocks.items() if name in region.blocks)
    return dict(Counter(end.loc for end in ends if isinstance(end, Branch | Switch)))
