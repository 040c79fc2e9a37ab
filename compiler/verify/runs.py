"""Runs one call of the compiled network and of eager PyTorch, and says how they compare."""

from __future__ import annotations

import ast
import copy
import linecache
import traceback
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch

from adaptc.compiler.ir.program import Program
from adaptc.compiler.structure import flatten
from adaptc.compiler.verify.compare import Comparison, Difference, compare
from adaptc.compiler.verify.eager import EagerRun, ExpectedRead, Number, run_eager_forced
from adaptc.compiler.verify.flow import Flows
from adaptc.compiler.verify.frames import UserLines
from adaptc.compiler.verify.inputs import InputSet
from adaptc.compiler.verify.paths import Path, edge_indices, follow
from adaptc.compiler.verify.rounding import Rounding, Situation
from adaptc.compiler.verify.symbolic import Walker
from adaptc.compiler.verify.ties import Ties
from adaptc.runtime.hostprogram import Read, Scalar

Forced = Mapping[str, Sequence[Number | None]]
"""Read name -> the values that replace its own, in order; None leaves one to the data."""


Reads = Sequence[tuple[str, Number | None]]
"""Reads by name in the order of execution, each with the value that replaces its own, or None."""


class Trace(Protocol):
    """What a run of the compiled network tells: outputs, blocks, tests, reads, the exception's name."""

    @property
    def outputs(self) -> Any: ...
    @property
    def path(self) -> Sequence[str]: ...
    @property
    def decisions(self) -> Sequence[tuple[str, bool | int]]: ...
    @property
    def reads(self) -> Sequence[tuple[str, Number]]: ...
    @property
    def raises(self) -> str | None: ...
    @property
    def changed(self) -> Sequence[Any]: ...


class Executable(Protocol):
    """A compiled network whose reads can be forced (`adaptc.runtime.Executable`)."""

    def run_forced(self, args: Any, kwargs: Any, forced: Any) -> Trace:
        """Call it with the values of reads replaced; raises where the engine fails."""
        ...


NO_OUTPUTS = Comparison(0.0, ())
"""The comparison of a call that ends without outputs."""


@dataclass(frozen=True)
class Call:
    """One call of both. `path` is the one that the compiled network took (None where it broke down), `reads` are the
    values on it that eager PyTorch reads too, `forced` those that replaced them; `situation` is what rounding is
    judged by, and `tied` tells that they cannot be compared since the network chooses among equal values.

    One of these holds: `skipped` says why they cannot be compared; `wrong` says what differs besides
    outputs; or `comparison` compares the outputs, where there are any.
    """

    path: Path | None
    trace: Trace | None
    eager: EagerRun
    reads: tuple[tuple[str, Number], ...] = ()
    forced: tuple[Number | None, ...] = ()
    situation: Situation | None = None
    comparison: Comparison = NO_OUTPUTS
    skipped: str = ""
    wrong: str = ""
    tied: bool = False

    @property
    def differences(self) -> tuple[Difference, ...]:
        """The outputs that differ."""
        return self.comparison.differences

    @property
    def good(self) -> bool:
        """Whether both did the same."""
        return not (self.skipped or self.wrong or self.differences)


