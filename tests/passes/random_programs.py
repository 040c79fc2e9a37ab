"""Random valid programs: any control flow with bounded loops, tensors and numbers passed on at random."""

from __future__ import annotations

from random import Random

import torch

from adaptc.compiler.ir.expressions import map_edges
from adaptc.compiler.ir.program import Program, ScalarType, TensorType, Type
from adaptc.compiler.ir.verify import reachable
from adaptc.passes.duplicates import duplicate
from adaptc.passes.rewriter import Rewriter
from adaptc.runtime.hostprogram import (
    Apply,
    Branch,
    Const,
    Edge,
    Expr,
    Jump,
    Let,
    Raise,
    Read,
    Ref,
    Size,
    Switch,
)

from ..ir.builder import BOOL, INT, ProgramBuilder, edge, give
from .cases import PAIR, code

CODES = {
    "double": ["y"],
    "test_and_double": ["t", "y"],
    "scale": ["y"],
    "two": ["y", "z"],
    "copies": ["y", "z", "u"],
    "start": ["y", "z"],
    "is_large": ["t"],
    "add_number": ["y"],
    "mix": ["y"],
}
WEIGHTS = ["v", "w"]


class Maker:
    """Draws one program from `rng`. Every block has a number "fuel", which every way back uses up."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.count = rng.randint(2, 6)
        self.params: list[dict[str, Type]] = [{"x": PAIR}]
        for _ in range(self.count):
            extra = {f"p{k}": rng.choice((PAIR, PAIR, INT, BOOL)) for k in range(rng.randint(0, 4))}
            self.params.append({"fuel": INT, "x": PAIR, **extra})
        self.builder = ProgramBuilder("random", {"x": PAIR}, entry="b0")
        self.builder.weight("v", torch.tensor([0.5, 2.0]))
        self.builder.weight("w", torch.tensor([-1.0, 0.25]))

    def program(self) -> Program:
        """The program, without the blocks that nothing leads to."""
        for index in range(self.count + 1):
            self.block(index)
        program = self.builder.build()
        if self.rng.random() < 0.5:
            self.twin(program)
        kept = reachable(program)
        program.blocks = {name: block for name, block in program.blocks.items() if name in kept}
        return program

    def twin(self, program: Program) -> None:
        """Let some of the edges to a block lead to a copy of it, whose reads have names of their own."""
        name = f"b{self.rng.randint(1, self.count)}"
        copy = duplicate(program, program.blocks[name], Rewriter(program, "test"))
        program.blocks[copy.name] = copy

        def moved(edge: Edge) -> Edge:
            return Edge(copy.name, edge.args) if edge.block == name and self.rng.random() < 0.5 else edge

        for block in program.blocks.values():
            block.terminator = map_edges(block.terminator, moved)

    def block(self, index: int) -> None:
        params = self.params[index]
        known = dict(params)
        chosen, inputs, weights, outputs = None, [], [], []
        if self.rng.random() < 0.7:
            name = self.rng.choice(list(CODES))
            chosen, outputs = code(name), CODES[name]
            if all(self.names(known, type_) for type_ in chosen.inputs):
                inputs = [self.rng.choice(self.names(known, type_)) for type_ in chosen.inputs]
                weights = [self.rng.choice(WEIGHTS) for _ in chosen.weights]
                known |= dict(zip(outputs, chosen.outputs))
            else:
                chosen, outputs = None, []
        steps: list[Let | Read] = []
        for k in range(self.rng.randint(0, 3)):
            flags = [name for name, type_ in known.items() if isinstance(type_, TensorType) and type_.shape == ()]
            if flags and self.rng.random() < 0.7:
                steps.append(Read(f"r{index}_{k}", self.rng.choice(flags), "bool"))
                known[steps[-1].name] = BOOL
            else:
                kind = self.rng.choice((INT, BOOL))
                steps.append(Let(f"l{k}", self.expression(known, kind, 2)))
                known[steps[-1].name] = kind
        self.builder.block(
            f"b{index}",
            params,
            self.terminator(index, known),
            code=chosen,
            inputs=inputs,
            weights=weights,
            outputs=outputs,
            steps=steps,
        )

    def names(self, known: dict[str, Type], wanted: Type) -> list[str]:
        return [name for name, type_ in known.items() if type_ == wanted]

    def terminator(self, index: int, known: dict[str, Type]) -> Jump | Branch | Switch | Raise | object:
        later = range(index + 1, self.count + 1)
        if not later or (index > 1 and self.rng.random() < 0.15):
            if self.rng.random() < 0.2:
                return Raise("Stop", f"in block {index}")
            outputs = self.rng.choices(list(known), k=3)
            return give(*((name, known[name]) for name in outputs))
        choice = self.rng.random()
        if choice < 0.3:
            return Jump(self.edge(self.rng.choice(later), known))
        if choice < 0.45:
            keys = (0, 1, 3)
            edges = tuple(self.edge(self.rng.choice(later), known) for _ in keys)
            return Switch(self.expression(known, INT, 2), keys, edges, self.edge(self.rng.choice(later), known))
        if choice < 0.65 and index > 0:
            back = self.edge(self.rng.randint(1, self.count), known, Apply("sub", (Ref("fuel"), Const(1))))
            return Branch(Apply("gt", (Ref("fuel"), Const(0))), back, self.edge(self.rng.choice(later), known))
        test = self.expression(known, BOOL, 2)
        return Branch(test, self.edge(self.rng.choice(later), known), self.edge(self.rng.choice(later), known))

    def edge(self, target: int, known: dict[str, Type], fuel: Expr | None = None) -> Edge:
        args: list[Expr | str] = []
        for name, type_ in self.params[target].items():
            if name == "fuel":
                args.append(fuel or (Ref("fuel") if "fuel" in known else Const(3)))
            elif isinstance(type_, ScalarType):
                args.append(self.expression(known, type_, 1))
            else:
                args.append(self.rng.choice(self.names(known, PAIR)))
        return edge(f"b{target}", *args)

    def expression(self, known: dict[str, Type], kind: ScalarType, depth: int) -> Expr:
        names = self.names(known, kind)
        if names and self.rng.random() < 0.5:
            return Ref(self.rng.choice(names))
        if depth == 0 or self.rng.random() < 0.4:
            return Const(self.rng.random() < 0.5 if kind == BOOL else self.rng.randint(0, 3))
        if kind == INT:
            if self.rng.random() < 0.2:
                return Size(self.rng.choice(self.names(known, PAIR)), 0)
            function = self.rng.choice(("add", "sub", "min", "max"))
            return Apply(function, (self.expression(known, INT, depth - 1), self.expression(known, INT, depth - 1)))
        function, inner = self.rng.choice((("lt", INT), ("eq", INT), ("and", BOOL), ("or", BOOL)))
        return Apply(function, (self.expression(known, inner, depth - 1), self.expression(known, inner, depth - 1)))
