"""Puts values that are the same in every call in their place and computes them once, at compile time.

DyCL (ISSTA 2023, section 4) drops the outputs whose sources are all constant; this is its second graph
optimisation, for tensors and host scalars alike.
"""

from __future__ import annotations

from dataclasses import dataclass

from adaptc.compiler.ir.expressions import map_step, map_terminator
from adaptc.compiler.ir.program import Block, Code, Program, ScalarType, Type
from adaptc.passes.constants import Constants, Known, Literal, Weight
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.passes.specialise import Request, needed_inputs
from adaptc.runtime.hostprogram import Const, Draw, Let, Read


@register
@dataclass(frozen=True)
class PropagateConstants(ProgramPass):
    """Replace values that are the same in every call: host scalars by literals, tensors by weights.

    Tensors of at most `max_bytes` are computed at compile time and join the parameter table. A read of a
    known tensor is no decision any more. What is left unread stays for remove-dead-values.

    before:  a(): h = zeros(1, 4); goto b(h, 3)     b(h, n): y = f(h); if n > 2: ...
    after:   a(): h = W; goto b(h, 3)               b(h, n): y = f'(W); if True: ...
    """

    name = "propagate-constants"
    max_bytes: int = 4096

    def run(self, program: Program, rw: Rewriter) -> None:
        """Find the known values of the whole program, then rewrite every block that can be reached."""
        constants = Constants(program, self.max_bytes)
        known = {name: constants.values(program.blocks[name]) for name in constants.params}
        for name, values in known.items():
            _rewrite(program.blocks[name], constants, values, rw)


def _rewrite(block: Block, constants: Constants, known: dict[str, Known], rw: Rewriter) -> None:
    steps: list[Let | Read | Draw] = []
    for step in block.steps:
        value = known.get(step.name)
        if isinstance(value, Const):
            steps.append(Let(step.name, value, step.loc))
        elif isinstance(step, Let):
            steps.append(Let(step.name, constants.fold(block, step.expr, known), step.loc))
        elif isinstance(step, Draw):
            steps.append(map_step(step, lambda expr: constants.fold(block, expr, known)))
        else:
            steps.append(step)
    terminator = map_terminator(block.terminator, lambda expr: constants.fold(block, expr, known))
    if block.code is not None:
        _rewrite_code(block, block.code, constants, known, rw)
    rw.set_steps(block.name, steps)
    rw.set_terminator(block.name, terminator)


def _rewrite_code(block: Block, code: Code, constants: Constants, known: dict[str, Known], rw: Rewriter) -> None:
    """Give the block code that takes known inputs as weights and does not compute known outputs."""
    computed = tuple(index for index, output in enumerate(block.outputs) if isinstance(known.get(output.name), Literal))
    others = [index for index in range(len(block.outputs)) if index not in computed]
    fixed = tuple(
        index
        for index in sorted(needed_inputs(code, others))
        if block.inputs[index] in known and _has_known_size(code.inputs[index])
    )
    if not fixed and not computed:
        return
    weights = {}
    for name in [block.inputs[index] for index in fixed] + [block.outputs[index].name for index in computed]:
        value = known[name]
        hint = f"constant.{name}"
        weights[name] = value.name if isinstance(value, Weight) else rw.add_weight(hint, constants.tensor(value))
    rw.specialise(block.name, Request(tuple(range(len(block.outputs))), fixed, computed), weights)


def _has_known_size(type_: Type) -> bool:
    return isinstance(type_, ScalarType) or all(isinstance(dim, int) for dim in type_.shape)