class Caller:
    """Calls a network in eager PyTorch and as compiled."""

    def __init__(
        self,
        program: Program,
        model: Callable[..., Any],
        executable: Executable,
        max_iterations: int | None = None,
    ) -> None:
        self.program = program
        self._model = model
        self._executable = executable
        self._max_iterations = max_iterations
        self._max_calls = None if max_iterations is None else max_iterations * _calls(program)
        self._flows = Flows(program)
        self.rounding = Rounding(model, program.seed)
        self._hints: dict[str, Number] = {}
        self._walkers: dict[tuple[tuple[str, tuple[int, ...]], ...], Walker] = {}
        self.reads: dict[str, tuple[str, Scalar]] = {}
        for block in program.blocks.values():
            for step in block.steps:
                if isinstance(step, Read):
                    if step.name in self.reads:
                        raise ValueError(f"two reads are called {step.name!r}, so neither can be forced")
                    self.reads[step.name] = (step.loc, step.kind)

    def learn(self, inputs: InputSet) -> Mapping[str, Number]:
        """Remember the values that the reads take on these inputs, to prefer them where they fit a path."""
        trace = self.run(inputs, {})
        if not isinstance(trace, Exception):
            self._hints.update(trace.reads)
        return self._hints

    def walker(self, inputs: InputSet) -> Walker:
        """Walks the program for inputs of these shapes."""
        key = tuple(inputs.shapes.items())
        if key not in self._walkers:
            self._walkers[key] = Walker(self.program, inputs.shapes, self._hints)
        return self._walkers[key]

    def run(self, inputs: InputSet, forced: Forced) -> Trace | Exception:
        """Run the compiled network; the exception where it breaks down."""
        args, kwargs = inputs.array_args, inputs.array_kwargs
        if self.program.changes:
            args, kwargs = copy.deepcopy((args, kwargs))
        try:
            return self._executable.run_forced(args, kwargs, forced)
        except Exception as error:  # noqa: BLE001 (that it breaks down is a finding)
            return error

    def call(self, inputs: InputSet, given: Reads, natural: bool = False) -> Call:
        """Run the compiled network with reads forced in order, then eager PyTorch with the same reads forced.

        With `natural`, eager PyTorch decides by its own data.
        """
        forced = by_name(given)
        trace = self.run(inputs, forced)
        if isinstance(trace, Exception):
            return _broken_down(trace, self._eager(inputs, [] if natural else given))
        reads = self.shared(trace)
        values = _in_order(reads, forced)
        indices = edge_indices(self.program, trace.path, [taken for _, taken in trace.decisions])
        path = follow(self.walker(inputs), indices, read=[value for _, value in reads])
        if path is None or path.blocks != tuple(trace.path):
            eager = self._eager(inputs, reads)
            found = f"the compiled network goes a way that its program does not have: {' '.join(trace.path)}"
            return Call(None, trace, eager, wrong=found)
        flow = self._flows.along(path.blocks, indices)
        expected = tuple(
            ExpectedRead(*self.reads[name], None if natural else value, origin.data, ours)
            for (name, ours), value, origin in zip(reads, values, flow.reads, strict=True)
        )
        eager = self._run_eager(inputs, expected)
        situation = Situation(inputs, path, expected, eager, flow.coarsest)
        call = self._judge(Call(path, trace, eager, tuple(reads), tuple(values), situation))
        if call.wrong:
            return self.untied(call)
        if call.skipped or trace.raises:
            return call
        leaves = len(flatten(eager.output, "leaf")[1])
        coarsest = [origin.dtype for origin in flow.outputs][:leaves]
        comparison = compare(eager.output, trace.outputs, coarsest=coarsest)
        comparison = self.rounding.judge(comparison, situation, trace.outputs)
        comparison = _with_inputs(comparison, self._changed(eager), trace.changed, flow.coarsest)
        call = replace(call, comparison=comparison)
        return self.untied(call) if call.differences else call

    def untied(self, call: Call) -> Call:
        """A `call` whose sides differ, or one that is skipped because the network chooses among equal values."""
        situation = call.situation
        if situation is None:
            return call
        ties, inputs = Ties(), situation.inputs
        run_eager_forced(
            self._model,
            inputs.args,
            inputs.kwargs,
            situation.expected,
            ties,
            self.program.seed,
            self._max_iterations,
            self._max_calls,
        )
        if not ties.found:
            return call
        reason = f"topk() at {ties.found[0]} chooses among equal values (but for rounding): PyTorch leaves open which"
        return replace(call, skipped=reason, wrong="", comparison=NO_OUTPUTS, tied=True)

    def _changed(self, eager: EagerRun) -> dict[str, torch.Tensor]:
        """The inputs that the program changes in place, by name, as eager PyTorch left them."""
        names = [entry.name for entry in self.program.inputs]
        return {names[number]: eager.inputs[number] for number in self.program.changes}

    def shared(self, trace: Trace) -> list[tuple[str, Number]]:
        """The reads of a run that eager PyTorch has too: a read without a line is the program's own."""
        return [(name, value) for name, value in trace.reads if self.reads[name][0]]

    def _eager(self, inputs: InputSet, reads: Reads) -> EagerRun:
        return self._run_eager(inputs, [ExpectedRead(*self.reads[name], value) for name, value in reads])

    def _run_eager(self, inputs: InputSet, expected: Sequence[ExpectedRead]) -> EagerRun:
        return run_eager_forced(
            self._model,
            inputs.args,
            inputs.kwargs,
            expected,
            random_seed=self.program.seed,
            max_iterations=self._max_iterations,
            max_calls=self._max_calls,
        )

    def _judge(self, call: Call) -> Call:
        """Compare how both ended."""
        trace, eager = call.trace, call.eager
        assert trace is not None
        ours = trace.raises or ""
        wrong = ""
        if eager.raises and not ours and not _raised_by_statement(eager.exception):
            return replace(call, skipped=f"eager PyTorch itself fails: {eager.raises}: {eager.exception}")
        if eager.raises != ours:
            ending = f"raises {ours}" if ours else "returns"
            wrong = f"eager PyTorch {_ending(eager)}, the compiled network {ending}"
        elif eager.consumed < len(call.reads):
            loc, _ = self.reads[call.reads[eager.consumed][0]]
            wrong = f"the compiled network reads a value at {loc}, eager PyTorch does not"
        return replace(call, wrong=wrong)


