"""Collects what the calls of a verification show, path by path."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from adaptc.compiler.ir.program import Program
from adaptc.compiler.verify.compare import Rounded
from adaptc.compiler.verify.flips import Flip, ReadPair
from adaptc.compiler.verify.inputs import InputSet
from adaptc.compiler.verify.paths import Path, PathSet, Untaken
from adaptc.compiler.verify.report import Failure, MarginalFlip, PathResult, RoundedOutput, VerificationReport
from adaptc.compiler.verify.runs import Call
from adaptc.compiler.verify.samples import LIMIT, Samples


class Results:
    """The results of a verification as they come in."""

    def __init__(self, program: Program, keep_samples: bool) -> None:
        self._program = program
        self._keep_samples = keep_samples
        self._paths: dict[object, PathResult] = {}
        self._failures: list[Failure] = []
        self._uncompared: list[str] = []
        self._marginal: list[MarginalFlip] = []
        self._rounded: list[RoundedOutput] = []
        self._samples = Samples()

    def expect(self, paths: Iterable[Path]) -> None:
        """Give the paths their names, in this order; paths met later are named after them."""
        for path in paths:
            self._result(path)

    def compared(
        self, call: Call, inputs: InputSet, forced: bool, planned: Path | None = None, known: bool = False
    ) -> None:
        """A call was made: with reads `forced` along the `planned` path, or as the data decides."""
        taken = call.path or planned
        result = self._result(taken) if taken is not None else None
        if planned is not None and call.path is not None and not call.tied and call.path.key != planned.key:
            if planned.forceable:
                self._fail(self._result(planned), inputs, _leaves(planned, call.path))
                return
            note = f"{inputs.label}: it hangs on {_unforced(planned)}, and the run went another way"
            self._result(planned).skipped.append(note)
        if call.tied and not known:
            self._uncompared.append(f"{inputs.label}: {call.skipped}")
        elif call.wrong or (call.skipped and known):
            self._fail(result, inputs, call.wrong or call.skipped)
        elif call.skipped:
            note = f"{inputs.label}: {call.skipped}"
            if result is not None:
                result.skipped.append(note)
            else:
                self._uncompared.append(note)
        elif result is not None:
            result.forced += forced
            result.natural += not forced
            result.max_relative_error = max(result.max_relative_error, call.comparison.max_relative_error)
            for item in call.comparison.rounded:
                self.rounded(call, item, inputs)
            if call.differences:
                reason = f"; {call.comparison.unjudged}" if call.comparison.unjudged else ""
                self._fail(result, inputs, f"the outputs differ{reason}", call)

    def flipped(self, call: Call, flip: Flip, inputs: InputSet) -> None:
        """A decision is not eager PyTorch's, and rounding does not explain it."""
        reads = "; ".join(_both(pair) for pair in flip.pairs)
        way = "takes the decision" if isinstance(flip.decision.taken, bool) else "takes the index"
        message = f"{flip.decision.loc or 'an unknown line'}: the compiled network {way} {flip.decision.taken}, "
        self._fail(self._result(call.path), inputs, f"{message}eager PyTorch another ({reads or 'reads are equal'})")

    def marginal_flip(self, pairs: Sequence[ReadPair], inputs: InputSet) -> None:
        """A decision is not eager PyTorch's, within rounding."""
        self._marginal += [
            MarginalFlip(inputs.label, pair.loc, pair.eager, pair.ours, pair.margin or 0.0) for pair in pairs
        ]

    def rounded(self, call: Call, item: Rounded, inputs: InputSet) -> None:
        """A value is not eager PyTorch's, by rounding."""
        self._rounded.append(RoundedOutput(self._result(call.path).name, inputs.label, item))

    def read_differs(self, call: Call, pair: ReadPair, inputs: InputSet) -> None:
        """A read on a forced path would have had another value than in eager PyTorch."""
        if pair.marginal and not isinstance(pair.eager, float):
            self.marginal_flip([pair], inputs)
        else:
            self._fail(self._result(call.path), inputs, f"{pair.loc or 'an unknown line'}: {_both(pair)}")

    def name(self, path: Path) -> str:
        """The name of a path."""
        return self._result(path).name

    def reached(self, path: Path) -> bool:
        """Whether a run along `path` was compared, or failed."""
        result = self._result(path)
        return bool(result.forced or result.natural or result.failures)

    def found(self, path: Path, inputs: InputSet) -> None:
        """A search found `inputs` that take `path`."""
        self._result(path).searched = inputs.label

    def not_found(self, path: Path) -> None:
        """A search found no inputs that take `path`."""
        reason = f"it hangs on {_unforced(path)}, and a search found no inputs that take it"
        self._result(path).skipped.insert(0, reason)

    def sample(self, call: Call, inputs: InputSet, forced: bool) -> None:
        """Keep a good call as a sample for the artifact, which compares without float64."""
        if (
            not self._keep_samples
            or call.path is None
            or call.comparison.rounded
            or (forced and sum(bool(s.forced) for s in self._samples.records) >= LIMIT)
        ):
            return
        reads = [(read.variable.name, value) for read, value in zip(call.path.reads, call.forced)] if forced else []
        name = self._result(call.path).name if forced else inputs.label
        end = self._program.blocks[call.path.blocks[-1]].terminator
        self._samples.add(name, inputs, call.eager.output, end, call.path.blocks, reads, call.path.raises)

    def report(self, found: PathSet) -> VerificationReport:
        """The report, `found` being the paths that were looked for."""
        results = tuple(self._paths.values())
        return VerificationReport(
            results,
            found.complete,
            _never_taken(found, results),
            tuple(self._marginal),
            tuple(self._rounded),
            tuple(self._failures),
            tuple(self._uncompared),
            self._samples,
        )

    def _result(self, path: Path | None) -> PathResult:
        if path is None:
            raise ValueError("a call without a path has no result of its own")
        if path.key not in self._paths:
            self._paths[path.key] = PathResult(f"path {len(self._paths) + 1}", path)
        return self._paths[path.key]

    def _fail(self, result: PathResult | None, inputs: InputSet, message: str, call: Call | None = None) -> None:
        differences = call.differences if call is not None else ()
        if result is None:
            self._failures.append(Failure("no path", inputs.label, message))
            return
        result.max_relative_error = result.max_relative_error if differences else math.inf
        failure = Failure(result.name, inputs.label, message, result.decisions, differences)
        result.failures.append(failure)


