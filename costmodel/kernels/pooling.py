"""Pools over the windows of images and signals."""

from __future__ import annotations

import math

from adaptc.costmodel.graph import Call
from adaptc.costmodel.kernels.kernel import Grouping

_NARROW = 64
"""The elements of a window from which on the engine adds them up several at once."""


def pool(grouping: Grouping, call: Call) -> None:
    """A pool over windows, on the blocked layout where whole blocks of channels are pooled."""
    (given, *_) = call.tensors
    window = call.args[1]
    if "adaptive" in call.name:
        extents = given.shape[2:]
        sizes = call.result.shape[2:]
        width = math.prod(math.ceil(extent / max(1, size)) for extent, size in zip(extents, sizes))
    else:
        whole = window if isinstance(window, list) else [window]
        width = math.prod(each if isinstance(each, int) else 1 for each in whole)
        width = width ** (len(given.shape) - 2) if len(whole) == 1 and len(given.shape) > 3 else width
    blocked = len(given.shape) == 4 and given.shape[1] % grouping.channels == 0
    if blocked and "adaptive" not in call.name:
        grouping.need_blocked(given, call)
    else:
        blocked = False
        grouping.need_plain(given, call)
    terms = {"taken": float(given.elements), "window": float(call.result.elements * width)}
    terms["narrow"] = terms["window"] if width < _NARROW else 0.0
    terms["results"] = float(call.result.elements)
    op = "MaxPool" if "max" in call.name else "AveragePool"
    kind = "pool.blocked" if blocked else "pool.max" if "max" in call.name else "pool.average"
    grouping.add(kind, op, call, terms, {"window": width})
    for value in call.results:
        (grouping.give_blocked if blocked else grouping.give_plain)(value)
