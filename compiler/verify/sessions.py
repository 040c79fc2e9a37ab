"""Sessions as one network: calls that follow each other are verified as one call that takes all their inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec
import torch
from torch import nn

from adaptc.compiler.ir.copying import renamed_block
from adaptc.compiler.ir.expressions import map_edges, map_step, map_terminator, substitute
from adaptc.compiler.ir.program import (
    Block,
    Dim,
    Input,
    Output,
    Param,
    Program,
    TensorType,
    Terminator,
    edges,
    programs,
)
from adaptc.compiler.ir.verify import reachable
from adaptc.compiler.ir.verify import verify as verify_program
from adaptc.compiler.signature import Bound, bind
from adaptc.compiler.verify.eager import Number, detached
from adaptc.compiler.verify.report import VerificationReport
from adaptc.compiler.verify.runs import Forced
from adaptc.compiler.verify.verify import Progress, verify
from adaptc.runtime import Trace as RuntimeTrace
from adaptc.runtime.hostprogram import Edge, Expr, Jump, Read, Ref, Return
from adaptc.runtime.treecheck import leaf_count

CALLS = 3
"""How many calls are verified as a session: the first, one after it, and one after that."""


PATHS = 32
"""How many paths of a session are verified, if there are more."""


def verify_sessions(
    program: Program,
    model: nn.Module,
    bound: Bound,
    executable: Conversing,
    *,
    random: int,
    seed: int,
    max_iterations: int | None = None,
    progress: Progress | None = None,
) -> VerificationReport:
    """Compare `CALLS` calls in a session of `executable` with as many of `model`, as `verify` does for one call."""
    calls = Calls(model).eval()
    bound = bound_calls(calls, bound, CALLS)
    sequence = in_sequence(program, bound, CALLS)
    verify_program(sequence)
    return verify(
        sequence,
        calls,
        bound,
        Conversation(executable),
        random=random,
        seed=seed,
        limit=PATHS,
        progress=progress,
        keep_samples=False,
        max_iterations=max_iterations,
    )


class Calls(nn.Module):
    """Calls of a network one after the other: each argument is the arguments of one call, the result their results."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *calls: tuple[tuple[Any, ...], dict[str, Any]]) -> list[Any]:
        """The results of the calls, in order, as each call gave them: a later one may change a tensor in place."""
        return [detached(self.model(*args, **kwargs)) for args, kwargs in calls]


def bound_calls(model: Calls, bound: Bound, count: int) -> Bound:
    """`count` calls like `bound`, as one call of `model`."""
    return bind(model.forward, tuple((bound.args, bound.kwargs) for _ in range(count)))


