"""What is known of the size of numbers in tensors: indices and counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch.utils._sympy.numbers import int_oo
from torch.utils._sympy.value_ranges import bound_sympy

from adaptc.compiler.frontend.draft import Draft, Op, SlotRef
from adaptc.compiler.frontend.symbols import expression

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder

_REARRANGING = frozenset(
    {"__getitem__", "select", "squeeze", "unsqueeze", "view", "reshape", "flatten", "unbind", "clone", "detach",
     "permute", "transpose", "t", "contiguous", "index_select", "gather", "sort", "long", "expand", "repeat", "unique",
     "flip", "cpu"}
)  # fmt: skip
"""Calls whose result holds nothing but elements of their first argument."""


def index_bound(recorder: Recorder, tensor: torch.Tensor) -> float:
    """What the indices or counts that a tensor holds lie below, 0 where it may hold anything else.

    They are never negative; where nothing is known of their size, it is infinite.
    """
    slot = recorder.draft.slots.get(id(recorder.fake(tensor)), -1)
    while slot >= 0 and recorder.memories.of(recorder.draft.tensors[slot]) not in recorder.draft.changed:
        found = next((op for op in reversed(recorder.draft.ops) if slot in op.results), None)
        if found is None:
            return 0
        name = getattr(found.function, "__name__", "")
        source = found.args[0] if found.args else None
        second = len(found.results) == 2 and found.results[1] == slot
        if name in {"argmax", "argmin"} or (name in {"max", "min", "topk", "sort", "kthvalue", "mode"} and second):
            return _extent_of_choice(recorder.draft, found, name)
        if name in {"count_nonzero", "nonzero", "bincount", "median"}:
            return math.inf if name != "median" or second else 0
        if name not in _REARRANGING or not isinstance(source, SlotRef):
            return 0
        slot = source.slot
    return 0  # what it held has been changed in place


def _extent_of_choice(draft: Draft, op: Op, name: str) -> float:
    """The size of the dimension in which a call chooses indices."""
    if not op.args or not isinstance(op.args[0], SlotRef):
        return math.inf
    shape = draft.tensors[op.args[0].slot].shape
    given = op.args[1 + (name in {"topk", "kthvalue"}) :]
    dim = op.kwargs.get("dim", given[0] if given else None if name.startswith("arg") else -1)
    extents = shape if dim is None else shape[dim : dim + 1 or None] if isinstance(dim, int) else ()
    if not extents or any(not isinstance(extent, int) for extent in extents):
        return math.inf
    return math.prod(extents)


def most_of_size(recorder: Recorder, symbol: sympy.Symbol, sources: Sequence[torch.Tensor]) -> Any:
    """How large a new size of what the last call made of `sources` can be: no larger than what slices cut it from, or
    as many as a source has elements, where torch has said so, by what is known."""
    if part := _largest_part(recorder.draft.ops[-1], sources):
        return part
    most = recorder.shapes.var_to_range[symbol].upper
    for numbers in [expression(source.numel()) for source in sources]:
        if most == bound_sympy(numbers, recorder.shapes.var_to_range).upper:
            return bound_sympy(numbers, recorder.symbols.bounds(numbers)).upper
    return int_oo


def _largest_part(op: Op, sources: Sequence[torch.Tensor]) -> int:
    """How large a dimension can be that a call cuts with slices from the first of its `sources`, whose sizes are known;
    0 for other calls."""
    known = [extent for extent in sources[0].shape if isinstance(extent, int)] if sources else []
    if op.function is not torch.Tensor.__getitem__ or not known or len(known) < sources[0].dim():
        return 0
    index = op.args[1] if isinstance(op.args[1], tuple) else (op.args[1],)
    return 0 if any(isinstance(item, (SlotRef, list)) for item in index) else max(known)
