"""What calls of a session pass on: only what a later call depends on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import torch
from torch import fx

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.expressions import map_edges, map_step, map_terminator, substitute
from adaptc.compiler.ir.program import Code, Dim, Program, TensorType, Type, edges, programs
from adaptc.passes.manager import PassManager
from adaptc.passes.pipeline import default_pipeline
from adaptc.passes.program.remove_dead_values import RemoveDeadValues, live_parameters
from adaptc.runtime.hostprogram import Edge, Expr, Jump, Ref, Return, ValueSpec


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
        PassManager(default_pipeline()).run(later)
    if not any(live) and all(
        _form(later, _equal_weights(later, program)) == _form(program, {}) for later in program.later
    ):
        program.later = ()
        for block in program.blocks.values():
            if isinstance(block.terminator, Return):
                block.terminator = msgspec.structs.replace(block.terminator, next=None)


def _equal_weights(program: Program, other: Program) -> dict[str, str]:
    """The weights of `program` that `other` has under another name, with that name: constants that both have made."""
    made = {name: tensor for name, tensor in other.weights.items() if name not in program.weights}
    return {
        name: theirs
        for name, tensor in program.weights.items()
        if name not in other.weights
        for theirs, candidate in made.items()
        if candidate.dtype == tensor.dtype and torch.equal(candidate, tensor)
    }


def _form(program: Program, weights: Mapping[str, str]) -> list[object]:
    """What a call of `program` does, whatever its blocks, values and dimensions are called, wherever it stands in the
    source, and whichever program comes next. `weights` are other names for some of its weights."""
    numbers = {program.entry: "0"}
    found = [program.entry]
    form: list[object] = []
    dimensions = _Dimensions()
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

        steps = [msgspec.structs.replace(map_step(step, renamed), name="", loc="") for step in block.steps]
        end = map_edges(map_terminator(block.terminator, renamed), lambda edge: Edge(numbers[edge.block], edge.args))
        if not isinstance(end, Jump):
            end = msgspec.structs.replace(end, loc="")
        if isinstance(end, Return):
            specs = [
                spec if spec.shape is None else ValueSpec(spec.dtype, dimensions.of_shape(spec.shape))
                for spec in end.specs
            ]
            end = msgspec.structs.replace(end, next=None, specs=tuple(specs))
        inputs = [refs[value].name for value in block.inputs]
        code = None if block.code is None else _code_form(block.code)
        names = [weights.get(weight, weight) for weight in block.weights]
        types = [dimensions.of_type(param.type) for param in block.params]
        form.append((code, names, repr((inputs, types, steps, end))))
    return form


class _Dimensions:
    """Gives the names of dimensions numbers, in the order in which they are met."""

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}

    def of_type(self, given: Type) -> Type:
        return TensorType(given.dtype, self.of_shape(given.shape)) if isinstance(given, TensorType) else given

    def of_shape(self, shape: Sequence[Dim]) -> tuple[Dim, ...]:
        return tuple(re.sub(r"[A-Za-z_]\w*", self._number, dim) if isinstance(dim, str) else dim for dim in shape)

    def _number(self, name: re.Match[str]) -> str:
        return self._numbers.setdefault(name.group(), f"d{len(self._numbers)}")


def _code_form(code: Code) -> tuple[object, ...]:
    """What tells code apart from other code, whatever its nodes are called."""
    refs = {node: Ref(f"%{number}") for number, node in enumerate(code.graph.graph.nodes)}
    numbered: Any = refs.__getitem__
    rows = []
    for node in code.graph.graph.nodes:
        target = str(node.target) if node.op == "call_function" else ""
        given = fx.node.map_arg((node.args, node.kwargs), numbered)
        rows.append(f"{node.op} {target} {given!r}")
    dimensions = _Dimensions()
    types = [tuple(map(dimensions.of_type, given)) for given in (code.inputs, code.weights, code.outputs)]
    return ("\n".join(rows), *types)


def share_codes(program: Program) -> None:
    """Let equal code of all programs of a session be one `Code`, so that it becomes one unit."""
    known: dict[object, Code] = {}
    for part in programs(program):
        for block in part.blocks.values():
            if block.code is not None:
                code = block.code
                block.code = known.setdefault(_code_form(code), code)


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
