"""The host program of a planned network: a region's graph is one call, and the way it leaves chooses where to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adaptc.compiler.host import HostBuilder
from adaptc.compiler.ir.program import Program, ScalarType
from adaptc.compiler.plan.region import Leaving, Region, exits
from adaptc.runtime.hostprogram import (
    Call,
    Const,
    Edge,
    Expr,
    HostBlock,
    HostProgram,
    Jump,
    Read,
    Ref,
    Step,
    Switch,
    Terminator,
)
from adaptc.runtime.manifest import Unit


@dataclass(frozen=True)
class RegionUnit:
    """A region and the unit that computes it. `exits` has, by the blocks to which it leads, the values for their
    parameters. With several, the unit's first output is the place of the one taken among `region.exits`."""

    region: Region
    unit: Unit
    exits: Mapping[str, Sequence[Leaving]]


def planned_host(
    program: Program,
    block_units: Mapping[str, str],
    regions: Sequence[RegionUnit],
    later: Sequence[HostProgram] = (),
) -> HostProgram:
    """The host program of `program`, whose returns and raises stand in blocks of their own, in which each of `regions`
    is one call. `later` are those of the calls that follow in a session."""
    builder = HostBuilder(program, block_units)
    inside = {name for unit in regions for name in unit.region.blocks}
    by_entry = {unit.region.entry: unit for unit in regions}
    entry = program.blocks[program.entry]
    blocks: list[HostBlock] = []
    for block in (entry, *(block for block in program.blocks.values() if block is not entry)):
        if block.name in by_entry:
            blocks += _region_blocks(program, by_entry[block.name], builder)
        elif block.name not in inside:
            blocks.append(builder.block(block))
    return builder.program(blocks, later)


def _region_blocks(program: Program, unit: RegionUnit, builder: HostBuilder) -> list[HostBlock]:
    """The block that calls the unit, and behind it one for each exit that takes host scalars out of arrays."""
    entry = program.blocks[unit.region.entry]
    names = {param.name: builder.unique(param.name) for param in entry.params}
    outputs = [builder.unique(f"{unit.unit.name}_{spec.name}") for spec in unit.unit.outputs]
    inputs = tuple(Ref(names[spec.name]) for spec in unit.unit.inputs)
    steps: list[Step] = [Call(unit.unit.name, inputs, tuple(outputs))]
    places = {target: place for place, target in enumerate(exits(program, unit.region))}
    ways: list[tuple[int, Edge]] = []
    behind: list[HostBlock] = []
    for target, leaving in unit.exits.items():
        edge, block = _exit(program, f"{entry.name}.to.{target}", target, leaving, names, outputs, builder)
        ways.append((places[target], edge))
        behind += [] if block is None else [block]
    terminator: Terminator = Jump(ways[0][1])
    if len(ways) > 1:
        way = builder.unique(f"{unit.unit.name}_way")
        steps.append(Read(way, outputs[0], "int"))
        *cases, (_, default) = ways
        keys, edges = zip(*cases)
        terminator = Switch(Ref(way), keys, edges, default, entry.loc)
    params = tuple(names[param.name] for param in entry.params)
    return [HostBlock(entry.name, params, tuple(steps), terminator), *behind]


def _exit(
    program: Program,
    name: str,
    target: str,
    leaving: Sequence[Leaving],
    names: Mapping[str, str],
    outputs: Sequence[str],
    builder: HostBuilder,
) -> tuple[Edge, HostBlock | None]:
    """The edge to `target`, or to a block before it where host scalars are to be taken out of arrays."""
    declared = program.blocks[target].params
    given = [_given(value, names, outputs) for value in leaving]
    if not any(isinstance(value, int) and isinstance(p.type, ScalarType) for value, p in zip(leaving, declared)):
        return Edge(target, tuple(given)), None
    steps: list[Step] = []
    arguments: list[tuple[str, Expr]] = []
    passed: list[Expr] = []
    for value, expr, param in zip(leaving, given, declared, strict=True):
        if isinstance(value, Const):
            passed.append(value)
            continue
        own = builder.unique(param.name)
        arguments.append((own, expr))
        if isinstance(value, int) and isinstance(param.type, ScalarType):
            read = Read(builder.unique(param.name), own, param.type.kind)
            steps.append(read)
            own = read.name
        passed.append(Ref(own))
    params = tuple(own for own, _ in arguments)
    block = HostBlock(name, params, tuple(steps), Jump(Edge(target, tuple(passed))))
    return Edge(name, tuple(expr for _, expr in arguments)), block


def _given(value: Leaving, names: Mapping[str, str], outputs: Sequence[str]) -> Expr:
    match value:
        case int():
            return Ref(outputs[value])
        case str():
            return Ref(names[value])
        case _:
            return value
