"""Drops values that nothing reads, through the whole control flow."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx

from adaptc.compiler.ir.expressions import tested
from adaptc.compiler.ir.program import Block, Code, Program, edges
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import register
from adaptc.passes.rewriter import Rewriter
from adaptc.passes.specialise import Request, needed_inputs
from adaptc.runtime.hostprogram import Draw, Read, names_in


@register
@dataclass(frozen=True)
class RemoveDeadValues(ProgramPass):
    """Drop parameters, steps and outputs of code that no test and no result depends on, around loops too, and
    the weights that this leaves unused.

    Outputs are dropped by giving the block a variant of its code, which all blocks with the same needs share.
    A dropped host expression takes an error that it would raise with it. Reads stay, though nothing may depend on
    them: they are the points at which eager PyTorch and the compiled network are compared, and cost next to nothing.
    Draws stay too: those after them would be others without them.

    before:  loop(x, unused): y, aux = f(x, unused); goto loop(y, unused)
    after:   loop(x): y = f'(x); goto loop(y)
    """

    name = "remove-dead-values"

    def run(self, program: Program, rw: Rewriter) -> None:
        """Find the live values from the tests and results backwards, then drop the others."""
        liveness = _Liveness(program)
        for name, block in program.blocks.items():
            read = liveness.read_names(block)
            rw.set_steps(name, [step for step in block.steps if step.name in read or isinstance(step, Draw)])
            if block.code is not None:
                outputs = _indices(block, read)
                needed = liveness.needed_inputs(block.code, outputs)
                if len(outputs) < len(block.outputs) or len(needed) < len(block.inputs):
                    rw.specialise(name, Request(outputs))
        for name, block in program.blocks.items():
            if name != program.entry:
                rw.drop_params(name, {param.name for param in block.params} - liveness.params[name])
        rw.drop_unused_weights()


def live_parameters(program: Program, block: str) -> set[str]:
    """The parameters of a block that some test or result depends on."""
    return _Liveness(program).params[block]


class _Liveness:
    """`params`: for each block its parameters that matter; what keeps only itself alive does not."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.params: dict[str, set[str]] = {name: set() for name in program.blocks}
        self._needed: dict[tuple[fx.GraphModule, tuple[int, ...]], set[int]] = {}
        leading: dict[str, set[str]] = {name: set() for name in program.blocks}
        for block in program.blocks.values():
            for edge in edges(block):
                leading[edge.block].add(block.name)
        todo = dict.fromkeys(program.blocks)
        while todo:
            name, _ = todo.popitem()
            block = program.blocks[name]
            read = self.read_names(block)
            if block.code is not None:
                needed = self.needed_inputs(block.code, _indices(block, read))
                read |= {block.inputs[index] for index in needed}
            found = {param.name for param in block.params if param.name in read}
            if found != self.params[name]:
                self.params[name] = found
                todo |= dict.fromkeys(leading[name])

    def read_names(self, block: Block) -> set[str]:
        """The names that the terminator and its steps need, given the live parameters so far."""
        read = {name for expr in tested(block.terminator) for name in names_in(expr)}
        for edge in edges(block):
            for arg, param in zip(edge.args, self.program.blocks[edge.block].params, strict=True):
                if param.name in self.params[edge.block]:
                    read |= set(names_in(arg))
        for step in reversed(block.steps):
            if isinstance(step, Read):
                read |= {step.name, step.tensor}
            elif isinstance(step, Draw):
                read |= {name for expr in (*step.shape, *step.args) for name in names_in(expr)}
            elif step.name in read:
                read |= set(names_in(step.expr))
        return read

    def needed_inputs(self, code: Code, outputs: tuple[int, ...]) -> set[int]:
        """`specialise.needed_inputs`, found once for each code and choice of outputs."""
        key = (code.graph, outputs)
        if key not in self._needed:
            self._needed[key] = needed_inputs(code, outputs)
        return self._needed[key]


def _indices(block: Block, read: set[str]) -> tuple[int, ...]:
    return tuple(index for index, output in enumerate(block.outputs) if output.name in read)
