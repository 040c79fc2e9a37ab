"""Runs a program on torch, block by block: the meaning that every later stage is compared with."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from adaptc.compiler.ir.errors import Fault, IRError
from adaptc.compiler.ir.evaluate import Number, Value, evaluate, evaluate_scalar
from adaptc.compiler.ir.host_types import PYTHON_TYPES, SCALAR_DTYPES, dim_fits, show
from adaptc.compiler.ir.program import Block, Program, ScalarType, TensorType, Type
from adaptc.runtime.errors import InputError, LoopError
from adaptc.runtime.hostprogram import Branch, Draw, Edge, Jump, Let, Raise, Read, Return, Scalar, Switch
from adaptc.runtime.stream import Stream
from adaptc.runtime.tree import Tree
from adaptc.runtime.treecheck import leaf_count


@dataclass(frozen=True)
class Outcome:
    """How a call ended: `outputs` in flat order with their `tree`, the blocks and reads on the way.

    Where the network raises, `raises` is the exception's name, `message` its text, and `tree` is None. `changed` has
    the new values of the inputs that the program changes, `state` what the program number `next` of `Program.later`
    begins with.
    """

    outputs: list[Value]
    tree: Tree | None
    path: tuple[str, ...]
    reads: tuple[tuple[str, Number], ...]
    raises: str = ""
    message: str = ""
    changed: tuple[Value, ...] = ()
    state: tuple[Value, ...] = ()
    next: int | None = None


Forced = Mapping[str, Sequence[Number | None]]
"""Read name -> the values it is made to give, in order; None, or running out, leaves it to the data. Reads with one
sequence in common take its values in turn."""


def interpret(
    program: Program,
    inputs: Sequence[torch.Tensor],
    forced: Forced | None = None,
    state: Sequence[Value] = (),
    stream: Stream | None = None,
    limit: int | None = None,
) -> Outcome:
    """Run `program` on flat `inputs`, with the values of reads replaced as `forced` says.

    A program that a session goes on with takes the `state` that the call before left behind, and the `stream` of
    random numbers, by default that of the program's seed.

    Raises LoopError where the run takes more than `limit` blocks, InputError where inputs or forced values do not fit,
    IRError where a value turns out to differ from its declared type, and whatever the network's own arithmetic raises.
    """
    _check_inputs(program, inputs)
    return _Run(program, forced or {}, stream or Stream(program.seed or 0), limit).run([*inputs, *state])


class _Run:
    """One call: the reads made so far and the forced values that are left."""

    def __init__(self, program: Program, forced: Forced, stream: Stream, limit: int | None) -> None:
        self.program = program
        self.limit = limit
        self.stream = stream
        self.reads: list[tuple[str, Number]] = []
        queues = {id(values): deque(values) for values in forced.values()}
        self.forced = {name: queues[id(values)] for name, values in forced.items()}
        names = {step.name for block in program.blocks.values() for step in block.steps if isinstance(step, Read)}
        for name in self.forced:
            if name not in names:
                raise InputError(f"a value is forced on the read '{name}', which the program does not have")

    def run(self, inputs: Sequence[Value]) -> Outcome:
        block = self.program.blocks[self.program.entry]
        arguments: list[Value] = list(inputs)
        path: list[str] = []
        while True:
            path.append(block.name)
            if self.limit is not None and len(path) > self.limit:
                raise LoopError(f"the run takes more than {self.limit} blocks")
            environment = self.enter(block, arguments)
            match block.terminator:
                case Return(outputs=outputs, tree=tree, next=number):
                    values = [evaluate(output, environment) for output in outputs]
                    first, last = leaf_count(tree), leaf_count(tree) + len(self.program.changes)
                    changed, left = tuple(values[first:last]), tuple(values[last:])
                    reads = tuple(self.reads)
                    return Outcome(values[:first], tree, tuple(path), reads, "", "", changed, left, number)
                case Raise(exception=exception, message=message):
                    return Outcome([], None, tuple(path), tuple(self.reads), exception, message)
                case terminator:
                    edge = choose(terminator, environment)
            block = self.program.blocks[edge.block]
            arguments = [evaluate(arg, environment) for arg in edge.args]

    def enter(self, block: Block, arguments: Sequence[Value]) -> dict[str, Value]:
        """The names of `block` with their values, its code and steps run."""
        environment: dict[str, Value] = {}
        for param, argument in zip(block.params, arguments, strict=True):
            environment[param.name] = _typed(block, param.name, argument, param.type)
        if block.code is not None:
            # code is exported for contiguous inputs, as an engine has them
            given = [_as_tensor(environment[name]).contiguous() for name in block.inputs]
            weights = [self.program.weights[name] for name in block.weights]
            with torch.no_grad():
                results = block.code.graph(*given, *weights)
            for output, result in zip(block.outputs, results, strict=True):
                environment[output.name] = _typed(block, output.name, result, output.type)
        for step in block.steps:
            match step:
                case Let(name=name, expr=expr):
                    environment[name] = evaluate_scalar(expr, environment)
                case Read(name=name, tensor=tensor, kind=kind):
                    environment[name] = self.read(name, environment[tensor], kind)
                case Draw(name=name, kind=kind, shape=shape, dtype=dtype, args=args):
                    extents = [int(evaluate_scalar(extent, environment)) for extent in shape]
                    ends = [int(evaluate_scalar(arg, environment)) for arg in args]
                    environment[name] = torch.from_numpy(self.stream.draw(kind, extents, dtype, *ends))
        return environment

    def read(self, name: str, tensor: Value, kind: Scalar) -> Number:
        assert isinstance(tensor, torch.Tensor)
        queue = self.forced.get(name)
        value = queue.popleft() if queue else None
        if value is None:
            value = tensor.item()
        elif kind == "float" and type(value) is int:
            value = float(value)
        if type(value) is not PYTHON_TYPES[kind]:
            raise InputError(f"the read '{name}' gives a {kind}; the value forced on it is {value!r}")
        self.reads.append((name, value))
        return value


def choose(terminator: Jump | Branch | Switch, environment: Mapping[str, Value]) -> Edge:
    """The edge that a jump, branch or switch takes, given the values of names."""
    match terminator:
        case Jump(to=to):
            return to
        case Branch(test=test, then=then, orelse=orelse):
            return then if evaluate_scalar(test, environment) else orelse
        case Switch(index=index, keys=keys, edges=edges, default=default):
            return dict(zip(keys, edges)).get(evaluate_scalar(index, environment), default)  # type: ignore[arg-type]


def _as_tensor(value: Value) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value
    kind = next(kind for kind, type_ in PYTHON_TYPES.items() if type(value) is type_)
    return torch.tensor(value, dtype=SCALAR_DTYPES[kind])


def _typed(block: Block, name: str, value: Value, declared: Type) -> Value:
    if isinstance(declared, ScalarType):
        if type(value) is PYTHON_TYPES[declared.kind]:
            return value
        found = repr(value)
    else:
        if isinstance(value, torch.Tensor) and _holds(value, declared):
            return value
        found = show(TensorType(value.dtype, tuple(value.shape))) if isinstance(value, torch.Tensor) else repr(value)
    message = f"'{name}' is declared {show(declared)} and turned out to be {found}"
    raise IRError("", [Fault(block.name, block.loc, message)])


def _holds(tensor: torch.Tensor, declared: TensorType) -> bool:
    return (
        tensor.dtype == declared.dtype
        and tensor.dim() == len(declared.shape)
        and all(map(dim_fits, tensor.shape, declared.shape))
    )


def _check_inputs(program: Program, inputs: Sequence[torch.Tensor]) -> None:
    if len(inputs) != len(program.inputs):
        raise InputError(f"program '{program.name}' takes {len(program.inputs)} tensors, not {len(inputs)}")
    sizes: dict[str, int] = {}
    for given, tensor in zip(program.inputs, inputs):
        found = TensorType(tensor.dtype, tuple(tensor.shape))
        if not _holds(tensor, given.type):
            raise InputError(f"input '{given.name}' is {show(found)}; the program takes {show(given.type)}")
        for dim, size in zip(given.type.shape, tensor.shape):
            # Only plain names stand for one size; an expression over names is left to the code that needs it.
            if isinstance(dim, str) and dim.isidentifier() and sizes.setdefault(dim, size) != size:
                raise InputError(f"input '{given.name}': the dimension '{dim}' is {sizes[dim]} and {size} in one call")
