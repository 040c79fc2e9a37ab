"""Verifies a compiled network against eager PyTorch, path by path."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from adaptc.compiler.ir.program import Program
from adaptc.compiler.signature import Bound, ExampleInputs, bind
from adaptc.compiler.verify.eager import EndlessRun
from adaptc.compiler.verify.flips import as_kind, first_flip, pair
from adaptc.compiler.verify.inputs import InputSet, input_set, like, random_inputs
from adaptc.compiler.verify.paths import Path, follow, paths
from adaptc.compiler.verify.reach import Search
from adaptc.compiler.verify.report import VerificationReport
from adaptc.compiler.verify.results import Results
from adaptc.compiler.verify.runs import Call, Caller, Executable, by_name
from adaptc.compiler.verify.solve import Values, conjuncts, values_of
from adaptc.compiler.verify.symbolic import BranchEdge

_FOUND = 3
"""Inputs found by search that are tried where eager PyTorch itself fails on them."""

Progress = Callable[[int, int], None]
"""Told how many of how many steps are done."""


def verify(
    program: Program,
    model: Callable[..., Any],
    bound: Bound,
    executable: Executable,
    *,
    samples: Sequence[ExampleInputs] = (),
    random: int = 8,
    seed: int = 0,
    dims: Mapping[str, Mapping[int, str]] | None = None,
    limit: int = 64,
    progress: Progress | None = None,
    keep_samples: bool = True,
    max_iterations: int | None = None,
) -> VerificationReport:
    """Compare `executable`, compiled from `program`, with the unmodified `model`, path by path.

    Forced: each path of the program (all, or where they are more than `limit` a set that takes every branch
    edge) is run with its reads forced, on the example inputs with values well off the thresholds and on
    random inputs with values at them. Outputs, exceptions and the values that the data itself gives the
    reads are compared. Paths that hang on what cannot be forced, such as a size that the data decides, are
    sought by random inputs. Natural: on the example inputs, on `samples` and on `random` random inputs (drawn
    from `seed`, named dimensions varied) the decisions must be those of eager PyTorch too. `dims` are the
    named dimensions (input name -> axis -> name), by default those of the program's own inputs. With `keep_samples`
    the report has samples for the artifact. Runs in which a loop takes more than `max_iterations`, both compiled and in
    eager PyTorch, are not compared; `executable` is loaded with the same limit.

    Raises SignatureError where a sample has another structure than the example inputs.
    """
    forward = getattr(model, "forward", model)
    example = input_set("the example inputs", bound)
    given = [like(bound, bind(forward, sample), f"sample {i + 1}") for i, sample in enumerate(samples)]
    drawn = random_inputs(bound, _named_dims(program) if dims is None else dims, max(random, 1), seed)
    verifier = _Verifier(program, Caller(program, model, executable, max_iterations), keep_samples)
    hints = verifier.caller.learn(example)
    found = paths(program, limit, example.shapes, hints, seed)
    verifier.results.expect(found.paths)
    steps: list[Callable[[], None]] = []
    for number, path in enumerate(found.paths):
        others = [drawn[(number + place) % len(drawn)] for place in range(len(drawn))]
        steps.append(partial(verifier.forced, path, example))
        steps.append(partial(verifier.at_thresholds, path, [*others, example]))
    steps += [partial(verifier.natural, inputs, known=True) for inputs in (example, *given)]
    steps += [partial(verifier.natural, inputs, known=False) for inputs in drawn[:random]]
    search = Search(verifier.caller, bound, [example, *given, *drawn], seed)
    steps += [partial(verifier.searched, path, search) for path in found.paths if not path.forceable]
    for done, step in enumerate(steps):
        step()
        if progress is not None:
            progress(done + 1, len(steps))
    return verifier.results.report(found)


def _named_dims(program: Program) -> dict[str, dict[int, str]]:
    return {
        entry.name: {
            axis: dim for axis, dim in enumerate(entry.type.shape) if isinstance(dim, str) and dim.isidentifier()
        }
        for entry in program.inputs
    }


class _Verifier:
    """Makes the calls and sends what they show to `results`."""

    def __init__(self, program: Program, caller: Caller, keep_samples: bool) -> None:
        self.caller = caller
        self.results = Results(program, keep_samples)
        self._compared: set[str] = set()
        self._tried: set[tuple[BranchEdge, int]] = set()
        self._endless: list[InputSet] = []

    def forced(self, path: Path, inputs: InputSet) -> None:
        """Run along `path` with comfortable values; then compare what the data itself gives the reads."""
        call = self._force(path, values_of(path.facts), inputs)
        if call.good:
            self.results.sample(call, inputs, forced=True)
            self._compare_reads(call, inputs)

    def at_thresholds(self, path: Path, candidates: Sequence[InputSet]) -> None:
        """Run along `path` with values at the thresholds of its tests, where they can hold for the inputs: the first
        of `candidates` but for those on which a run had to be cut off, which take long and show nothing.

        It is run until each test has been tried at its thresholds once, on this path or another. Tests that
        share reads take turns.
        """
        ending = [inputs for inputs in candidates if all(inputs is not other for other in self._endless)]
        inputs = next(iter(ending or candidates[-1:]))
        walker = self.caller.walker(inputs)
        again = follow(walker, [decision.edge.index for decision in path.decisions])
        if again is None:
            return
        tests = {
            (again.decisions[number].edge, i): part
            for number, constraint in again.constraints
            if number is not None
            for i, part in enumerate(conjuncts(constraint))
            if part.term.variables
        }
        fresh = {key: part for key, part in tests.items() if key not in self._tried} or tests
        while True:
            # One test of each group of tests that share reads.
            groups = {key: again.facts[next(iter(part.term.variables))] for key, part in fresh.items()}
            turn = {id(group): key for key, group in reversed(groups.items())}
            near = [tests[key] for key in turn.values()]
            call = self._force(again, walker.solver.tighten(again.facts, near), inputs)
            if isinstance(call.eager.exception, EndlessRun):
                self._endless.append(inputs)
                return
            self._tried.update(turn.values())
            fresh = {key: part for key, part in fresh.items() if key not in self._tried}
            if not fresh:
                return

    def natural(self, inputs: InputSet, known: bool) -> None:
        """Run as the data decides; where rounding flips a decision, go on along eager PyTorch's path.

        `known` tells that the network takes these inputs: then it is a failure where eager PyTorch fails.
        """
        forced: list[tuple[str, bool | int | float]] = []
        while True:
            call = self.caller.call(inputs, forced, natural=True)
            path = call.path
            if path is None or call.tied:
                break
            flip = first_flip(path, [value for _, value in call.reads], call.eager.matched)
            if flip is None:
                break
            if not flip.marginal or flip.reads <= len(forced):
                if (judged := self.caller.untied(call)).tied:
                    call = judged
                    break
                self.results.flipped(call, flip, inputs)
                return
            self.results.marginal_flip(flip.pairs, inputs)
            eager = call.eager.matched[: flip.reads]
            forced = [
                (read.variable.name, as_kind(read.variable.kind, theirs.natural))
                for read, theirs in zip(path.reads, eager)
            ]
        self.results.compared(call, inputs, forced=False, known=known)
        if known and call.good and not forced:
            self.results.sample(call, inputs, forced=False)

    def searched(self, path: Path, search: Search) -> None:
        """Look for inputs that take `path`, which cannot be forced, unless a run has taken it."""
        if self.results.reached(path):
            return
        name = self.results.name(path)
        for inputs in itertools.islice(search.inputs_for(path, name), _FOUND):
            call = self._force(path, values_of(path.facts), inputs)
            if self.results.reached(path):
                self.results.found(path, inputs)
                if call.good:
                    self.results.sample(call, inputs, forced=True)
                return
        self.results.not_found(path)

    def _force(self, path: Path, values: Values, inputs: InputSet) -> Call:
        reads = [(read.variable.name, value) for read, value in zip(path.reads, path.forced(values))]
        call = self.caller.call(inputs, reads)
        self.results.compared(call, inputs, forced=True, planned=path)
        return call

    def _compare_reads(self, call: Call, inputs: InputSet) -> None:
        """Compare the natural values of the reads on a forced path, each read of the program once.

        What a forced read would have been shows in a run in which only the reads before it are forced.
        """
        assert call.path is not None
        names = [read.variable.name for read in call.path.reads]
        for i, (read, value) in enumerate(zip(call.path.reads, call.forced)):
            if names[i] in self._compared:
                continue
            reads = call.reads
            if value is not None:
                run = self.caller.run(inputs, by_name(list(zip(names[:i], call.forced))))
                reads = () if isinstance(run, Exception) else tuple(self.caller.shared(run))
                if [name for name, _ in reads[: i + 1]] != names[: i + 1]:
                    continue
            self._compared.add(names[i])
            both = pair(read.loc, read.variable.kind, call.eager.matched[i], reads[i][1])
            if both.equal:
                continue
            rounded = call.situation and self.caller.rounding.judge_read(both, i, call.situation)
            if rounded:
                self.results.rounded(call, rounded, inputs)
            else:
                self.results.read_differs(call, both, inputs)
