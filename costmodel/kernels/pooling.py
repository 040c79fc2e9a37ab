"""Pools over the windows of images and signals."""

from __future__ import annotations

import math

from adaptc.costmodel.graph import Call
from adaptc.costmodel.kernels.kernel import Grouping


def pool(grouping: Grouping, call: Call) -> None:
    """A pool over windows, on the blocked layout where whole blocks of channels are pooled."""
    (given, *_) = call.tensors
    window = call.args[1]
    even = True
    if "adaptive" in call.name:  # with windows of one size it is a pool like others
        extents = given.shape[2:]
        sizes = call.result.shape[2:]
        width = math.prod(math.ceil(extent / max(1, size)) for extent, size in zip(extents, sizes))
        even = all(extent % max(1, size) == 0 for extent, size in zip(extents, sizes))
    else:
        whole = window if isinstance(window, list) else [window]
        width = math.prod(each if isinstance(each, int) else 1 for each in whole)
        width = width ** (len(given.shape) - 2) if len(whole) == 1 and len(given.shape) > 3 else width
    blocked = len(given.shape) == 4 and given.shape[1] % grouping.channels == 0 and even
    (grouping.need_blocked if blocked else grouping.need_plain)(given, call)
    terms = {"taken": float(given.elements), "window": float(call.result.elements * width)}
    terms["results"] = float(call.result.elements)
    op = "MaxPool" if "max" in call.name else "AveragePool"
    kind = "pool.blocked" if blocked else "pool.max" if "max" in call.name else "pool.average"
    grouping.add(kind, op, call, terms, {"window": width})
    for value in call.results:
        (grouping.give_blocked if blocked else grouping.give_plain)(value)
