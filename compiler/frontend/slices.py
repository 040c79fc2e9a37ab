"""Slices by fixed numbers of a dimension whose size varies: ``x[:8]`` of fewer than eight rows is all of them.

torch's own shape functions would take the example's size for every size. So whether a bound lies within the dimension
is a test of the size where it is not known, and the slice is another one on each way.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sympy
import torch

from adaptc.compiler.frontend.reasons import NATIVE
from adaptc.compiler.frontend.signals import NeedsInterpretation, Refused, Undecided
from adaptc.compiler.frontend.sources import codes_of_frames
from adaptc.compiler.frontend.symbols import expression

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder


def settled(recorder: Recorder, shape: Sequence[Any], items: Sequence[Any]) -> list[Any]:
    """The items of an index into a tensor of `shape`, its slices such that their bounds lie within the dimensions.

    Raises Undecided for a test of a size that decides it, or NeedsInterpretation where native code takes the slice.
    """
    consumed = sum(item is not None and item is not Ellipsis for item in items)
    if any(isinstance(item, torch.Tensor) and item.dtype == torch.bool and item.dim() != 1 for item in items):
        return list(items)
    result: list[Any] = []
    dim = 0
    for item in items:
        if isinstance(item, slice) and dim < len(shape):
            item = _within(recorder, shape[dim], item)
        result.append(item)
        if item is Ellipsis:
            dim += len(shape) - consumed
        elif item is not None:
            dim += 1
    return result


def _within(recorder: Recorder, size: Any, item: slice) -> slice:
    symbol, more = _as_sum(recorder, size)
    if symbol is None:
        _refuse_unknown(recorder, size, item)
    if symbol is None or item.step not in (None, 1):
        return item
    start, stop = item.start, item.stop

    def fits(bound: int) -> bool:
        # one row of a dimension that a loop changes is there: no test, for which the loop would have to be taken apart
        there = bound == 1 and symbol in recorder.dimensions and not recorder.dimensions[symbol]
        return there or _at_least(recorder, symbol, bound - more)

    if isinstance(start, int) and start and not fits(abs(start)):
        if start > 0:
            return slice(0, 0)
        start = None
    if isinstance(stop, int) and stop and not fits(abs(stop)):
        stop = None if stop > 0 else 0
    return slice(start, stop, item.step)


def _as_sum(recorder: Recorder, size: Any) -> tuple[Any, int]:
    """A size as one of the recorder's dimensions, or a size that an earlier draft got from data, plus a number; None
    where it is anything else.

    Where both are in one draft, its code computes the bounds. A draft that is given a tensor of such a size is exported
    with an example, and torch would take the example's bounds for all sizes.
    """
    if not isinstance(size, torch.SymInt):
        return None, 0
    total = expression(size)
    symbols = list(total.free_symbols)
    if len(symbols) != 1 or not (symbols[0] in recorder.dimensions or _from_before(recorder, symbols[0])):
        return None, 0
    more = sympy.expand(total - symbols[0])
    return (symbols[0], int(more)) if more.is_Integer else (None, 0)


def _refuse_unknown(recorder: Recorder, size: Any, item: slice) -> None:
    """Refuse bounds that may lie outside of a size that is computed from one that an earlier draft got from data."""
    if not isinstance(size, torch.SymInt) or not any(_from_before(recorder, s) for s in expression(size).free_symbols):
        return
    for bound in (item.start, item.stop):
        if isinstance(bound, int) and bound and not recorder.symbols.decide(sympy.Ge(expression(size), abs(bound))):
            problem = recorder.problem(
                "a slice by fixed numbers of a tensor whose length is computed from one that data decides",
                "whether there are as many rows is known only at run time, and the block is exported for one case",
                "take the slice before the branch, or branch on the length",
            )
            codes = codes_of_frames(sys._getframe(1))
            raise NeedsInterpretation(codes, problem) if codes else Refused(problem)


def _from_before(recorder: Recorder, symbol: Any) -> bool:
    value = recorder.symbols.values.get(symbol)
    return value is not None and value.draft is not recorder.draft


def _at_least(recorder: Recorder, symbol: Any, number: int) -> bool:
    known = recorder.symbols.decide(sympy.Ge(symbol, number))
    if known is not None:
        return known
    problem = recorder.problem("a slice is taken of a dimension that may be shorter", *NATIVE)
    codes = codes_of_frames(sys._getframe(1))
    if codes:
        raise NeedsInterpretation(codes, problem)
    example = recorder.shapes.backed_var_to_val.get(symbol)
    extent: Any = recorder.shapes.create_symintnode(symbol, hint=None if example is None else int(example))
    raise Undecided(extent >= number)
