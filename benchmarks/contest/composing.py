"""One path of a captured program as straight code: what an oracle that knows the path in advance would run.

before:  b0 ─(read > 0.5: yes)─► b1 ─► b3 ─► return (y, 2)      blocks, reads, branches
after:   y = code(b0, b1, b3)                                   one code; the number 2 is a constant

The path is walked with real tensors. Every operator that gives a tensor is copied into one graph. Host scalars and
sizes are the numbers that they were on this call, and loops are unrolled as they were taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx
from torch._subclasses.fake_tensor import FakeTensorMode

from adaptc.compiler.ir.evaluate import Number, evaluate, evaluate_scalar
from adaptc.compiler.ir.host_types import PYTHON_TYPES, SCALAR_DTYPES
from adaptc.compiler.ir.interpret import choose
from adaptc.compiler.ir.program import Block, Code, Output, Param, Program, TensorType
from adaptc.runtime.hostprogram import Expr, Let, Raise, Read, Ref, Return
from adaptc.runtime.tree import Static, Tree
from adaptc.runtime.treecheck import leaf_count


class NotStraight(Exception):
    """A path cannot be made straight code; the text says why."""


@dataclass(frozen=True)
class Known:
    """A value of the walk, with the node that computes it; numbers have none."""

    value: Any
    node: fx.Node | None = None


@dataclass(frozen=True)
class Straight:
    """`block` computes the tensors among the leaves of `tree`, and then the tensors that the path's tests read.

    `leaves`: for each leaf its place among the block's outputs, or the number that it is on this path.
    """

    block: Block
    weights: Mapping[str, torch.Tensor]
    tree: Tree
    leaves: tuple[int | Known, ...]


@dataclass
class _Walk:
    """What a walk has made so far. Placeholders stand first: inputs, then weights and numbers as they are needed."""

    graph: fx.Graph = field(default_factory=fx.Graph)
    mode: FakeTensorMode = field(default_factory=FakeTensorMode)
    weights: dict[str, Known] = field(default_factory=dict)
    last: fx.Node | None = None
    count: int = 0
    reads: list[fx.Node] = field(default_factory=list)

    def placeholder(self, value: torch.Tensor) -> Known:
        place = self.graph.inserting_after(self.last) if self.last is not None else self.graph.inserting_before()
        with place:
            self.last = self.graph.placeholder(f"arg_{self.count}")
        self.count += 1
        self.last.meta["val"] = self.fake(value)
        return Known(value, self.last)

    def weight(self, name: str, value: torch.Tensor) -> Known:
        if name not in self.weights:
            self.weights[name] = self.placeholder(value)
        return self.weights[name]

    def number(self, value: Number) -> Known:
        """A host scalar as the 0-d tensor that code takes."""
        kind = next(kind for kind, type_ in PYTHON_TYPES.items() if type(value) is type_)
        return self.weight(f"({kind} {value})", torch.tensor(value, dtype=SCALAR_DTYPES[kind]))

    def fake(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            with self.mode:
                return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype)
        return type(value)(map(self.fake, value)) if isinstance(value, tuple | list) else value

    def run(self, code: Code, given: Sequence[Known]) -> list[Known]:
        """Copy the operators of `code`, applied to `given`, and compute them."""
        known: dict[fx.Node, Known] = {}
        rest = iter(given)
        results: Any = ()
        for node in code.graph.graph.nodes:
            if node.op == "placeholder":
                known[node] = next(rest)
            elif node.op == "call_function":
                known[node] = self.call(node, known)
            elif node.op == "output":
                results = node.args[0]
            else:
                raise NotStraight(f"code has a node of the kind {node.op}")
        return [known[result] for result in results]

    def call(self, node: fx.Node, known: Mapping[fx.Node, Known]) -> Known:
        def values(argument: Any) -> Any:
            return fx.node.map_arg(argument, lambda used: known[used].value)

        def nodes(argument: Any) -> Any:
            return fx.node.map_arg(argument, lambda used: used_node(known[used]))

        def used_node(one: Known) -> Any:
            return one.value if one.node is None else one.node

        target: Any = node.target
        if target is torch.ops.aten.nonzero_numpy.default:  # its decomposition would give up the size that was taken
            places = self.copy(torch.ops.aten.nonzero.default, values(node.args), nodes(node.args), {}, {}, node)
            return self.copy(torch.ops.aten.unbind.int, (places.value, 1), (places.node, 1), {}, {}, node)
        return self.copy(target, values(node.args), nodes(node.args), values(node.kwargs), nodes(node.kwargs), node)

    def copy(self, target: Any, args: Any, node_args: Any, kwargs: Any, node_kwargs: Any, of: fx.Node) -> Known:
        """Compute `target`, and where that gives tensors, add a node for it that stands for the node `of`."""
        value = target(*args, **kwargs)
        if not _holds_tensor(value):
            return Known(value)
        copied = self.graph.call_function(target, node_args, node_kwargs)
        copied.meta = {key: kept for key, kept in of.meta.items() if key == "loc"} | {"val": self.fake(value)}
        return Known(value, copied)


def _holds_tensor(value: object) -> bool:
    return isinstance(value, torch.Tensor) or (isinstance(value, tuple | list) and any(map(_holds_tensor, value)))


def compose(program: Program, inputs: Sequence[torch.Tensor], name: str, predicates: bool) -> Straight:
    """The path that `program` takes with `inputs`; without `predicates` it does not compute what its tests read.

    Raises `NotStraight` where the path draws random numbers, ends in an exception, or keeps state.
    """
    if program.state or program.changes:
        raise NotStraight("the network keeps state or changes its inputs")
    walk = _Walk()
    names = [given.name for given in program.inputs]
    arguments = [walk.placeholder(tensor) for tensor in inputs]
    block = program.blocks[program.entry]
    with torch.no_grad():
        while True:
            environment = _enter(walk, program, block, arguments)
            plain = {name: known.value for name, known in environment.items()}
            match block.terminator:
                case Return(outputs=outputs, tree=tree):
                    leaves = [_evaluate(output, environment, plain) for output in outputs[: leaf_count(tree)]]
                    return _finish(walk, name, names, inputs, leaves, tree, predicates)
                case Raise(exception=exception):
                    raise NotStraight(f"the path ends in {exception}")
                case terminator:
                    edge = choose(terminator, plain)
            arguments = [_evaluate(argument, environment, plain) for argument in edge.args]
            block = program.blocks[edge.block]


def _enter(walk: _Walk, program: Program, block: Block, arguments: Sequence[Known]) -> dict[str, Known]:
    environment = {param.name: argument for param, argument in zip(block.params, arguments, strict=True)}
    if block.code is not None:
        given = [_given(walk, environment[name]) for name in block.inputs]
        given += [walk.weight(name, program.weights[name]) for name in block.weights]
        results = walk.run(block.code, given)
        environment |= {output.name: result for output, result in zip(block.outputs, results, strict=True)}
    for step in block.steps:
        plain = {name: known.value for name, known in environment.items()}
        match step:
            case Let(name=name, expr=expr):
                environment[name] = Known(evaluate_scalar(expr, plain))
            case Read(name=name, tensor=tensor):
                node = environment[tensor].node
                if node is not None:
                    walk.reads.append(node)
                environment[name] = Known(plain[tensor].item())
            case _:
                raise NotStraight("the path draws random numbers")
    return environment


def _given(walk: _Walk, known: Known) -> Known:
    """As code takes it: a number as a 0-d tensor, a tensor contiguous, as an engine has it."""
    return walk.number(known.value) if known.node is None else Known(known.value.contiguous(), known.node)


def _evaluate(expr: Expr, environment: Mapping[str, Known], plain: Mapping[str, Any]) -> Known:
    return environment[expr.name] if isinstance(expr, Ref) else Known(evaluate(expr, plain))


def _finish(
    walk: _Walk,
    name: str,
    names: Sequence[str],
    inputs: Sequence[torch.Tensor],
    leaves: Sequence[Known],
    tree: Tree,
    predicates: bool,
) -> Straight:
    results: dict[fx.Node, int] = {}
    for node in [leaf.node for leaf in leaves if leaf.node is not None] + (walk.reads if predicates else []):
        results.setdefault(node, len(results))
    if not results:
        raise NotStraight("the path computes nothing: all its results are numbers that the host knows")
    places = tuple(leaf if leaf.node is None else results[leaf.node] for leaf in leaves)
    walk.graph.output(tuple(results))
    walk.graph.eliminate_dead_code()
    types = [_type(node.meta["val"]) for node in results]
    formal = tuple(map(_type, inputs))
    module = fx.GraphModule(torch.nn.Module(), walk.graph)
    weights = {key: known.value for key, known in walk.weights.items()}
    code = Code(name, module, formal, tuple(map(_type, weights.values())), tuple(types))
    params = [Param(key, type_) for key, type_ in zip(names, formal)]
    outputs = [Output(f"out_{index}", type_) for index, type_ in enumerate(types)]
    block = Block(name, params, code, list(names), list(weights), outputs, [], Return((), (), Static(None)))
    return Straight(block, weights, tree, places)


def _type(tensor: torch.Tensor) -> TensorType:
    return TensorType(tensor.dtype, tuple(map(int, tensor.shape)))
