"""The kernels that ONNX Runtime executes for a block, as its optimizers leave them.

They are told from the code alone, without the engine. `adaptc costmodel collect` reads what the engine really executes
back from its optimised model, and the tests compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adaptc.costmodel.graph import Graph
from adaptc.costmodel.kernels import images, layers, movement, pointwise, recurrent, reductions
from adaptc.costmodel.kernels.kernel import Grouping, Handler, Kernel
from adaptc.costmodel.kernels.traffic import Step, distant_bytes

HANDLERS: Mapping[str, Handler] = {
    **pointwise.HANDLERS,
    **movement.HANDLERS,
    **reductions.HANDLERS,
    **layers.HANDLERS,
    **images.HANDLERS,
    **recurrent.HANDLERS,
}
"""By the name of the operator; each adds the kernels of a call of it."""


_UNFORESEEN = (AttributeError, IndexError, KeyError, TypeError, ValueError, ZeroDivisionError)
"""What a handler raises on arguments of a form that it does not know."""


_ASIDE = frozenset({"reshape", "reorder"})
"""Kernels that give what is there another form."""


@dataclass(frozen=True)
class Kernels:
    """The kernels of a graph, and the lines of the text with operators that have no handler, by their names.
    `distant` are the bytes that a call touches from afar (`traffic.distant_bytes`)."""

    kernels: Sequence[Kernel]
    unknown: Mapping[str, int]
    distant: Mapping[int, float]


def kernels_of(graph: Graph, channels: int) -> Kernels:
    """The kernels of `graph` on a processor on which images are kept in blocks of `channels` channels.

    An operator that is not known, or comes with arguments of a form that its handler does not know, counts as one pass
    over what it takes and gives, and is named: a prediction is in doubt then, and no reason to fail.
    """
    grouping = Grouping(graph, channels)
    steps = []
    for call in graph.calls:
        if grouping.is_absorbed(call):
            steps.append(Step(call, works=False, in_place=True))
            continue
        handler = HANDLERS.get(call.name)
        before = len(grouping.kernels)
        try:
            if handler is not None:
                handler(grouping, call)
        except _UNFORESEEN:
            handler = None
        if handler is None:
            del grouping.kernels[before:]
            grouping.unknown[call.name] = call.line
            pointwise.one_pass(grouping, call)
        works = any(kernel.op and kernel.kind not in _ASIDE for kernel in grouping.kernels[before:])
        steps.append(Step(call, works, call.name in pointwise.HANDLERS))
    for value in graph.outputs:
        grouping.need_plain(value)
    return Kernels(grouping.kernels, grouping.unknown, distant_bytes(graph, steps))
