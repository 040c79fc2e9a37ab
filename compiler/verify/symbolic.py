"""Walks through a program without its tensor code: host scalars are terms over the reads on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import networkx as nx  # type: ignore[import-untyped]
import torch

from adaptc.compiler.ir.evaluate import Number
from adaptc.compiler.ir.program import Block, Dim, Program, TensorType, edges
from adaptc.compiler.ir.tied import tied_reads
from adaptc.compiler.verify.extents import extent
from adaptc.compiler.verify.solve import Constraint, Facts, Solver
from adaptc.compiler.verify.terms import Term, Terms, Variable
from adaptc.runtime.hostprogram import Branch, Const, Draw, Edge, Expr, Raise, Read, Ref, Return, Size, Switch


@dataclass(frozen=True)
class TensorValue:
    """A tensor on a path: where it was made, and the extents that are known (None: only at run time)."""

    origin: str
    shape: tuple[int | None, ...]


Value = Term | TensorValue


@dataclass(frozen=True, slots=True)
class BranchEdge:
    """The `index`-th edge out of a branch or switch, in the order of `hostprogram.successors`."""

    block: str
    index: int


@dataclass(frozen=True)
class Option:
    """A way out of a block, and what must hold for it.

    `test` is None for a jump. `taken` is the truth of a branch's test or the key of a case (None: the
    default). `choice` tells that the data decides.
    """

    index: int
    edge: Edge
    constraints: tuple[Constraint, ...] = ()
    test: Term | None = None
    taken: bool | int | None = None
    choice: bool = False


@dataclass(frozen=True)
class Executed:
    """A block after its steps: the reads in order, what must be defined, and the ways out."""

    environment: Mapping[str, Value]
    reads: tuple[Variable, ...]
    defined: tuple[Constraint, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True, eq=False)
class Node:
    """A path as far as `block`, which is `executed`: its parameters are `values`, `facts` what is decided.

    `parent` and `option` say how it got there. `visits` counts earlier arrivals at blocks that lie on a loop,
    `repeats` the choices made at those.
    """

    parent: Node | None
    option: Option | None
    block: str
    values: tuple[Value, ...]
    facts: Facts
    visits: Mapping[str, int]
    repeats: Mapping[BranchEdge, int]
    depth: int
    executed: Executed

    def edge(self, option: Option) -> BranchEdge:
        """The branch edge that `option` is."""
        return BranchEdge(self.block, option.index)

    @property
    def arrived_by(self) -> BranchEdge | None:
        """The branch edge that led here."""
        if self.parent is None or self.option is None or self.option.test is None:
            return None
        return self.parent.edge(self.option)

    def line(self) -> list[Node]:
        """The nodes from the entry to this one."""
        nodes: list[Node] = []
        node: Node | None = self
        while node is not None:
            nodes.append(node)
            node = node.parent
        return nodes[::-1]


class Walker:
    """Executes blocks of one program symbolically, for inputs of given shapes."""

    def __init__(self, program: Program, shapes: Mapping[str, Sequence[int]], hints: Mapping[str, Number]) -> None:
        """`shapes`: input name -> its shape, as far as known; `hints`: read name -> a value seen."""
        self.program = program
        self.solver = Solver(hints)
        self._terms = Terms()
        self._shapes = shapes
        self._dims: dict[str, int] = {}
        self._tied_reads: dict[str, frozenset[str]] = {}
        for entry in program.inputs:
            for dim, size in zip(entry.type.shape, shapes.get(entry.name, ())):
                if isinstance(dim, str):
                    self._dims[dim] = size

    @cached_property
    def graph(self) -> nx.DiGraph:
        """The blocks and the edges between them."""
        graph: nx.DiGraph = nx.DiGraph()
        graph.add_nodes_from(self.program.blocks)
        graph.add_edges_from((b.name, e.block) for b in self.program.blocks.values() for e in edges(b))
        return graph

    @cached_property
    def looping(self) -> frozenset[str]:
        """The blocks that lie on a loop."""
        parts = [part for part in nx.strongly_connected_components(self.graph) if len(part) > 1]
        return frozenset(block for part in parts for block in part) | set(nx.nodes_with_selfloops(self.graph))

    def start(self) -> Node:
        """The arrival at the entry block."""
        values: list[Value] = []
        for entry in self.program.inputs:
            shape: tuple[int | None, ...] = self._known(entry.type.shape)
            if entry.name in self._shapes:
                shape = tuple(self._shapes[entry.name])
            values.append(TensorValue(f"input {entry.name}", shape))
        entry_block = self.program.blocks[self.program.entry]
        executed = self._execute(entry_block, tuple(values), 0)
        return Node(None, None, entry_block.name, tuple(values), {}, {}, {}, 0, executed)

    def take(self, node: Node, option: Option, trusting: bool = False) -> Node | None:
        """Go on along `option` of `node`; None where no values of the reads are found that lead there.

        With `trusting`, where a run is known to have gone this way, none are sought.
        """
        facts: Facts | None = node.facts
        if not trusting:
            facts = self.solver.add(node.facts, (*node.executed.defined, *option.constraints))
        if facts is None:
            return None
        values = tuple(self._value(arg, node.executed.environment) for arg in option.edge.args)
        visits, repeats = node.visits, node.repeats
        if node.block in self.looping:
            visits = {**visits, node.block: visits.get(node.block, 0) + 1}
            if option.choice:
                edge = node.edge(option)
                repeats = {**repeats, edge: repeats.get(edge, 0) + 1}
        block = self.program.blocks[option.edge.block]
        executed = self._execute(block, values, visits.get(block.name, 0))
        return Node(node, option, block.name, values, facts, visits, repeats, node.depth + 1, executed)

    def end(self, node: Node) -> Facts | None:
        """What a path that ends at `node` has decided; None where its last block is undefined."""
        return self.solver.add(node.facts, node.executed.defined)

    def _execute(self, block: Block, values: tuple[Value, ...], visit: int) -> Executed:
        environment: dict[str, Value] = dict(zip((param.name for param in block.params), values))
        for output in block.outputs:
            origin = f"{output.name} of {block.name}#{visit}"
            environment[output.name] = TensorValue(origin, self._known(output.type.shape))
        reads: list[Variable] = []
        defined: list[Constraint] = []
        for step in block.steps:
            if isinstance(step, Read) and not step.loc:
                own = Variable(step.name, step.kind, visit, block.name, False)  # eager PyTorch has no such read
                environment[step.name] = self._terms.variable(own)
            elif isinstance(step, Read):
                free = step.name not in self._tied(block)
                reads.append(Variable(step.name, step.kind, visit, block.name, free, _dtype(block, step.tensor)))
                environment[step.name] = self._terms.variable(reads[-1])
            elif isinstance(step, Draw):
                sizes = (extent.value if isinstance(extent, Const) else None for extent in step.shape)
                shape = tuple(size if isinstance(size, int) else None for size in sizes)
                environment[step.name] = TensorValue(f"{step.name} of {block.name}#{visit}", shape)
            else:
                term = self._scalar(step.expr, environment)
                environment[step.name] = term
                if term.partial:
                    defined.append(Constraint(term, None))
        return Executed(environment, tuple(reads), tuple(defined), self._options(block, environment))

    def _tied(self, block: Block) -> frozenset[str]:
        if block.name not in self._tied_reads:
            self._tied_reads[block.name] = tied_reads(block)
        return self._tied_reads[block.name]

    def _options(self, block: Block, environment: Mapping[str, Value]) -> tuple[Option, ...]:
        match block.terminator:
            case Branch(test=test, then=then, orelse=orelse):
                term = self._scalar(test, environment)
                ways = [(0, then), (1, orelse)]
                if term.constant:
                    ways = ways[:1] if term.value else ways[1:]
                return tuple(
                    Option(i, edge, (Constraint(term, i == 0),), term, i == 0, not term.constant) for i, edge in ways
                )
            case Switch(index=index, keys=keys, edges=cases, default=default):
                term = self._scalar(index, environment)
                tests = [self._terms.apply("eq", (term, self._terms.constant(key))) for key in keys]
                options = [
                    Option(i, edge, (Constraint(test, True),), term, key, not term.constant)
                    for i, (key, edge, test) in enumerate(zip(keys, cases, tests))
                ]
                others = tuple(Constraint(test, False) for test in tests)
                options.append(Option(len(keys), default, others, term, None, not term.constant))
                if term.constant:
                    options = [o for o in options if all(c.holds({}) for c in o.constraints)]
                return tuple(options)
            case Return() | Raise():
                return ()
            case jump:
                return (Option(0, jump.to),)

    def _value(self, expr: Expr, environment: Mapping[str, Value]) -> Value:
        if isinstance(expr, Ref):
            return environment[expr.name]
        return self._scalar(expr, environment)

    def _scalar(self, expr: Expr, environment: Mapping[str, Value]) -> Term:
        match expr:
            case Const(value=value, kind=kind):
                number = float(value) if kind == "float" else value  # type: ignore[arg-type]
                return self._terms.constant(number)  # type: ignore[arg-type]
            case Ref(name=name):
                scalar = environment[name]
                if isinstance(scalar, TensorValue):
                    raise TypeError(f"the tensor {name!r} stands where a host scalar is needed")
                return scalar
            case Size(name=name, dim=dim):
                tensor = environment[name]
                if not isinstance(tensor, TensorValue):
                    raise TypeError(f"the size of {name!r} is taken, which is a host scalar")
                size = tensor.shape[dim]
                if size is not None:
                    return self._terms.constant(size)
                return self._terms.variable(Variable(f"size {dim} of {tensor.origin}", "int", 0, "", False))
            case apply:
                return self._terms.apply(apply.function, [self._scalar(arg, environment) for arg in apply.args])

    def _known(self, shape: Sequence[Dim]) -> tuple[int | None, ...]:
        return tuple(extent(dim, self._dims) for dim in shape)


def _dtype(block: Block, tensor: str) -> torch.dtype | None:
    """The dtype of a parameter or output of `block`."""
    types = {param.name: param.type for param in block.params} | {output.name: output.type for output in block.outputs}
    kind = types.get(tensor)
    return kind.dtype if isinstance(kind, TensorType) else None
