"""The host program of a compiled network: each block calls its unit, takes its steps and branches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from adaptc.compiler.ir.expressions import map_step
from adaptc.compiler.ir.host_types import value_spec
from adaptc.compiler.ir.program import Block, Program
from adaptc.runtime.hostprogram import (
    Apply,
    Branch,
    Call,
    Edge,
    Expr,
    HostBlock,
    HostProgram,
    Jump,
    Read,
    Ref,
    Return,
    Size,
    Step,
    Switch,
    Terminator,
)


def host_program(program: Program, block_units: Mapping[str, str]) -> HostProgram:
    """The host program, with those of later calls in a session; `block_units` names the units of blocks with code."""
    builder = HostBuilder(program, block_units)
    entry = program.blocks[program.entry]
    rest = (block for block in program.blocks.values() if block is not entry)
    blocks = [builder.block(block) for block in (entry, *rest)]
    return builder.program(blocks, [host_program(later, block_units) for later in program.later])


class HostBuilder:
    """Makes the blocks of a host program.

    Names are local to a block in a `Program` and global in a `HostProgram`: one used again gets a number.
    Reads are named first: verification forces them by name, so they should keep theirs.
    """

    def __init__(self, program: Program, block_units: Mapping[str, str]) -> None:
        self._program = program
        self._block_units = block_units
        self._taken: set[str] = set()
        self._reads: dict[tuple[str, str], str] = {}
        for block in program.blocks.values():
            for step in block.steps:
                if isinstance(step, Read):
                    self._reads[block.name, step.name] = self.unique(step.name)

    def unique(self, name: str) -> str:
        """`name`, with a number where it was given away before."""
        unique, count = name, 2
        while unique in self._taken:
            unique, count = f"{name}_{count}", count + 1
        self._taken.add(unique)
        return unique

    def program(self, blocks: Sequence[HostBlock], later: Sequence[HostProgram]) -> HostProgram:
        """The host program of these blocks, of which the entry is the first."""
        program = self._program
        return HostProgram(
            program.entry,
            tuple(blocks),
            tuple(value_spec(param.type) for param in program.state),
            program.changes,
            tuple(later),
            program.fixed,
            program.no_session,
            program.seed,
        )

    def block(self, block: Block) -> HostBlock:
        """A block that calls its unit, takes its steps and branches."""
        names: dict[str, str] = {}
        for name in _assigned(block):
            names[name] = self._reads.get((block.name, name)) or self.unique(name)
        steps: list[Step] = []
        if block.code is not None:
            inputs = tuple(Ref(names[name]) for name in block.inputs)
            outputs = tuple(names[output.name] for output in block.outputs)
            steps.append(Call(self._block_units[block.name], inputs, outputs))
        for step in block.steps:
            if isinstance(step, Read):
                steps.append(msgspec.structs.replace(step, name=names[step.name], tensor=names[step.tensor]))
            else:
                renamed = map_step(step, lambda expr: _renamed(expr, names))
                steps.append(msgspec.structs.replace(renamed, name=names[step.name]))
        params = tuple(names[param.name] for param in block.params)
        return HostBlock(block.name, params, tuple(steps), _terminator(block.terminator, names))


def _assigned(block: Block) -> Iterable[str]:
    yield from (param.name for param in block.params)
    yield from (output.name for output in block.outputs)
    yield from (step.name for step in block.steps)


def _renamed(expr: Expr, names: Mapping[str, str]) -> Expr:
    match expr:
        case Ref(name=name):
            return Ref(names[name])
        case Size(name=name, dim=dim):
            return Size(names[name], dim)
        case Apply(function=function, args=args):
            return Apply(function, tuple(_renamed(arg, names) for arg in args))
        case _:
            return expr


def _edge(edge: Edge, names: Mapping[str, str]) -> Edge:
    return Edge(edge.block, tuple(_renamed(arg, names) for arg in edge.args))


def _terminator(terminator: Terminator, names: Mapping[str, str]) -> Terminator:
    match terminator:
        case Jump(to=to):
            return Jump(_edge(to, names))
        case Branch(test=test, then=then, orelse=orelse, loc=loc):
            return Branch(_renamed(test, names), _edge(then, names), _edge(orelse, names), loc)
        case Switch(index=index, edges=edges, default=default):
            return msgspec.structs.replace(
                terminator,
                index=_renamed(index, names),
                edges=tuple(_edge(edge, names) for edge in edges),
                default=_edge(default, names),
            )
        case Return(outputs=outputs):
            return msgspec.structs.replace(terminator, outputs=tuple(_renamed(output, names) for output in outputs))
        case _:
            return terminator