def _with_inputs(
    comparison: Comparison, eager: Mapping[str, torch.Tensor], ours: Sequence[Any], coarsest: torch.dtype
) -> Comparison:
    """`comparison` with that of the inputs which the network changes in place."""
    for (name, theirs), array in zip(eager.items(), ours, strict=True):
        found = compare(theirs, array, coarsest=[coarsest], root=f"input {name!r} after the call")
        comparison = replace(
            comparison,
            max_relative_error=max(comparison.max_relative_error, found.max_relative_error),
            differences=(*comparison.differences, *found.differences),
        )
    return comparison


def _calls(program: Program) -> int:
    """More calls of torch than an iteration of a loop has, the constants included that the program does without."""
    codes = [block.code for block in program.blocks.values() if block.code is not None]
    return 100 + len([node for code in codes for node in code.graph.graph.nodes if node.op == "call_function"])


def by_name(reads: Reads) -> dict[str, list[Number | None]]:
    """The values of reads in order as values per read."""
    result: dict[str, list[Number | None]] = defaultdict(list)
    for name, value in reads:
        result[name].append(value)
    return dict(result)


def _in_order(reads: Sequence[tuple[str, Number]], forced: Forced) -> list[Number | None]:
    """The values that were forced on the reads of a run, in its own order."""
    used: dict[str, int] = defaultdict(int)
    values: list[Number | None] = []
    for name, _ in reads:
        given = forced.get(name, ())
        values.append(given[used[name]] if used[name] < len(given) else None)
        used[name] += 1
    return values


def _broken_down(error: Exception, eager: EagerRun) -> Call:
    found = f"the compiled network fails: {type(error).__name__}: {error}"
    if eager.raises and not _raised_by_statement(eager.exception):
        return Call(None, None, eager, skipped=f"eager PyTorch itself fails: {eager.raises}: {eager.exception}")
    return Call(None, None, eager, wrong=f"{found}; eager PyTorch {_ending(eager)}")


def _ending(eager: EagerRun) -> str:
    return f"raises {eager.raises}: {eager.exception}" if eager.raises else "returns"


def _raised_by_statement(error: BaseException | None) -> bool:
    """Whether a ``raise`` or ``assert`` of the network's own raised it, rather than a failing operation."""
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    if not frames or not UserLines().is_users(frames[-1].filename):
        return False
    try:
        tree = ast.parse("".join(linecache.getlines(frames[-1].filename)))
    except SyntaxError:
        return False
    line = frames[-1].lineno or 0
    return any(
        isinstance(node, (ast.Raise, ast.Assert)) and node.lineno <= line <= (node.end_lineno or line)
        for node in ast.walk(tree)
    )
