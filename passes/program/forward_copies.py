"""Replaces values that are copies of others of the same block."""

from __future__ import annotations

from dataclasses import dataclass

from adaptc.compiler.ir.expressions import Key, key, substitute
from adaptc.compiler.ir.program import Block, Program, TensorType, edges
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.passes.specialise import placeholder_nodes, result_nodes
from adaptc.runtime.hostprogram import Expr, Let, Ref

Place = tuple[str, str]
"""A parameter: its block's name and its own."""


@register
@dataclass(frozen=True)
class ForwardCopies(ProgramPass):
    """Read the original instead of its copy: an output of code that is one of its inputs or other outputs, a
    renamed value, a parameter that gets the same as another on every edge. What is left unread stays for
    remove-dead-values.

    before:  a(x): (same, y) = f(x); goto b(same, same, y)     b(p, q, y): goto c(p, q)
    after:   a(x): (same, y) = f(x); goto b(x, x, y)           b(p, q, y): goto c(p, p)
    """

    name = "forward-copies"

    def run(self, program: Program, rw: Rewriter) -> None:
        """Forward within blocks first, so that the edges show which parameters are equal."""
        for name, block in program.blocks.items():
            rw.substitute(name, _copies(block))
        for name, twins in _equal_params(program).items():
            rw.substitute(name, twins)


def _copies(block: Block) -> dict[str, Expr]:
    """The names in `block` that repeat an earlier one, with that one."""
    found: dict[str, Expr] = {}
    if block.code is not None:
        originals = {
            node: Ref(name)
            for node, name, type_ in zip(placeholder_nodes(block.code), block.inputs, block.code.inputs)
            # A host scalar is no tensor, though code takes it as one.
            if isinstance(type_, TensorType)
        }
        for node, output in zip(result_nodes(block.code), block.outputs):
            if node in originals:
                found[output.name] = originals[node]
            else:
                originals[node] = Ref(output.name)
    for step in block.steps:
        if isinstance(step, Let):
            value = substitute(step.expr, found)
            if isinstance(value, Ref):
                found[step.name] = value
    return found


def _equal_params(program: Program) -> dict[str, dict[str, Expr]]:
    """For each block its parameters that always equal an earlier one, with that one.

    Starts from the assumption that all parameters of the same type are equal and splits until the edges
    agree, which finds equalities that hold around a loop.
    """
    leader: dict[Place, str] = {}
    incoming: dict[str, list[tuple[Block, tuple[Expr, ...]]]] = {name: [] for name in program.blocks}
    for block in program.blocks.values():
        first: dict[object, str] = {}
        for param in block.params:
            # The inputs of the network are given from outside.
            kind = param.name if block.name == program.entry else param.type
            leader[block.name, param.name] = first.setdefault(kind, param.name)
        for edge in edges(block):
            incoming[edge.block].append((block, edge.args))
    changed = True
    while changed:
        changed = False
        for name, leading in incoming.items():
            if name == program.entry:
                continue
            first_of: dict[tuple[str, tuple[Key, ...]], str] = {}
            for index, param in enumerate(program.blocks[name].params):
                passed = tuple(key(substitute(args[index], _leaders(block, leader))) for block, args in leading)
                old = leader[name, param.name]
                new = first_of.setdefault((old, passed), param.name)
                if new != old:
                    leader[name, param.name] = new
                    changed = True
    found: dict[str, dict[str, Expr]] = {name: {} for name in program.blocks}
    for (name, param_name), original in leader.items():
        if original != param_name:
            found[name][param_name] = Ref(original)
    return found


def _leaders(block: Block, leader: dict[Place, str]) -> dict[str, Expr]:
    return {param.name: Ref(leader[block.name, param.name]) for param in block.params}
