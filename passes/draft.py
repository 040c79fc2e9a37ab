"""A private copy of one code, to rewrite: the code itself is shared by blocks and never edited."""

from __future__ import annotations

from collections import Counter

import torch
from torch import fx

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.program import Code, Program, TensorType
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
        holders = [copies[node] for node in placeholder_nodes(code)]
        count = len(code.inputs)
        self.inputs = tuple(holders[:count])
        names = zip(*(block.weights for block in self.blocks))
        self.weights: dict[fx.Node, tuple[str, ...]] = dict(zip(holders[count:], names))
        self.values = WeightValues(program, self.weights)

    def add_weight(self, like: fx.Node, names: tuple[str, ...]) -> fx.Node:
        """A new placeholder for the weights `names`, one for each block, which are of the shape and dtype of `like`."""
        value = like.meta["val"]
        with self.graph.inserting_after([*self.inputs, *self.weights][-1]):
            holder = self.graph.placeholder(f"weight_{len(self.weights)}")
        # a weight is contiguous, whatever strides the computed value had
        holder.meta = {**like.meta, "val": value.new_empty(value.shape)}
        self.weights[holder] = names
        return holder

    def exclusive(self, node: fx.Node) -> bool:
        """Whether `node` depends on weights alone, each of which has one reader here and none in other code."""
        names = self.values.sources(node)
        if not names:
            return False
        own = {id(block) for block in self.blocks}
        elsewhere = {name for block in self.program.blocks.values() if id(block) not in own for name in block.weights}
        readers: Counter[str] = Counter()
        for holder, held in self.weights.items():
            readers.update(dict.fromkeys(held, len(holder.users)))
        return not names & elsewhere and all(readers[name] == 1 for name in names)

    def finish(self, rw: Rewriter, kind: str) -> Code:
        """Give the blocks the code as it is now, without what nothing reads; its name says how it was made."""
        made, inputs, weights = self._made(kind)
        for number, block in enumerate(self.blocks):
            names = [self.weights[holder][number] for holder in weights]
            rw.set_code(block.name, made, [block.inputs[index] for index in inputs], names, block.outputs)
        return made

    def preview(self, kind: str) -> tuple[Program, str]:
        """A copy of the program in which the blocks have the code as it is now, and the name of one of them."""
        program = copy_program(self.program)
        made, inputs, weights = self._made(kind)
        for number, block in enumerate(self.blocks):
            target = program.blocks[block.name]
            target.code = made
            target.inputs = [block.inputs[index] for index in inputs]
            target.weights = [self.weights[holder][number] for holder in weights]
        return program, self.blocks[0].name

    def _made(self, kind: str) -> tuple[Code, list[int], list[fx.Node]]:
        """The code as it is now, the indices of the inputs that it takes, and the placeholders of its weights."""
        graph = fx.Graph()
        copies: dict[fx.Node, fx.Node] = {}
        needed = sources(self.graph.output_node().all_input_nodes)
        inputs = [index for index, node in enumerate(self.inputs) if node in needed]
        weights = [node for node in self.weights if node in needed]
        for node in [*(self.inputs[index] for index in inputs), *weights]:
            copies[node] = graph.node_copy(node)
        for node in self.graph.nodes:
            if node.op == "call_function" and node in needed:
                copies[node] = graph.node_copy(node, copies.__getitem__)
        graph.output(fx.map_arg(self.graph.output_node().args[0], copies.__getitem__))
        made = Code(
            name=_fresh_name(self.program, self.code.name, kind),
            graph=fx.GraphModule(torch.nn.Module(), graph),
            inputs=tuple(self.code.inputs[index] for index in inputs),
            weights=tuple(TensorType(node.meta["val"].dtype, tuple(node.meta["val"].shape)) for node in weights),
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
