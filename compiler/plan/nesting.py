"""Where each block of a region stands in structured code: in an arm, behind a branch, in or behind a loop.

After Ramsey, "Beyond Relooper: Recursive Translation of Unstructured Control Flow to Structured Control Flow"
(ICFP 2022): by the dominator tree.
"""

from __future__ import annotations

from adaptc.compiler.ir.program import Program
from adaptc.compiler.plan.region import Region, exits
from adaptc.runtime.flowgraph import FlowGraph
from adaptc.runtime.hostprogram import HostBlock, HostProgram, Raise, Switch


class Nesting:
    """`headers`: the blocks of the region at which a loop begins. `inline`: blocks that stand at the only edge to
    them. `merges`: by block, those that stand behind its own code and arms, in order; `behind`: by header, those that
    stand behind its loop.

    Raises `ArtifactError` where a loop of the region has a second entry.
    """

    def __init__(self, program: Program, region: Region) -> None:
        inner = [name for name in program.blocks if name in region.blocks]
        self._index = {name: number for number, name in enumerate(inner)}
        ends = [HostBlock(name, (), (), Raise("", "")) for name in exits(program, region)]
        blocks = [HostBlock(name, (), (), program.blocks[name].terminator) for name in inner]
        self._flow = flow = FlowGraph(HostProgram(region.entry, (*blocks, *ends)))
        self.headers = frozenset(inner[number] for number in flow.headers)
        self.inline: set[str] = set()
        self.merges: dict[str, list[str]] = {name: [] for name in inner}
        self.behind: dict[str, list[str]] = {name: [] for name in self.headers}
        several = {edge for name in inner for edge in _several(program, name)}
        for number in flow.order[1:]:
            if number >= len(inner):
                continue
            name = inner[number]
            above = flow.idom[number]
            header = self._left_loop(above, number)
            forward = [other for other in flow.predecessors[number] if not flow.is_back_edge(other, number)]
            if header is not None:
                self.behind[inner[header]].append(name)
            elif len(forward) == 1 and name not in several:
                self.inline.add(name)
            else:
                self.merges[inner[above]].append(name)

    def rank(self, name: str) -> int:
        """The place of a block in an order in which control goes forward but for loops."""
        return self._flow.number[self._index[name]]

    def dominates(self, above: str, below: str) -> bool:
        """Whether every way from the region's entry to `below` leads over `above`."""
        return self._flow.dominates(self._index[above], self._index[below])

    def _left_loop(self, above: int, block: int) -> int | None:
        """The header of the outermost loop that holds `above` and not `block`."""
        found = None
        loop = self._flow.loop[above]
        while loop is not None and not self._flow.holds(loop, block):
            found, loop = loop, self._flow.outer[loop]
        return found


def _several(program: Program, name: str) -> list[str]:
    """The blocks to which an edge of `name` leads that stands for more than one case."""
    terminator = program.blocks[name].terminator
    return [terminator.default.block] if isinstance(terminator, Switch) and len(terminator.keys) > 1 else []
