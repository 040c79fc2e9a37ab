"""What calls of a session pass on: only what a later call depends on."""

from __future__ import annotations

import msgspec

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.program import Code, Program, programs
from adaptc.passes.manager import PassManager
from adaptc.passes.program.remove_dead_values import RemoveDeadValues, live_parameters
from adaptc.runtime.hostprogram import Return


def prune_state(program: Program) -> None:
    """Drop the state that nothing but state depends on, and a session's programs where none is left.

    before:  forward(x) -> (y, n + 1)    next(x, n) -> (y, n + 1)
    after:   forward(x) -> (y,)
    """
    sizes = [len(later.state) for later in program.later]
    live: list[set[int]] = [set() for _ in program.later]
    changed = True
    while changed:
        changed = False
        for number, later in enumerate(program.later):
            trimmed = _trimmed(copy_program(later), sizes, live)
            read = live_parameters(trimmed, later.entry)
            found = {place for place, param in enumerate(later.state) if param.name in read}
            changed = changed or found != live[number]
            live[number] |= found
    if all(len(kept) == len(later.state) for kept, later in zip(live, program.later)) and any(live):
        return
    for part in programs(program):
        _trimmed(part, sizes, live)
    if not any(live):
        program.later = ()
    for part in programs(program):
        PassManager([RemoveDeadValues()]).run(part)
    for number, later in enumerate(program.later):
        entry = later.blocks[later.entry]
        dropped = {param.name for place, param in enumerate(later.state) if place not in live[number]}
        entry.params = [param for param in entry.params if param.name not in dropped]
        later.state = tuple(param for param in later.state if param.name not in dropped)


def share_codes(program: Program) -> None:
    """Let equal code of all programs of a session be one `Code`, so that it becomes one unit."""
    known: dict[object, Code] = {}
    for part in programs(program):
        for block in part.blocks.values():
            if block.code is not None:
                code = block.code
                block.code = known.setdefault((str(code.graph.graph), code.inputs, code.weights, code.outputs), code)


def _trimmed(program: Program, sizes: list[int], live: list[set[int]]) -> Program:
    """`program`, whose returns pass on only the state of which `live` has the places, by number of the next program."""
    for block in program.blocks.values():
        end = block.terminator
        if isinstance(end, Return) and end.next is not None:
            count = len(end.outputs) - sizes[end.next]
            kept = [*range(count), *(count + place for place in sorted(live[end.next]))]
            block.terminator = msgspec.structs.replace(
                end,
                next=end.next if any(live) else None,
                outputs=tuple(end.outputs[place] for place in kept),
                specs=tuple(end.specs[place] for place in kept),
            )
    return program