def in_sequence(program: Program, bound: Bound, count: int) -> Program:
    """The program of `count` calls in a session, as one that takes the inputs in `bound` and returns the last result.

    Every block carries the inputs of the calls that are still to come.
    """
    width = len(program.inputs)
    inputs = [
        Input(name, replace(given.type, shape=_shape_in_call(program, given.type.shape, number // width)))
        for number, (name, _) in enumerate(bound.inputs)
        for given in [program.inputs[number % width]]
    ]
    blocks: dict[str, Block] = {}
    weights: dict[str, torch.Tensor] = {}
    for number in range(count):
        coming = [Param(given.name, given.type) for given in inputs[(number + 1) * width :]]
        for stage, part in enumerate(programs(program)):
            if (number == 0) == (stage == 0):
                weights |= part.weights
                sizes = _sizes(program, part, number)
                for block in part.blocks.values():
                    made = _in_call(block, number, stage, sizes)
                    made.params += coming
                    made.terminator = _going_on(made.terminator, program, number, count, coming)
                    blocks[made.name] = made
    first = blocks[_block_name(0, program.entry)]
    names = {param.name: given.name for param, given in zip(first.params, inputs)}
    _rename(first, names)
    sequence = Program(f"{program.name} in a session", bound.arguments, tuple(inputs), first.name, blocks, weights)
    sequence.seed = program.seed
    sequence.changes = tuple(call * width + number for call in range(count) for number in program.changes)
    reached = reachable(sequence)
    sequence.blocks = {name: block for name, block in blocks.items() if name in reached}
    return sequence


def _block_name(number: int, name: str) -> str:
    return f"call{number + 1}_{name}"


def _read_name(number: int, stage: int, name: str) -> str:
    return f"call{number + 1}_{stage}_{name}"


def _shape_in_call(program: Program, shape: tuple[Dim, ...], number: int) -> tuple[Dim, ...]:
    """The dimensions of an input of the call `number`: those that vary from call to call have names of their own."""
    return tuple(
        dim if isinstance(dim, int) or dim in program.fixed or number == 0 else f"{dim}_call{number + 1}"
        for dim in shape
    )


def _sizes(program: Program, part: Program, number: int) -> dict[str, Dim]:
    """The names that the dimensions of a call's inputs have in `part`, with those that they have in the sequence."""
    return {
        ours: theirs
        for first, given in zip(program.inputs, part.inputs)
        for ours, theirs in zip(given.type.shape, _shape_in_call(program, first.type.shape, number))
        if isinstance(ours, str)
    }


def _in_call(block: Block, number: int, stage: int, sizes: Mapping[str, Dim]) -> Block:
    """A copy of a block in the call `number`: its name, its reads and its dimensions are that call's own."""

    def sized(type_: Any) -> Any:
        if not isinstance(type_, TensorType):
            return type_
        shape = (
            re.sub(r"\w+", lambda m: str(sizes.get(m[0], m[0])), d) if isinstance(d, str) else d for d in type_.shape
        )
        return replace(type_, shape=tuple(shape))

    targets = {edge.block: _block_name(number, edge.block) for edge in edges(block)}
    made = renamed_block(block, {**targets, block.name: _block_name(number, block.name)})
    made.params = [Param(param.name, sized(param.type)) for param in made.params]
    made.outputs = [Output(output.name, sized(output.type)) for output in made.outputs]
    _rename(made, {step.name: _read_name(number, stage, step.name) for step in made.steps if isinstance(step, Read)})
    return made


def _rename(block: Block, names: Mapping[str, str]) -> None:
    """Rename parameters and steps of a block."""

    def change(expr: Expr) -> Expr:
        return substitute(expr, {old: Ref(new) for old, new in names.items()})

    block.params = [Param(names.get(param.name, param.name), param.type) for param in block.params]
    block.inputs = [names.get(name, name) for name in block.inputs]
    block.steps = [
        msgspec.structs.replace(map_step(step, change), name=names.get(step.name, step.name)) for step in block.steps
    ]
    block.terminator = map_terminator(block.terminator, change)


def _going_on(terminator: Terminator, program: Program, number: int, count: int, coming: Sequence[Param]) -> Terminator:
    """The terminator in the sequence: a return leads to the next call, and every edge passes on the inputs to come."""
    carried = tuple(Ref(param.name) for param in coming)
    if not isinstance(terminator, Return):
        return map_edges(terminator, lambda edge: Edge(edge.block, (*edge.args, *carried)))
    leaves = leaf_count(terminator.tree)
    if number + 1 == count or terminator.next is None:
        return msgspec.structs.replace(
            terminator, outputs=terminator.outputs[:leaves], specs=terminator.specs[:leaves], next=None
        )
    width = len(program.inputs)
    state = terminator.outputs[leaves + len(program.changes) :]
    entry = _block_name(number + 1, program.later[terminator.next].entry)
    return Jump(Edge(entry, (*carried[:width], *state, *carried[width:])))


@dataclass(frozen=True)
class SessionTrace:
    """What the calls of a session did, as one call."""

    outputs: Any
    path: tuple[str, ...]
    decisions: tuple[tuple[str, bool | int], ...]
    reads: tuple[tuple[str, Number], ...]
    raises: str
    changed: tuple[Any, ...]


class Session(Protocol):
    """Calls that follow each other, whose reads can be forced (`adaptc.runtime.Session`)."""

    @property
    def stage(self) -> int: ...

    def run_forced(self, args: Any, kwargs: Any, forced: Any) -> RuntimeTrace:
        """Call it once more with the values of reads replaced."""
        ...


class Conversing(Protocol):
    """A compiled network with sessions (`adaptc.runtime.Executable`)."""

    def session(self) -> Session:
        """A new session."""
        ...


class Conversation:
    """A compiled network whose calls in a session are one call, that of the program `in_sequence`."""

    def __init__(self, executable: Conversing) -> None:
        self._executable = executable

    def run_forced(self, args: Any, kwargs: Any, forced: Forced) -> SessionTrace:
        """Make the calls in a new session, with the values of reads replaced, up to the first that raises."""
        session = self._executable.session()
        traces: list[tuple[int, RuntimeTrace]] = []
        for number, (call_args, call_kwargs) in enumerate(args):
            stage = session.stage
            prefix = _read_name(number, stage, "")
            own = {name.removeprefix(prefix): values for name, values in forced.items() if name.startswith(prefix)}
            traces.append((stage, session.run_forced(call_args, call_kwargs, own)))
            if traces[-1][1].raises:
                break
        return SessionTrace(
            [trace.outputs for _, trace in traces],
            tuple(_block_name(number, block) for number, (_, trace) in enumerate(traces) for block in trace.path),
            tuple(decision for _, trace in traces for decision in trace.decisions),
            tuple(
                (_read_name(number, stage, name), value)
                for number, (stage, trace) in enumerate(traces)
                for name, value in trace.reads
            ),
            traces[-1][1].raises,
            tuple(array for _, trace in traces for array in trace.changed),
        )
