"""What calls of a session pass on: only what a later call depends on."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from torch.fx.node import map_arg

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.expressions import map_edges, map_step, map_terminator, substitute
from adaptc.compiler.ir.program import Code, Program, edges, programs
from adaptc.passes.manager import PassManager
from adaptc.passes.pipeline import default_pipeline
from adaptc.passes.program.remove_dead_values import RemoveDeadValues, live_parameters
from adaptc.runtime.hostprogram import Edge, Expr, Ref, Return


def prune_state(program: Program) -> None:
    """Drop the state that nothing but state depends on, and a session's programs where none is left and all are alike.

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
        PassManager([RemoveDeadValues()]).run(part)
    for number, later in enumerate(program.later):
        entry = later.blocks[later.entry]
        dropped = {param.name for place, param in enumerate(later.state) if place not in live[number]}
        entry.params = [param for param in entry.params if param.name not in dropped]
        later.state = tuple(param for param in later.state if param.name not in dropped)
    for part in () if any(live) else programs(program):
        PassManager(default_pipeline()).run(part)
    if not any(live) and all(_form(later) == _form(program) for later in program.later):
        program.later = ()
        for block in program.blocks.values():
            if isinstance(block.terminator, Return):
                block.terminator = msgspec.structs.replace(block.terminator, next=None)


def _form(program: Program) -> list[object]:
    """What a call of `program` does, whatever its blocks and values are called, and whichever program comes next."""
    numbers = {program.entry: "0"}
    found = [program.entry]
    form: list[object] = []
    for name in found:
        block = program.blocks[name]
        for edge in edges(block):
            if edge.block not in numbers:
                numbers[edge.block] = str(len(numbers))
                found.append(edge.block)
        local = [value.name for value in (*block.params, *block.outputs, *block.steps)]
        refs = {value: Ref(str(number)) for number, value in enumerate(local)}

        def renamed(expr: Expr, refs: Mapping[str, Expr] = refs) -> Expr:
            return substitute(expr, refs)

        steps = [msgspec.structs.replace(map_step(step, renamed), name="") for step in block.steps]
        end = map_edges(map_terminator(block.terminator, renamed), lambda edge: Edge(numbers[edge.block], edge.args))
        if isinstance(end, Return):
            end = msgspec.structs.replace(end, next=None)
        inputs = [refs[value].name for value in block.inputs]
        code = None if block.code is None else _code_form(block.code)
        form.append((code, block.weights, repr((inputs, [param.type for param in block.params], steps, end))))
    return form


def _code_form(code: Code) -> tuple[object, ...]:
    places = {node: place for place, node in enumerate(code.graph.graph.nodes)}
    nodes = [
        (
            node.op,
            "" if node.op == "placeholder" else str(node.target),
            repr(map_arg((node.args, node.kwargs), places.get)),
        )
        for node in places
    ]
    return (tuple(nodes), code.inputs, code.weights, code.outputs)


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
                outputs=tuple(end.outputs[place] for place in kept),
                specs=tuple(end.specs[place] for place in kept),
            )
    return program
