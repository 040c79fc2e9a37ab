"""Python identifiers for the values of a host program, whose names may be any strings."""

from __future__ import annotations

import keyword
import re
from collections.abc import Container, Iterable

from adaptc.runtime.flowgraph import FlowGraph
from adaptc.runtime.hostprogram import HostProgram, Ref, successors
from adaptc.runtime.uses import defined_by, last_uses

LONGEST = 40
"""Longer names are cut, so that lines stay readable."""

BUILTINS = frozenset(("abs", "bool", "float", "int", "max", "min", "round", "dict", "str", "zip"))
"""The builtins that the source uses."""


def identifier(name: str, taken: Container[str]) -> str:
    """An ASCII identifier close to `name` that is neither in `taken` nor a keyword nor a builtin in use."""
    stem = re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_")[:LONGEST].rstrip("_")
    if not stem or stem[0].isdigit():
        stem = f"v{stem}"
    candidate, number = stem, 1
    while candidate in taken or keyword.iskeyword(candidate) or candidate in BUILTINS:
        number += 1
        candidate = f"{stem}_{number}"
    return candidate


def name_values(program: HostProgram, graph: FlowGraph, reserved: frozenset[str]) -> dict[int, dict[str, str]]:
    """For each reachable block, the identifiers of its parameters and of its steps' results.

    A block reads only its own values, so that identifiers need be distinct among the values that a block still
    needs. A parameter takes the identifier of the value that comes along the first edge, and a result the
    identifier of the parameter that it is passed to: most moves along edges vanish, and a dead value is soon
    overwritten.
    """
    index = {block.name: i for i, block in enumerate(program.blocks)}
    names: dict[int, dict[str, str]] = {graph.entry: {}}
    _name_freshly(names[graph.entry], program.blocks[graph.entry].params, reserved)
    for number in graph.order:
        block = program.blocks[number]
        own = names[number]
        edges = [(edge, index[edge.block]) for edge in successors(block.terminator)]
        wanted: dict[str, str] = {}
        for edge, target in edges:
            for param, arg in zip(program.blocks[target].params, edge.args):
                if isinstance(arg, Ref) and target in names:
                    wanted.setdefault(arg.name, names[target][param])
        last = last_uses(block)
        for place, step in enumerate(block.steps):
            needed = {own[name] for name in own if last.get(name, -1) > place}
            for name in defined_by(step):
                if wanted.get(name, "") and wanted[name] not in needed:
                    own[name] = wanted[name]
                else:
                    _name_freshly(own, (name,), reserved)
                needed.add(own[name])
        for edge, target in edges:
            if target not in names:
                names[target] = {}
                for param, arg in zip(program.blocks[target].params, edge.args):
                    if isinstance(arg, Ref) and own[arg.name] not in names[target].values():
                        names[target][param] = own[arg.name]
                _name_freshly(names[target], program.blocks[target].params, reserved)
    return names


def _name_freshly(own: dict[str, str], values: Iterable[str], reserved: frozenset[str]) -> None:
    """Give each of `values` that has none yet an identifier of its own."""
    for name in values:
        if name not in own:
            own[name] = identifier(name, {*reserved, *own.values()})
