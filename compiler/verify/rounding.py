"""Judges outputs above their tolerance by float64: where a leaf is a small difference of large numbers, float32 itself
does not know it any better."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from adaptc.compiler.structure import flatten, rebuild
from adaptc.compiler.verify.compare import Array, Comparison, Difference, Rounded, scale_of, to_numpy
from adaptc.compiler.verify.doubled import Choices, Doubling, disturb, double, float64_default, mapped
from adaptc.compiler.verify.eager import EagerRun, ExpectedRead, run_eager_forced
from adaptc.compiler.verify.flips import MARGINAL, ReadPair, as_kind
from adaptc.compiler.verify.inputs import InputSet
from adaptc.compiler.verify.paths import Path

_FACTOR = 4.0
"""The compiled network may be this much further from float64 than rounding was seen to move eager PyTorch."""
_DISTURBED = 3
"""Eager PyTorch may be right by chance: so many runs with weights and inputs disturbed by a rounding tell what is
usual, and as many in which what each call computes is disturbed too."""
_PLAUSIBLE = 10.0
"""Rounding moves a leaf by no more than this many tolerances of the largest number of the run."""


@dataclass(frozen=True)
class Situation:
    """A run of eager PyTorch on `inputs` in which reads were `expected`, along `path` as the compiled network took it;
    `dtype` is the least precise that it computes in."""

    inputs: InputSet
    path: Path
    expected: tuple[ExpectedRead, ...]
    eager: EagerRun
    dtype: torch.dtype


@dataclass(frozen=True)
class _Runs:
    """Runs in float64, the undisturbed one first, and the largest number seen in the run of eager PyTorch."""

    runs: tuple[EagerRun, ...]
    largest: float


class Rounding:
    """Judges the outputs and reads of one network."""

    def __init__(self, model: Callable[..., Any], random_seed: int | None) -> None:
        self._model = model
        self._seed = random_seed

    def judge(self, comparison: Comparison, situation: Situation, ours: object) -> Comparison:
        """`comparison` of eager PyTorch's output with `ours`; those differences that are no greater than what rounding
        makes of the leaf are `rounded` in what is given back."""
        differences = comparison.differences
        if not differences or not all(math.isfinite(item.error) for item in differences):
            return comparison
        if not _decides_alike(situation, situation.expected, situation.eager):
            return comparison  # eager PyTorch went another way: there is no use in comparing
        try:
            found = self._runs(situation)
        except Exception as error:  # noqa: BLE001 (a network may refuse float64 in any way)
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            return replace(comparison, unjudged=f"no float64 run tells what rounding does ({reason})")
        eager_leaves, our_leaves = _leaves(situation.eager), flatten(ours, "leaf", arrays=True)[1]
        in_double = [_leaves(run) for run in found.runs]
        judged = [
            _judged(
                item,
                eager_leaves[item.leaf],
                our_leaves[item.leaf],
                [run[item.leaf] for run in in_double],
                found.largest,
            )
            for item in differences
        ]
        return replace(
            comparison,
            differences=tuple(item for item in judged if isinstance(item, Difference)),
            rounded=tuple(item for item in judged if isinstance(item, Rounded)),
        )

    def judge_read(self, pair: ReadPair, number: int, situation: Situation) -> Rounded | None:
        """How rounding explains the two values of the read of this `number`; None where it does not."""
        if not isinstance(pair.eager, float) or not math.isfinite(pair.eager) or not math.isfinite(pair.ours):
            return None
        try:
            found = self._runs(situation)
        except Exception:  # noqa: BLE001 (a network may refuse float64 in any way)
            return None
        error = abs(pair.ours - pair.eager) / float(scale_of(np.asarray(pair.eager)))
        where, reason = f"the number read at {pair.loc}", f"relative error {error:.3g} is above {MARGINAL:g}"
        difference = Difference(where, str(pair.eager), str(pair.ours), reason, error, None, MARGINAL)
        values = [run.matched[number].natural for run in found.runs]
        judged = _judged(difference, pair.eager, pair.ours, values, found.largest)
        return judged if isinstance(judged, Rounded) else None

    def _runs(self, situation: Situation) -> _Runs:
        """Runs in float64, plain and with weights and inputs disturbed by the rounding of their dtype, in which
        the network decides and chooses as it did."""
        inputs, eager = situation.inputs, situation.eager
        # A number that is read and not forced is rounded too, so it is left to the data, as long as it decides alike.
        reads = [
            read._replace(value=theirs.value) if read.value is None and not isinstance(theirs.value, float) else read
            for read, theirs in zip(situation.expected, eager.matched, strict=True)
        ]
        seen = Choices()
        again = run_eager_forced(self._model, inputs.args, inputs.kwargs, reads, seen, self._seed)
        with float64_default():
            model = self._model
            if isinstance(model, nn.Module):
                model = mapped(copy.deepcopy(model), double)
            exact, choices = _run(model, inputs, reads, double, self._seed)
            if not _decides_alike(situation, reads, exact):
                reads = [read._replace(value=theirs.value) for read, theirs in zip(reads, again.matched, strict=True)]
                exact, choices = _run(model, inputs, reads, double, self._seed)
            _check(exact, eager)
            if choices != seen.choices:
                raise ValueError("its tensor code chooses otherwise in float64")
            found = [exact]
            generator = torch.Generator().manual_seed(0)
            # a coarser dtype is that of some calls only, and all would be disturbed as much
            fine = torch.finfo(situation.dtype).eps <= torch.finfo(torch.float32).eps
            for number in range(2 * _DISTURBED if fine else _DISTURBED):
                shake = disturb(generator, torch.finfo(situation.dtype).eps / 2)
                shaken = mapped(copy.deepcopy(model), shake) if isinstance(model, nn.Module) else model
                change = partial(_shaken, shake)
                within = None if number < _DISTURBED else shake
                run, choices = _run(shaken, inputs, reads, change, self._seed, within)
                if choices == seen.choices:
                    _check(run, eager)
                    found.append(run)
        return _Runs(tuple(found), seen.largest)


def _run(
    model: Callable[..., Any],
    inputs: InputSet,
    reads: Sequence[ExpectedRead],
    change: Callable[[torch.Tensor], torch.Tensor],
    random_seed: int | None,
    within: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> tuple[EagerRun, list[object]]:
    """A run on changed inputs, with the changes `within` to what it computes, and what its tensor code chose."""
    tensors = [change(tensor) for tensor in inputs.tensors.values()]
    args, kwargs = rebuild((inputs.args, inputs.kwargs), tensors)
    mode = Doubling(within)
    return run_eager_forced(model, args, kwargs, reads, mode, random_seed), mode.choices


def _shaken(shake: Callable[[torch.Tensor], torch.Tensor], tensor: torch.Tensor) -> torch.Tensor:
    return shake(double(tensor))


def _check(run: EagerRun, eager: EagerRun) -> None:
    """Raise where a run went otherwise than `eager`."""
    if run.exception is not None and not eager.raises:
        raise run.exception
    alike = run.raises == eager.raises and run.consumed == eager.consumed
    if not alike or flatten(run.output, "leaf")[0] != flatten(eager.output, "leaf")[0]:
        raise ValueError("it reads, raises or returns something else in float64")


def _decides_alike(situation: Situation, reads: Sequence[ExpectedRead], run: EagerRun) -> bool:
    values = {
        read.variable: as_kind(read.variable.kind, theirs.natural if given.value is None else given.value)
        for read, given, theirs in zip(situation.path.reads, reads, run.matched)
    }
    tests = [constraint for _, constraint in situation.path.constraints if constraint.term.variables <= values.keys()]
    return all(constraint.holds(values) for constraint in tests)


def _leaves(run: EagerRun) -> list[Any]:
    return flatten(run.output, "leaf")[1]


def _judged(
    difference: Difference, eager: Any, ours: Any, in_double: Sequence[Any], largest: float
) -> Difference | Rounded:
    theirs, mine = _array(eager), _array(ours)
    exact, *disturbed = map(_array, in_double)
    if exact.shape != theirs.shape or any(other.shape != exact.shape for other in disturbed):
        return difference
    ours_off, eager_off = _gap(mine, exact), _gap(theirs, exact)
    rounding = max(eager_off, *(_gap(other, exact) for other in disturbed)) if disturbed else eager_off
    tolerance = difference.tolerance
    plausible = _PLAUSIBLE * tolerance * max(largest, scale_of(exact))
    if not ours_off <= max(tolerance * scale_of(exact), _FACTOR * rounding) or not rounding <= plausible:
        return difference
    return Rounded(difference, str(exact[difference.index or ()]), ours_off, eager_off, rounding)


def _array(leaf: Any) -> Array:
    array = to_numpy(leaf) if isinstance(leaf, torch.Tensor) else np.asarray(leaf)
    return array.astype(np.complex128 if np.iscomplexobj(array) else np.float64)


def _gap(values: Array, exact: Array) -> float:
    """The largest difference; infinite where the numbers that are not finite stand in other places."""
    finite = np.isfinite(exact)
    same = (values == exact) | (np.isnan(values) & np.isnan(exact))
    if not np.where(finite, np.isfinite(values), same).all():
        return math.inf
    return float(np.abs(values[finite] - exact[finite]).max(initial=0.0))