def _unforced(path: Path) -> str:
    """What of a path's decisions cannot be forced."""
    variables = {v for _, constraint in path.constraints for v in constraint.term.variables if not v.free}
    if all(variable.dtype is None for variable in variables):
        return "the size of a tensor that the data decides"
    return "a number that the tensor code before its test computes with"


def _both(pair: ReadPair) -> str:
    return f"eager PyTorch reads {pair.eager}, the compiled network {pair.ours}"


def _leaves(planned: Path, taken: Path) -> str:
    parting = next(
        (a for a, b in zip(planned.decisions, taken.decisions) if a.edge != b.edge),
        planned.decisions[-1] if planned.decisions else None,
    )
    where = f"at {parting.loc or parting.edge.block}" if parting is not None else "at its end"
    return f"with its reads forced, the compiled network leaves the path {where}"


def _never_taken(found: PathSet, results: Sequence[PathResult]) -> tuple[Untaken, ...]:
    """Branch edges that no compared run took."""
    taken = {d.edge for result in results if result.forced + result.natural for d in result.path.decisions}
    missing = {item.edge: item for item in found.untaken}
    for result in results:
        for decision in result.path.decisions:
            reason = result.skipped[0] if result.skipped else f"the runs along {result.name} failed"
            untaken = Untaken(decision.edge, decision.loc, decision.taken, reason)
            missing.setdefault(decision.edge, untaken)
    return tuple(item for edge, item in missing.items() if edge not in taken)
