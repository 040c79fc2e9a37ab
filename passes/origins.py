"""Where the values of block parameters come from, and how a value is passed on to blocks further down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adaptc.compiler.ir.expressions import map_edges
from adaptc.compiler.ir.program import Block, Param, Program, Type, edges
from adaptc.passes.flowgraph import FlowGraph
from adaptc.passes.rewriter import Rewriter, unique
from adaptc.runtime.hostprogram import Edge, Ref


@dataclass(frozen=True)
class Origin:
    """A value: the name that the block which makes it has for it."""

    block: str
    name: str


class Origins:
    """For each parameter the value that it always is: another block's, or its own where different ones arrive."""

    def __init__(self, program: Program) -> None:
        self._params: dict[Origin, Origin | None] = {
            Origin(block.name, param.name): None for block in program.blocks.values() for param in block.params
        }
        entry = program.blocks[program.entry]
        self._params |= {place: place for param in entry.params for place in [Origin(entry.name, param.name)]}
        changed = True
        while changed:
            changed = False
            for block in program.blocks.values():
                for edge in edges(block):
                    changed = self._pass(program, block, edge) or changed

    def of(self, block: str, name: str) -> Origin:
        """The origin of the value that `block` calls `name`."""
        place = Origin(block, name)
        return self._params.get(place) or place

    def _pass(self, program: Program, block: Block, edge: Edge) -> bool:
        changed = False
        for param, arg in zip(program.blocks[edge.block].params, edge.args, strict=True):
            place = Origin(edge.block, param.name)
            known = self._params[place]
            if known == place:
                continue
            source = Origin(block.name, arg.name) if isinstance(arg, Ref) else None
            arriving = place if source is None else self._params.get(source, source)
            new = arriving if known is None else known if arriving in (None, known) else place
            if new != known:
                self._params[place] = new
                changed = True
        return changed


def carry(program: Program, origin: Origin, type_: Type, target: str, rw: Rewriter, *, is_new: bool = False) -> str:
    """The name in block `target` of a value that a block which dominates it makes, passed along all ways if need be.

    `is_new` tells that no other block has the value yet, which need not be looked for then.
    """
    if origin.block == target:
        return origin.name
    names = {} if is_new else _carried(program, origin)
    if target in names:
        return names[target]
    new = {name for name in FlowGraph(program).between(origin.block, [target]) if name not in names}
    for name in new:
        block = rw.copy_block(name)
        taken = {param.name for param in block.params} | {output.name for output in block.outputs}
        taken |= {step.name for step in block.steps}
        names[name] = unique(origin.name, taken) if origin.name in taken else origin.name
        block.params.append(Param(names[name], type_))
        rw.replace_block(block)
    names[origin.block] = origin.name
    for name in list(program.blocks):
        if name in names:
            _pass_along(program, name, names, new, rw)
    return names[target]


def _carried(program: Program, origin: Origin) -> dict[str, str]:
    """The blocks that have the value among their parameters, with its name there."""
    origins = Origins(program)
    return {
        block.name: param.name
        for block in program.blocks.values()
        for param in block.params
        if origins.of(block.name, param.name) == origin
    }


def _pass_along(program: Program, block: str, names: Mapping[str, str], new: set[str], rw: Rewriter) -> None:
    def longer(edge: Edge) -> Edge:
        return Edge(edge.block, (*edge.args, Ref(names[block]))) if edge.block in new else edge

    rw.set_terminator(block, map_edges(program.blocks[block].terminator, longer))
