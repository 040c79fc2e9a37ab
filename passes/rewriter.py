"""The only way in which a pass changes a program."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Container, Mapping, Sequence

import torch

from adaptc.compiler.ir.copying import copy_block
from adaptc.compiler.ir.expressions import (
    edge_key,
    map_edges,
    map_step,
    map_terminator,
    same_terminator,
    substitute,
)
from adaptc.compiler.ir.program import Block, Code, Output, Program, edges
from adaptc.compiler.ir.verify import reachable
from adaptc.passes.specialise import Request, specialise
from adaptc.runtime.hostprogram import Draw, Edge, Expr, Let, Read, Ref, Terminator


class Rewriter:
    """Changes one program on behalf of one pass, and counts what it changes by kind in `counts`.

    Blocks are named, not passed, so that a pass cannot hold on to one that was replaced. Code is shared: it
    is replaced for a block, never edited.
    """

    def __init__(self, program: Program, pass_name: str) -> None:
        self.program = program
        self.pass_name = pass_name
        self.counts: Counter[str] = Counter()

    def predecessors(self) -> dict[str, list[str]]:
        """For each block the blocks that lead to it, once for each edge."""
        found: dict[str, list[str]] = {name: [] for name in self.program.blocks}
        for block in self.program.blocks.values():
            for edge in edges(block):
                found[edge.block].append(block.name)
        return found

    def set_terminator(self, block: str, terminator: Terminator) -> None:
        """Replace the terminator of a block."""
        target = self.program.blocks[block]
        if not same_terminator(target.terminator, terminator):
            target.terminator = terminator
            self.counts["terminators replaced"] += 1

    def set_steps(self, block: str, steps: Sequence[Let | Read | Draw]) -> None:
        """Replace the steps of a block."""
        target = self.program.blocks[block]
        if [_step_key(step) for step in target.steps] != [_step_key(step) for step in steps]:
            target.steps = list(steps)
            self.counts["steps replaced"] += 1

    def retarget(self, old: str, new: Edge) -> None:
        """Lead every edge to block `old` to where `new` leads; `new` may read the parameters of `old`."""
        params = [param.name for param in self.program.blocks[old].params]

        def change(edge: Edge) -> Edge:
            if edge.block != old:
                return edge
            values = dict(zip(params, edge.args, strict=True))
            return Edge(new.block, tuple(substitute(arg, values) for arg in new.args))

        for block in self.program.blocks.values():
            if any(edge.block == old for edge in edges(block)):
                self.set_terminator(block.name, map_edges(block.terminator, change))

    def substitute(self, block: str, values: Mapping[str, Expr]) -> None:
        """Replace what the block's code, steps and terminator read: each name of `values` by its expression.

        The code's inputs follow only where a name becomes another parameter's.
        """
        target = self.program.blocks[block]
        params = {param.name for param in target.params}
        inputs = [_renamed_input(name, values, params) for name in target.inputs]
        if inputs != target.inputs:
            target.inputs = inputs
            self.counts["code inputs replaced"] += 1
        self.set_steps(block, [map_step(step, lambda expr: substitute(expr, values)) for step in target.steps])
        self.set_terminator(block, map_terminator(target.terminator, lambda expr: substitute(expr, values)))

    def drop_params(self, block: str, names: Collection[str]) -> None:
        """Drop parameters that nothing in the block reads, and the arguments of every edge for them."""
        target = self.program.blocks[block]
        kept = [index for index, param in enumerate(target.params) if param.name not in names]
        if len(kept) == len(target.params):
            return

        def change(edge: Edge) -> Edge:
            return Edge(block, tuple(edge.args[index] for index in kept)) if edge.block == block else edge

        self.counts["parameters dropped"] += len(target.params) - len(kept)
        target.params = [target.params[index] for index in kept]
        for other in self.program.blocks.values():
            other.terminator = map_edges(other.terminator, change)

    def specialise(self, block: str, request: Request, constants: Mapping[str, str] | None = None) -> None:
        """Give the block the variant of its code that `request` asks for.

        `constants` names the weight that stands for each fixed input and each constant output, by their names
        in the block. A block whose request keeps no output loses its code.
        """
        target = self.program.blocks[block]
        code = target.code
        if code is None:
            raise ValueError(f"block '{block}' has no code to specialise")
        dropped = len(code.outputs) - len(request.outputs)
        if dropped:
            self.counts["outputs dropped"] += dropped
        if not request.outputs:
            self.set_code(block, None, [], [], [])
            return
        given = constants or {}
        variant = specialise(self.program, code, request)
        weights = [target.weights[index] for index in variant.weights]
        weights += [given[target.inputs[index]] for index in variant.fixed_inputs]
        weights += [given[target.outputs[index].name] for index in variant.constants]
        inputs = [target.inputs[index] for index in variant.inputs]
        self.set_code(block, variant.code, inputs, weights, [target.outputs[index] for index in request.outputs])

    def set_code(
        self,
        block: str,
        code: Code | None,
        inputs: Sequence[str],
        weights: Sequence[str],
        outputs: Sequence[Output],
    ) -> None:
        """Replace the code of a block; nodes without a location get the pass's name and the block's loc."""
        target = self.program.blocks[block]
        for node in code.graph.graph.nodes if code is not None else ():
            if node.op == "call_function" and "loc" not in node.meta:
                node.meta["loc"] = target.loc
                node.meta["pass"] = self.pass_name
        target.code = code
        target.inputs, target.weights, target.outputs = list(inputs), list(weights), list(outputs)
        self.counts["codes replaced"] += 1

    def add_weight(self, hint: str, value: torch.Tensor) -> str:
        """The name of a weight that equals `value`: one of the table, or a new one called after `hint`."""
        for name, known in self.program.weights.items():
            if known.dtype == value.dtype and known.shape == value.shape and _same_bits(known, value):
                return name
        name, number = hint, 1
        while name in self.program.weights:
            name, number = f"{hint}.{number}", number + 1
        self.program.weights[name] = value.detach().clone()
        self.counts["weights added"] += 1
        return name

    def drop_unused_weights(self) -> None:
        """Drop the weights that no block uses from the parameter table."""
        used = {name for block in self.program.blocks.values() for name in block.weights}
        for name in [name for name in self.program.weights if name not in used]:
            del self.program.weights[name]
            self.counts["weights dropped"] += 1

    def replace_block(self, block: Block) -> None:
        """Put `block` in the place of the block of the same name."""
        if block.name not in self.program.blocks:
            raise ValueError(f"there is no block '{block.name}' to replace")
        self.program.blocks[block.name] = block
        self.counts["blocks replaced"] += 1

    def add_block(self, block: Block) -> None:
        """Add a block under a name that is free (`unique_block_name`)."""
        if block.name in self.program.blocks:
            raise ValueError(f"there is a block '{block.name}' already")
        self.program.blocks[block.name] = block
        self.counts["blocks added"] += 1

    def unique_block_name(self, name: str) -> str:
        """`name` with a number, as no block is called."""
        return unique(name, self.program.blocks)

    def copy_block(self, block: str) -> Block:
        """A copy of a block, to build its replacement from; the code stays shared."""
        return copy_block(self.program.blocks[block])

    def remove_block(self, block: str) -> None:
        """Remove a block that no edge leads to any more."""
        del self.program.blocks[block]
        self.counts["blocks removed"] += 1

    def remove_unreachable(self) -> None:
        """Remove every block that no path from the entry reaches."""
        reached = reachable(self.program)
        for name in list(self.program.blocks):
            if name not in reached:
                self.remove_block(name)


def unique(name: str, taken: Container[str]) -> str:
    """`name` with the least number after it that makes it none of those `taken`."""
    return next(found for number in itertools.count(1) if (found := f"{name}.{number}") not in taken)


def _renamed_input(name: str, values: Mapping[str, Expr], params: Collection[str]) -> str:
    value = values.get(name)
    return value.name if isinstance(value, Ref) and value.name in params else name


def _step_key(step: Let | Read | Draw) -> object:
    if isinstance(step, Read):
        return step
    if isinstance(step, Draw):
        return (step.name, step.kind, edge_key(Edge(step.dtype, (*step.shape, *step.args))), step.loc)
    return (step.name, edge_key(Edge("", (step.expr,))), step.loc)


def _same_bits(left: torch.Tensor, right: torch.Tensor) -> bool:
    # Equality alone takes 0.0 for -0.0 and never finds a NaN.
    return left.contiguous().view(-1).view(torch.uint8).equal(right.contiguous().view(-1).view(torch.uint8))
