"""Leads edges straight to where a test that is known on them would lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adaptc.compiler.ir.expressions import map_edges, substitute
from adaptc.compiler.ir.program import Block, Program, Type, edges
from adaptc.passes.duplicates import duplicate
from adaptc.passes.facts import Facts, Knowledge
from adaptc.passes.flowgraph import FlowGraph, is_reducible
from adaptc.passes.folding import constant_value
from adaptc.passes.inline import through, values_after
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.purity import only_names
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.passes.sizes import operators
from adaptc.runtime.hostprogram import Branch, Edge, Jump, Ref, Switch, Terminator, names_in


@register
@dataclass(frozen=True)
class ThreadJumps(ProgramPass):
    """Lead an edge past a test that is known on it: from the values that it passes, or from tests before it.

    A block with code or reads is duplicated for that, if it lies on no loop and its code has at most `max_nodes`
    operators; the reads of the copy have names of their own and stand for the same lines of the network. Edges that
    would give a loop a second entry stay. At most `max_edges` are led on, as a loop that ends by constants makes many.

    before:  goto test(x, 0)     test(v, n): if n > 2: goto big(v) else: goto small(v)
    after:   goto small(x)
    """

    name = "thread-jumps"
    max_nodes: int = 16
    max_edges: int = 256

    def run(self, program: Program, rw: Rewriter) -> None:
        """Decide what is known on every way to a test, then thread edge by edge until no edge is left that can be."""
        threading = _Threading(program, rw, self.max_nodes)
        for _ in range(self.max_edges):
            if not threading.step():
                break


class _Threading:
    """`copies`: those made so far, by the block and the number of the edge that the copy takes."""

    def __init__(self, program: Program, rw: Rewriter, max_nodes: int) -> None:
        self.program = program
        self.rw = rw
        self.max_nodes = max_nodes
        self.copies: dict[tuple[str, int], str] = {}

    def step(self) -> bool:
        """Change one thing; gives whether anything could be."""
        knowledge = Knowledge(self.program)
        for block in self.program.blocks.values():
            own = Edge(block.name, tuple(Ref(param.name) for param in block.params))
            outcome = _outcome(block, own, knowledge.at[block.name], knowledge.types[block.name])
            if outcome is not None:
                self.rw.set_terminator(block.name, Jump(edges(block)[outcome]))
                self.rw.remove_unreachable()
                return True
        looping = FlowGraph(self.program).looping
        for block in list(self.program.blocks.values()):
            for index, edge in enumerate(edges(block)):
                test = self.program.blocks[edge.block]
                facts = knowledge.along(block, index) if isinstance(test.terminator, (Branch, Switch)) else Facts()
                outcome = _outcome(test, edge, facts, knowledge.types[block.name])
                if outcome is not None and self._thread(block, index, test, outcome, knowledge, test.name in looping):
                    self.rw.remove_unreachable()
                    return True
        return False

    def _thread(self, block: Block, index: int, test: Block, outcome: int, knowledge: Knowledge, looping: bool) -> bool:
        """Lead edge `index` of `block` to where `test` goes on it, unless that costs too much."""
        edge, onward = edges(block)[index], edges(test)[outcome]
        if only_names(test, knowledge.types[test.name]):
            direct = through(test, edge, onward)
            if looping and (onward.block == test.name or not self._is_allowed(block, index, direct)):
                return False
            self.rw.set_terminator(block.name, _with_edge(block.terminator, index, direct))
            return True
        if looping or operators(test) > self.max_nodes:
            return False
        name = self.copies.get((test.name, outcome))
        if name not in self.program.blocks:
            copy = duplicate(self.program, test, self.rw)
            copy.terminator = Jump(edges(copy)[outcome])
            self.rw.add_block(copy)
            name = self.copies[test.name, outcome] = copy.name
        self.rw.set_terminator(block.name, _with_edge(block.terminator, index, Edge(name, edge.args)))
        return True

    def _is_allowed(self, block: Block, index: int, direct: Edge) -> bool:
        """Whether every loop still has one entry with edge `index` of `block` led elsewhere."""
        before = block.terminator
        block.terminator = _with_edge(before, index, direct)
        allowed = is_reducible(self.program)
        block.terminator = before
        return allowed


def _with_edge(terminator: Terminator, index: int, edge: Edge) -> Terminator:
    """`terminator` with another edge in place of number `index`."""
    places = iter(range(index + 1))
    return map_edges(terminator, lambda old: edge if next(places, None) == index else old)


def _outcome(block: Block, edge: Edge, facts: Facts, types: Mapping[str, Type]) -> int | None:
    """The number of the edge that `block` takes where `edge` led to it, from `facts` about what that passes and its
    types; None where it is not known."""
    match block.terminator:
        case Branch(test=test) | Switch(index=test):
            values = values_after(block, edge)
            if not values.keys() >= set(names_in(test)):
                return None
            value = constant_value(facts.simplified(substitute(test, values), types))
        case _:
            return None
    if value is None:
        return None
    if isinstance(block.terminator, Branch):
        return 0 if value else 1
    return block.terminator.keys.index(int(value)) if value in block.terminator.keys else len(block.terminator.keys)
