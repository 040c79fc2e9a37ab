"""Makes one block of blocks that do the same."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import msgspec

from adaptc.compiler.ir.expressions import key, map_edges, map_step, map_terminator, substitute
from adaptc.compiler.ir.program import Block, Program
from adaptc.passes.flowgraph import is_reducible, led_elsewhere
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.runtime.hostprogram import Const, Draw, Edge, Expr, Let, Read, Ref, Return


@register
@dataclass(frozen=True)
class MergeEqualBlocks(ProgramPass):
    """Lead all edges to the first of several blocks that differ in the names of their values alone.

    They have the same code, weights, types and steps, and end alike, at the same line where they decide; their edges
    lead to the same blocks or to blocks that are equal in turn. Edges that would give a loop a second entry stay.

    before:  if p: goto a(x) else: goto b(x)     a(v): return f(v)     b(u): return f(u)
    after:   if p: goto a(x) else: goto a(x)
    """

    name = "merge-equal-blocks"

    def run(self, program: Program, rw: Rewriter) -> None:
        """Split all blocks into classes until those of a class lead to the same classes, then merge each class."""
        classes = _classes(program)
        first: dict[int, str] = {}
        for name in list(program.blocks):
            kept = first.setdefault(classes[name], name)
            if kept == name or name == program.entry:
                continue
            if is_reducible(led_elsewhere(program, name, kept)):
                rw.retarget(name, Edge(kept, tuple(Ref(param.name) for param in program.blocks[name].params)))


def _classes(program: Program) -> dict[str, int]:
    """For each block the number of its class: the coarsest one in which equal blocks lead to equal blocks."""
    classes = dict.fromkeys(program.blocks, 0)
    while True:
        numbers: dict[Hashable, int] = {}
        finer = {
            name: numbers.setdefault((classes[name], _form(block, classes)), len(numbers))
            for name, block in program.blocks.items()
        }
        if len(numbers) == len(set(classes.values())):
            return classes
        classes = finer


def _form(block: Block, classes: Mapping[str, int]) -> Hashable:
    """What tells a block from others, whatever its values are called."""
    names = [param.name for param in block.params]
    names += [output.name for output in block.outputs]
    names += [step.name for step in block.steps]
    places = {name: number for number, name in enumerate(names)}
    refs: dict[str, Expr] = {name: Ref(str(number)) for name, number in places.items()}
    expressions: list[Hashable] = []

    def note(expr: Expr) -> Expr:
        renamed = substitute(expr, refs)
        expressions.append(key(renamed))
        return renamed if isinstance(renamed, Ref) else Const(None)

    steps = [_nameless(map_step(step, note)) for step in block.steps]
    end = map_terminator(map_edges(block.terminator, lambda edge: Edge(str(classes[edge.block]), edge.args)), note)
    if isinstance(end, Return):
        end = msgspec.structs.replace(end, loc="")
    end = map_terminator(end, lambda _: Const(None))
    return (
        tuple(param.type for param in block.params),
        None if block.code is None else id(block.code),
        tuple(places[name] for name in block.inputs),
        tuple(block.weights),
        tuple(output.type for output in block.outputs),
        repr(steps),
        repr(end),
        tuple(expressions),
    )


def _nameless(step: Let | Read | Draw) -> Let | Read | Draw:
    loc = "" if isinstance(step, Let) else step.loc
    return msgspec.structs.replace(step, name="", loc=loc)
