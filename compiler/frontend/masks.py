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
    key = _meaning(recorder, mask, _DEPTH)
    found = recorder.held.places.get(key)
    if found is None:
        found = recorder.record(torch.nonzero, (mask,), {"as_tuple": True})
        recorder.held.places[key] = found
    return found


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
