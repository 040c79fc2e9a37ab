"""Merges blocks that always follow one another, where at most one of the two has code."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from adaptc.compiler.ir.expressions import map_step, map_terminator, substitute
from adaptc.compiler.ir.program import Block, Output, Program, edges
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.runtime.hostprogram import Const, Expr, Jump, Let, Read, Ref


@register
@dataclass(frozen=True)
class MergeChains(ProgramPass):
    """Join a block to the one that jumps to it, if that is its only way in and at most one of them has code.

    The joined block keeps the first one's name. Reads keep their names, which identify the decisions.

    before:  a(x, i): y = f(x); goto b(y, i + 1)     b(v, n): if n > 2: ...
    after:   a(x, i): y = f(x); n = i + 1; if n > 2: ...
    """

    name = "merge-chains"

    def run(self, program: Program, rw: Rewriter) -> None:
        """Merge along jumps, from each block on as far as it goes."""
        ways = {name: len(leading) for name, leading in rw.predecessors().items()}
        for name in list(program.blocks):
            while name in program.blocks:
                first = program.blocks[name]
                if not isinstance(first.terminator, Jump):
                    break
                second = program.blocks[edges(first)[0].block]
                # The entry has one way in that is no edge.
                if second is first or second.name == program.entry or ways[second.name] != 1:
                    break
                merged = merge(rw.copy_block(name), second)
                if merged is None:
                    break
                rw.replace_block(merged)
                rw.remove_block(second.name)


def merge(first: Block, second: Block) -> Block | None:
    """`first` with what `second` does after it; None where they cannot be one block.

    `first` ends in a jump to `second`. Code of `second` moves before the steps of `first`, so `first` has no
    code then, and that of `second` reads nothing but the parameters of `first`.
    """
    (edge,) = edges(first)
    arguments = dict(zip((param.name for param in second.params), edge.args, strict=True))
    if second.code is not None and not _can_move_up(first, second, arguments):
        return None
    reads = {step.name for step in second.steps if isinstance(step, Read)}
    taken = {named.name for named in (*first.params, *first.outputs, *first.steps)}
    if reads & taken:
        return None
    taken |= reads
    values: dict[str, Expr] = {}
    steps = list(first.steps)
    outputs = list(first.outputs)
    for output in second.outputs:
        name = _fresh(output.name, taken)
        values[output.name] = Ref(name)
        outputs.append(Output(name, output.type))
    for name, argument in arguments.items():
        if isinstance(argument, Ref | Const):
            values[name] = argument
        else:
            own = _fresh(name, taken)
            steps.append(Let(own, argument, second.loc))
            values[name] = Ref(own)
    for step in second.steps:
        changed = map_step(step, lambda expr: substitute(expr, values))
        if not isinstance(changed, Read):
            changed = msgspec.structs.replace(changed, name=_fresh(changed.name, taken))
        steps.append(changed)
        values[step.name] = Ref(changed.name)
    inputs = first.inputs
    if second.code is not None:
        inputs = [argument.name for name in second.inputs if isinstance(argument := arguments[name], Ref)]
    return Block(
        name=first.name,
        params=first.params,
        code=first.code or second.code,
        inputs=inputs,
        weights=first.weights or second.weights,
        outputs=outputs,
        steps=steps,
        terminator=map_terminator(second.terminator, lambda expr: substitute(expr, values)),
        # The place of what is computed says more than the place of a jump to it.
        loc=second.loc if first.code is None and second.code is not None else first.loc,
    )


def _can_move_up(first: Block, second: Block, arguments: dict[str, Expr]) -> bool:
    params = {param.name for param in first.params}
    passed = (arguments[name] for name in second.inputs)
    return first.code is None and all(isinstance(arg, Ref) and arg.name in params for arg in passed)


def _fresh(name: str, taken: set[str]) -> str:
    fresh, number = name, 1
    while fresh in taken:
        fresh, number = f"{name}.{number}", number + 1
    taken.add(fresh)
    return fresh
