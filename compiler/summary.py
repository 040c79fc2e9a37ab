"""What a program consists of, as plain rows: for reports, for ``adaptc inspect`` and ``adaptc check``."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from adaptc.compiler.ir.dot import expression_text
from adaptc.compiler.ir.program import Block, Program
from adaptc.compiler.locations import Locations, source_line
from adaptc.runtime.hostprogram import Branch, Jump, Raise, Read, Return, Switch, Terminator


@dataclass(frozen=True)
class BlockSummary:
    """One block: the name of its code, the number of operators in it, its values, the bytes of its weights."""

    name: str
    loc: str
    code: str
    ops: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weight_bytes: int
    terminator: str


@dataclass(frozen=True)
class BranchSummary:
    """One place where the host decides: the line and its text, the test, the reads it rests on within its block."""

    block: str
    loc: str
    source: str
    test: str
    targets: tuple[str, ...]
    reads: tuple[str, ...]


def blocks(program: Program, locations: Locations) -> list[BlockSummary]:
    """A row for each block, in the program's order, with locations shortened."""
    return [
        BlockSummary(
            name=block.name,
            loc=locations.short(block.loc),
            code=block.code.name if block.code is not None else "",
            ops=operators(block),
            inputs=tuple(block.inputs),
            outputs=tuple(output.name for output in block.outputs),
            weight_bytes=sum(bytes_of(program.weights[name]) for name in set(block.weights)),
            terminator=terminator_text(block.terminator),
        )
        for block in program.blocks.values()
    ]


def branches(program: Program, locations: Locations) -> list[BranchSummary]:
    """A row for each branch and switch, in the program's order, with locations shortened."""
    rows = []
    for block in program.blocks.values():
        match block.terminator:
            case Branch(test=test, then=then, orelse=orelse, loc=loc):
                targets: tuple[str, ...] = (then.block, orelse.block)
            case Switch(index=test, edges=edges, default=default, loc=loc):
                targets = (*(edge.block for edge in edges), default.block)
            case _:
                continue
        reads = tuple(map(locations.short, _reads(block)))
        short, source = locations.short(loc), source_line(loc)
        rows.append(BranchSummary(block.name, short, source, expression_text(test), targets, reads))
    return rows


def operators(block: Block) -> int:
    """The number of operators in a block's code."""
    return sum(node.op == "call_function" for node in block.code.graph.graph.nodes) if block.code else 0


def bytes_of(tensor: Tensor) -> int:
    """The bytes of a tensor's elements."""
    return tensor.numel() * tensor.element_size()


def terminator_text(terminator: Terminator) -> str:
    """What ends a block: "if p > 0.5: b2 else b3", "go to b4", "return 2 values", "raise Exit"."""
    match terminator:
        case Jump(to=edge):
            return f"go to {edge.block}"
        case Branch(test=test, then=then, orelse=orelse):
            return f"if {expression_text(test)}: {then.block} else {orelse.block}"
        case Switch(index=index, keys=keys, edges=edges, default=default):
            cases = [f"{key}: {edge.block}" for key, edge in zip(keys, edges)]
            return f"switch {expression_text(index)}: {', '.join([*cases, f'else {default.block}'])}"
        case Return(outputs=outputs):
            return f"return {len(outputs)} value{'s' * (len(outputs) != 1)}"
        case Raise(exception=exception):
            return f"raise {exception}"


def _reads(block: Block) -> tuple[str, ...]:
    """Where the data that the block's own steps read comes from: "name at file:line"."""
    return tuple(f"{step.name} at {step.loc}" for step in block.steps if isinstance(step, Read) and step.loc)
