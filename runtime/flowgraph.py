"""The control-flow graph of a host program: orders, dominators and loops.

Blocks are indices into ``program.blocks``. Dominators by Cooper, Harvey and Kennedy, "A Simple, Fast Dominance
Algorithm" (2001); loops are the natural loops of the back edges.
"""

from __future__ import annotations

from adaptc.runtime.errors import ArtifactError
from adaptc.runtime.hostprogram import HostProgram, successors


class FlowGraph:
    """Orders, dominators and loops of the blocks that the entry reaches.

    `order`: reachable blocks in reverse postorder; `number`: a block's place in it. `edges`: successor blocks, one
    per edge; `idom`: immediate dominators (the entry's is itself); `headers`: loop headers; `loop`: the header of
    the innermost loop that holds a block (a header lies in its own loop); `outer`: the header of the loop around
    a header's loop.

    Raises `ArtifactError` where a loop has a second entry (the graph is irreducible).
    """

    def __init__(self, program: HostProgram) -> None:
        index = {block.name: i for i, block in enumerate(program.blocks)}
        self.entry = index[program.entry]
        self.edges = [tuple(index[e.block] for e in successors(b.terminator)) for b in program.blocks]
        self.order = self._reverse_postorder()
        self.number = {block: place for place, block in enumerate(self.order)}
        self.predecessors: dict[int, list[int]] = {block: [] for block in self.order}
        for block in self.order:
            for target in self.edges[block]:
                self.predecessors[target].append(block)
        self.idom = self._dominators()
        self.loop: dict[int, int | None] = dict.fromkeys(self.order)
        self.outer: dict[int, int | None] = {}
        self.headers = self._find_loops(program)

    def is_back_edge(self, source: int, target: int) -> bool:
        """Whether the edge leads back to a header of a loop that holds `source`."""
        return self.number[source] >= self.number[target]

    def holds(self, header: int, block: int) -> bool:
        """Whether the loop of `header` holds `block`."""
        loop = self.loop[block]
        while loop is not None and loop != header:
            loop = self.outer[loop]
        return loop == header

    def dominates(self, above: int, below: int) -> bool:
        """Whether every way from the entry to `below` leads over `above`."""
        while self.number[below] > self.number[above]:
            below = self.idom[below]
        return below == above

    def _reverse_postorder(self) -> list[int]:
        """Depth-first, later edges first, so that the reversed order takes the first edge first."""
        seen = {self.entry}
        postorder: list[int] = []
        stack = [(self.entry, iter(reversed(self.edges[self.entry])))]
        while stack:
            block, rest = stack[-1]
            target = next(rest, None)
            if target is None:
                stack.pop()
                postorder.append(block)
            elif target not in seen:
                seen.add(target)
                stack.append((target, iter(reversed(self.edges[target]))))
        return postorder[::-1]

    def _dominators(self) -> dict[int, int]:
        idom = {self.entry: self.entry}
        changed = True
        while changed:
            changed = False
            for block in self.order[1:]:
                known = [p for p in self.predecessors[block] if p in idom]
                common = known[0]
                for other in known[1:]:
                    while common != other:
                        if self.number[common] > self.number[other]:
                            common = idom[common]
                        else:
                            other = idom[other]
                if idom.get(block) != common:
                    idom[block] = common
                    changed = True
        return idom

    def _find_loops(self, program: HostProgram) -> frozenset[int]:
        """Inner loops first: headers from the end of the order to its start."""
        headers = set()
        for header in reversed(self.order):
            latches = [p for p in self.predecessors[header] if self.is_back_edge(p, header)]
            if not latches:
                continue
            for latch in latches:
                if not self.dominates(header, latch):
                    name = program.blocks[header].name
                    raise ArtifactError(
                        f"host.json cannot be structured: the loop through block {name!r} is entered at more than "
                        f"one block, which structured code cannot express; compile the network again"
                    )
            headers.add(header)
            self.outer[header] = None
            self._claim(header, latches)
        return frozenset(headers)

    def _claim(self, header: int, latches: list[int]) -> None:
        """Walk from the latches back to the header; loops found earlier on the way become inner loops."""
        self.loop[header] = header
        waiting = list(latches)
        while waiting:
            block = waiting.pop()
            if block == header:
                continue
            inner = self.loop[block]
            if inner is None:
                self.loop[block] = header
                waiting.extend(self.predecessors[block])
                continue
            while (outer := self.outer[inner]) is not None and inner != header:
                inner = outer
            if inner != header:
                self.outer[inner] = header
                waiting.extend(p for p in self.predecessors[inner] if not self.is_back_edge(p, inner))
