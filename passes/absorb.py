"""Lets a block compute what the block after it computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from adaptc.compiler.ir.copying import copy_block
from adaptc.compiler.ir.program import Block, Output, Program
from adaptc.compiler.ir.tied import tied_reads
from adaptc.passes.compose import Given, Result, compose
from adaptc.passes.fakes import NotComposable
from adaptc.passes.rewriter import unique
from adaptc.runtime.hostprogram import Edge, Expr, Ref


@dataclass(frozen=True)
class Absorbed:
    """A block with the code of another after its own, and the names that the other's outputs have in it."""

    block: Block
    outputs: Mapping[str, str]


def absorb(program: Program, first: Block, second: Block, edge: Edge) -> Absorbed:
    """`first` with the code of `second`, to which `edge` leads, after its own and before its steps.

    Raises NotComposable where that code takes what the host computes, or computes with a number that the host reads,
    which could not be forced any more, or where the two codes do not fit together.
    """
    code = second.code
    if code is None:
        raise NotComposable(f"block '{second.name}' has no code")
    arguments = dict(zip((param.name for param in second.params), edge.args, strict=True))
    made = copy_block(first)
    inputs = [_given(arguments[name], first) for name in second.inputs]
    outputs = {output.name: output.name for output in second.outputs}
    taken = {named.name for named in (*first.params, *first.outputs, *first.steps)}
    for name in outputs:
        outputs[name] = unique(name, taken) if name in taken else name
        taken.add(outputs[name])
    made.outputs = [*first.outputs, *(Output(outputs[output.name], output.type) for output in second.outputs)]
    if first.code is None:
        made.code, made.inputs, made.weights = code, inputs, list(second.weights)
        made.loc = second.loc or first.loc
        return Absorbed(made, outputs)
    results = {output.name: index for index, output in enumerate(first.outputs)}
    wiring: list[Result | Given] = []
    for name in inputs:
        if name in results:
            wiring.append(Result(results[name]))
            continue
        if name not in made.inputs:
            made.inputs.append(name)
        wiring.append(Given(made.inputs.index(name)))
    made.code = compose(program, first.code, code, tuple(wiring))
    made.weights = [*first.weights, *second.weights]
    tied = tied_reads(made) - tied_reads(first)
    if tied:
        raise NotComposable(f"the code takes the number that '{min(tied)}' reads")
    return Absorbed(made, outputs)


def without_code(block: Block) -> Block:
    """`block` that computes nothing, once another block computes its outputs."""
    return replace(copy_block(block), code=None, inputs=[], weights=[], outputs=[])


def _given(argument: Expr, block: Block) -> str:
    """The name that the code of a block takes for `argument`."""
    known = {param.name for param in block.params} | {output.name for output in block.outputs}
    if not isinstance(argument, Ref):
        raise NotComposable("the code takes a number that the host computes")
    if argument.name not in known:
        raise NotComposable(f"the code takes '{argument.name}', which the host computes")
    return argument.name
