"""Boolean masks as indices: the places at which a mask is true, found once for each mask.

torch gives the result of every masked selection a size of its own. Two selections by one mask have the same size, and
code that selects rows of several tensors by it relies on that.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend.draft import SlotRef, SymbolArg, leaves, map_leaves

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder

_DEPTH = 6


def is_mask(item: Any) -> bool:
    """Whether an index is a mask over one or more dimensions, as it is in uint8 too."""
    return isinstance(item, torch.Tensor) and item.dtype in (torch.bool, torch.uint8) and item.dim() > 0


def places(recorder: Recorder, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The indices of the elements of `mask` that are true: one int64[n] per dimension."""
    mask = as_bool(recorder, recorder.fake(mask))
    known = recorder.held.places
    # the value is what the mask is known by once this draft has ended
    key, value = _meaning(recorder, mask, _DEPTH), recorder.held.values[id(mask)][0]
    found = known.get(key) or known.get(value)
    if found is None:
        found = recorder.record(torch.nonzero, (mask,), {"as_tuple": True})
    known[key] = known[value] = found
    return found


def of_rows(recorder: Recorder, mask: torch.Tensor) -> torch.Tensor | None:
    """The mask whose elements `mask` repeats along a last dimension, as ``m.unsqueeze(-1).expand_as(x)`` does."""
    repeated = _made_by(recorder, mask, "expand", "expand_as")
    if repeated is None or repeated.dim() != mask.dim() or repeated.shape[:-1] != mask.shape[:-1]:
        return None
    rows = _made_by(recorder, repeated, "unsqueeze")
    return rows if rows is not None and rows.dim() and rows.shape == repeated.shape[:-1] else None


def _made_by(recorder: Recorder, tensor: torch.Tensor, *names: str) -> torch.Tensor | None:
    """What the running draft has made `tensor` of by a function of one of these names, if it has."""
    draft, memories = recorder.draft, recorder.memories
    slot = draft.slots.get(id(tensor))
    op = next((op for op in reversed(draft.ops) if slot in op.results), None) if slot is not None else None
    if op is None or getattr(op.function, "__name__", "") not in names or memories.of(tensor) in draft.changed:
        return None
    sources = [draft.tensors[leaf.slot] for leaf in leaves(op.args) if isinstance(leaf, SlotRef)]
    return sources[0] if sources else None


def as_bool(recorder: Recorder, mask: torch.Tensor) -> Any:
    """A mask whose elements are booleans."""
    return mask if mask.dtype == torch.bool else recorder.record(torch.ne, (mask, 0), {})


def with_places(recorder: Recorder, index: Any) -> Any:
    """An index with the places of its masks instead of them."""
    items: list[Any] = []
    for item in index if isinstance(index, tuple) else (index,):
        items += places(recorder, item) if is_mask(item) else (item,)
    return tuple(items)


def _meaning(recorder: Recorder, tensor: torch.Tensor, depth: int) -> Hashable:
    """A key that only tensors of equal contents have: how `tensor` was computed, from which values."""
    draft, held, memories = recorder.draft, recorder.held, recorder.memories
    value = held.values[id(tensor)]
    slot = draft.slots.get(id(tensor))
    if slot is None or slot in draft.inputs or not depth or memories.of(tensor) in draft.changed:
        return value
    op = next((op for op in reversed(draft.ops) if slot in op.results), None)
    if op is None or len(op.results) != 1:
        return value
    sources = [draft.tensors[leaf.slot] for leaf in leaves((op.args, op.kwargs)) if isinstance(leaf, SlotRef)]
    if any(memories.of(source) in draft.changed for source in sources):
        return value  # what it was computed from may be something else now

    def key(leaf: Any) -> Hashable:
        if isinstance(leaf, SlotRef):
            return _meaning(recorder, draft.tensors[leaf.slot], depth - 1)
        return ("number", str(leaf.expr)) if isinstance(leaf, SymbolArg) else (type(leaf).__name__, repr(leaf))

    arguments = str(map_leaves(lambda leaf: None, (op.args, op.kwargs)))
    return op.function, arguments, tuple([key(leaf) for leaf in leaves((op.args, op.kwargs))]), op.autocast
