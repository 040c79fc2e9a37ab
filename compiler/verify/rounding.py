"""Judges outputs above their tolerance by float64: where a leaf is a small difference of large numbers, float32 itself
does not know it any better."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from adaptc.compiler.structure import flatten, rebuild
from adaptc.compiler.verify.compare import Array, Comparison, Difference, Rounded, scale_of, to_numpy
from adaptc.compiler.verify.doubled import Choices, Doubling, disturb, double, float64_default, mapped
from adaptc.compiler.verify.eager import EagerRun, ExpectedRead, run_eager_forced
from adaptc.compiler.verify.flips import as_kind
from adaptc.compiler.verify.inputs import InputSet
from adaptc.compiler.verify.paths import Path

_FACTOR = 4.0
"""The compiled network may be this much further from float64 than rounding was seen to move eager PyTorch."""
_DISTURBED = 3
"""Eager PyTorch may be right by chance: runs with weights and inputs disturbed by a rounding tell what is usual."""
_PLAUSIBLE = 10.0
"""Rounding moves a leaf by no more than this many tolerances of the largest number of the run."""


@dataclass(frozen=True)
class _Runs:
    """The leaves of float64 runs, the undisturbed one first, and the largest number seen in any result."""

    leaves: list[list[Any]]
    largest: float


class Rounding:
    """Judges the outputs of one network."""

    def __init__(self, model: Callable[..., Any]) -> None:
        self._model = model

    def judge(
        self,
        comparison: Comparison,
        inputs: InputSet,
        path: Path,
        expected: Sequence[ExpectedRead],
        eager: EagerRun,
        ours: object,
        dtype: torch.dtype,
    ) -> Comparison:
        """`comparison` of `eager`, run on `inputs` along `path`, and `ours`; those differences that are no greater
        than what rounding makes of the leaf are `rounded` in what is given back.

        `dtype` is the least precise that the network computes in.
        """
        differences = comparison.differences
        if not differences or not all(math.isfinite(item.error) for item in differences):
            return comparison
        if not _decides_alike(path, expected, eager):
            return comparison  # eager PyTorch went another way: there is no use in comparing
        try:
            runs = self._runs(inputs, path, expected, eager, torch.finfo(dtype).eps / 2)
        except Exception as error:  # noqa: BLE001 (a network may refuse float64 in any way)
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            return replace(comparison, unjudged=f"no float64 run tells what rounding does ({reason})")
        eager_leaves, our_leaves = flatten(eager.output, "leaf")[1], flatten(ours, "leaf", arrays=True)[1]
        judged = [_judged(item, eager_leaves[item.leaf], our_leaves[item.leaf], runs) for item in differences]
        return replace(
            comparison,
            differences=tuple(item for item in judged if isinstance(item, Difference)),
            rounded=tuple(item for item in judged if isinstance(item, Rounded)),
        )

    def _runs(
        self, inputs: InputSet, path: Path, expected: Sequence[ExpectedRead], eager: EagerRun, unit: float
    ) -> _Runs:
        """Runs in float64, plain and with weights and inputs disturbed by the part `unit`, in which the network
        decides and chooses as in `eager`."""
        # A number that is read and not forced is rounded too, so it is left to the data, as long as it decides alike.
        reads = [
            read._replace(value=theirs.value) if read.value is None and not isinstance(theirs.value, float) else read
            for read, theirs in zip(expected, eager.matched, strict=True)
        ]
        seen = Choices()
        again = run_eager_forced(self._model, inputs.args, inputs.kwargs, reads, seen)
        with float64_default():
            model = self._model
            if isinstance(model, nn.Module):
                model = mapped(copy.deepcopy(model), double)
            exact, choices = _run(model, inputs, reads, double)
            if not _decides_alike(path, reads, exact):
                reads = [read._replace(value=theirs.value) for read, theirs in zip(reads, again.matched, strict=True)]
                exact, choices = _run(model, inputs, reads, double)
            _check(exact, eager)
            if choices != seen.choices:
                raise ValueError("its tensor code chooses otherwise in float64")
            found = [exact]
            generator = torch.Generator().manual_seed(0)
            for _ in range(_DISTURBED):
                shake = disturb(generator, unit)
                shaken = mapped(copy.deepcopy(model), shake) if isinstance(model, nn.Module) else model
                run, choices = _run(shaken, inputs, reads, lambda tensor, shake=shake: shake(double(tensor)))  # type: ignore[misc]
                if choices == seen.choices:
                    _check(run, eager)
                    found.append(run)
        return _Runs([flatten(run.output, "leaf")[1] for run in found], seen.largest)


def _run(
    model: Callable[..., Any],
    inputs: InputSet,
    reads: Sequence[ExpectedRead],
    change: Callable[[torch.Tensor], torch.Tensor],
) -> tuple[EagerRun, list[object]]:
    """A run on changed inputs, and what its tensor code chose."""
    tensors = [change(tensor) for tensor in inputs.tensors.values()]
    args, kwargs = rebuild((inputs.args, inputs.kwargs), tensors)
    mode = Doubling()
    return run_eager_forced(model, args, kwargs, reads, mode), mode.choices


def _check(run: EagerRun, eager: EagerRun) -> None:
    """Raise where a run went otherwise than `eager`."""
    if run.exception is not None:
        raise run.exception
    if run.consumed != eager.consumed or flatten(run.output, "leaf")[0] != flatten(eager.output, "leaf")[0]:
        raise ValueError("it reads or returns other values in float64")


def _decides_alike(path: Path, reads: Sequence[ExpectedRead], run: EagerRun) -> bool:
    values = {
        read.variable: as_kind(read.variable.kind, theirs.natural if given.value is None else given.value)
        for read, given, theirs in zip(path.reads, reads, run.matched)
    }
    tests = [constraint for _, constraint in path.constraints if constraint.term.variables <= values.keys()]
    return all(constraint.holds(values) for constraint in tests)


def _judged(difference: Difference, eager: Any, ours: Any, runs: _Runs) -> Difference | Rounded:
    theirs, mine = _array(eager), _array(ours)
    exact, *disturbed = (_array(leaves[difference.leaf]) for leaves in runs.leaves)
    if exact.shape != theirs.shape or any(other.shape != exact.shape for other in disturbed):
        return difference
    ours_off, eager_off = _gap(mine, exact), _gap(theirs, exact)
    rounding = max(eager_off, *(_gap(other, exact) for other in disturbed)) if disturbed else eager_off
    tolerance = difference.tolerance
    plausible = _PLAUSIBLE * tolerance * max(runs.largest, scale_of(exact))
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
