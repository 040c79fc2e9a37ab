"""A private copy of one code, to rewrite: the code itself is shared by blocks and never edited."""

from __future__ import annotations

from collections import Counter

import torch
from torch import fx

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.program import Block, Code, Program
from adaptc.passes.rewriter import Rewriter
from adaptc.passes.specialise import placeholder_nodes, sources
from adaptc.passes.weight_values import WeightValues


class Draft:
    """The copy of `code`, with the blocks of `program` that run it. `finish` gives them the rewritten code."""

    def __init__(self, program: Program, code: Code) -> None:
        self.program = program
        self.code = code
        self.blocks = tuple(block for block in program.blocks.values() if block.code is code)
        self.graph = fx.Graph()
        copies: dict[fx.Node, fx.Node] = {}
        self.graph.output(self.graph.graph_copy(code.graph.graph, copies))
        self.holders = tuple(copies[node] for node in placeholder_nodes(code))
        weights = dict(zip(self.holders[len(code.inputs) :], zip(*(block.weights for block in self.blocks))))
        self.values = WeightValues(program, weights)

    def exclusive(self, node: fx.Node) -> bool:
        """Whether `node` depends on weights alone, each of which has one reader here and none in other code."""
        names = self.values.sources(node)
        if not names:
            return False
        own = {id(block) for block in self.blocks}
        elsewhere = {name for block in self.program.blocks.values() if id(block) not in own for name in block.weights}
        readers: Counter[str] = Counter()
        for holder in self.holders:
            readers.update(dict.fromkeys(self.values.names(holder), len(holder.users)))
        return not names & elsewhere and all(readers[name] == 1 for name in names)

    def finish(self, rw: Rewriter, kind: str) -> Code:
        """Give the blocks the code as it is now, without what nothing reads; its name says how it was made."""
        made, inputs, weights = self._made(kind)
        for block in self.blocks:
            rw.set_code(
                block.name,
                made,
                [block.inputs[index] for index in inputs],
                [block.weights[index] for index in weights],
                block.outputs,
            )
        return made

    def preview(self, kind: str) -> tuple[Program, str]:
        """A copy of the program in which the blocks have the code as it is now, and the name of one of them."""
        program = copy_program(self.program)
        made, inputs, weights = self._made(kind)
        for block in self.blocks:
            target: Block = program.blocks[block.name]
            target.code = made
            target.inputs = [block.inputs[index] for index in inputs]
            target.weights = [block.weights[index] for index in weights]
        return program, self.blocks[0].name

    def _made(self, kind: str) -> tuple[Code, list[int], list[int]]:
        """The code as it is now, and the indices of the inputs and weights that it takes."""
        graph = fx.Graph()
        copies: dict[fx.Node, fx.Node] = {}
        needed = sources(self.graph.output_node().all_input_nodes)
        count = len(self.code.inputs)
        inputs = [index for index, node in enumerate(self.holders[:count]) if node in needed]
        weights = [index for index, node in enumerate(self.holders[count:]) if node in needed]
        for node in [*(self.holders[i] for i in inputs), *(self.holders[count + i] for i in weights)]:
            copies[node] = graph.node_copy(node)
        for node in self.graph.nodes:
            if node.op == "call_function" and (node in needed or node.is_impure()):
                copies[node] = graph.node_copy(node, copies.__getitem__)
        graph.output(fx.map_arg(self.graph.output_node().args[0], copies.__getitem__))
        made = Code(
            name=_fresh_name(self.program, self.code.name, kind),
            graph=fx.GraphModule(torch.nn.Module(), graph),
            inputs=tuple(self.code.inputs[index] for index in inputs),
            weights=tuple(self.code.weights[index] for index in weights),
            outputs=self.code.outputs,
        )
        return made, inputs, weights


def codes(program: Program) -> list[Code]:
    """The distinct codes of a program, in the order of its blocks."""
    return list({id(block.code): block.code for block in program.blocks.values() if block.code is not None}.values())


def sort_nodes(graph: fx.Graph) -> None:
    """Move each node that stands before one that it reads behind it; the others keep their order."""
    placed: set[fx.Node] = set()
    for node in list(graph.nodes):
        todo = [node]
        while todo:
            last = todo[-1]
            missing = [used for used in last.all_input_nodes if used not in placed]
            if missing:
                todo += missing
                continue
            todo.pop()
            if last not in placed:
                placed.add(last)
                if last.op != "output":
                    graph.output_node().prepend(last)


def _fresh_name(program: Program, name: str, kind: str) -> str:
    base = name.split(f".{kind}")[0]
    taken = {code.name for code in codes(program)}
    numbered = (f"{base}.{kind}{number}" for number in range(2, len(taken) + 3))
    return next(one for one in (f"{base}.{kind}", *numbered) if one not in taken)
