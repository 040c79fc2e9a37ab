"""How each part of a program runs: decisions with their reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from adaptc.compiler.ir.program import Program
from adaptc.compiler.plan.descent import Measured
from adaptc.compiler.plan.region import Region
from adaptc.runtime.hostprogram import Branch, Switch

Choice = Literal["graph", "blocks"]
"""How a region runs: as one graph with `If` and `Loop`, or block by block, with the host between them."""


@dataclass(frozen=True)
class Decision:
    """What was decided about a region, and why. `graph` and `blocks` are the µs that the region is expected to take in
    a call for both ways, None where there is no choice; `measured` is what calls took, where that was measured."""

    region: Region
    choice: Choice
    reason: str
    graph: float | None = None
    blocks: float | None = None
    measured: Measured | None = None


@dataclass(frozen=True)
class Measurement:
    """On what a plan was measured: so many `inputs` along so many `paths`, weighed by the "profile" or each alike
    ("inputs"), in how many `turns` of how many `ways` to run the program, and the `seconds` of all that. `left_out` has
    the reasons why inputs were left out, with their number."""

    inputs: int
    paths: int
    weighed_by: Literal["profile", "inputs"]
    ways: int
    turns: int
    seconds: float
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """The decisions about the regions of a program, and the blocks that only the host can do, with the reasons.
    `measurement` is None where nothing was measured."""

    decisions: Sequence[Decision]
    hosted: Mapping[str, str]
    measurement: Measurement | None = None

    @property
    def regions(self) -> list[Region]:
        """The regions that become graphs."""
        return [decision.region for decision in self.decisions if decision.choice == "graph"]


def record(plan: Plan, program: Program, blocked: Mapping[str, int]) -> dict[str, Any]:
    """The plan of `program` as JSON values, with the lines at which regions begin and decide; `blocked` has, by a
    region's entry, in blocks of how many channels its graph keeps images on machines like this one.

    "graph_us" and "blocks_us" of a region are what decided: where it was "measured" what calls of the whole program
    took, and "expected_us" is what the region was expected to take; else they are that.
    """
    measurement = {} if plan.measurement is None else {"measurement": asdict(plan.measurement)}
    return {
        "regions": [
            {
                "entry": decision.region.entry,
                "loc": program.blocks[decision.region.entry].loc,
                "blocks": [name for name in program.blocks if name in decision.region.blocks],
                "decides": _decides(program, decision.region),
                "choice": decision.choice,
                "reason": decision.reason,
                "channels_in_a_block": blocked.get(decision.region.entry),
                **_costs(decision),
            }
            for decision in plan.decisions
        ],
        "host": [
            {"block": name, "loc": program.blocks[name].loc, "reason": reason} for name, reason in plan.hosted.items()
        ],
        **measurement,
    }


def _costs(decision: Decision) -> dict[str, Any]:
    measured = decision.measured
    shown = measured or decision
    costs: dict[str, Any] = {"measured": measured is not None, "graph_us": shown.graph, "blocks_us": shown.blocks}
    if measured is not None:
        costs |= {"noise_us": measured.noise, "expected_us": {"graph": decision.graph, "blocks": decision.blocks}}
    return costs


def _decides(program: Program, region: Region) -> dict[str, int]:
    """The lines at which a region decides, each with the number of its places."""
    ends = (block.terminator for name, block in program.blocks.items() if name in region.blocks)
    return dict(Counter(end.loc for end in ends if isinstance(end, Branch | Switch)))
