"""What a cost model sees of code: amounts of work by the kind of kernel, from MLIR text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adaptc.costmodel.graph import graph_of
from adaptc.costmodel.kernels.engine import kernels_of
from adaptc.costmodel.kernels.kernel import Kernel
from adaptc.costmodel.mlir import Block, read_functions

CALL = "call"
"""The kind of the terms that a call of a unit has beside its kernels."""


MEMORY = "memory"
"""The kind of the terms of a whole unit that say how much of what it touches comes from afar, and for how many kernels
the engine finds room at run time only, as it does not know sizes before."""


@dataclass(frozen=True)
class Features:
    """The code of a block as a cost model sees it.

    `terms` are amounts of work by "kind.term"; each kernel adds one to the term "fixed" of its kind. `inputs` and
    `outputs` are numbers of arrays and `output_bytes` their size: what a call costs beside its kernels. `unknown` are
    operators without a handler, with the lines of the text.
    """

    kernels: Sequence[Kernel]
    terms: Mapping[str, float]
    inputs: int
    outputs: int
    output_bytes: int
    unknown: Mapping[str, int]

    @property
    def with_call(self) -> dict[str, float]:
        """`terms` with those of a call of a unit that is made of this code alone."""
        values = self.inputs + self.outputs
        return {
            **self.terms,
            f"{CALL}.fixed": 1.0,
            f"{CALL}.values": float(values),
            f"{CALL}.bytes": float(self.output_bytes),
        }


NO_FEATURES = Features((), {}, 0, 0, 0, {})
"""Of no code."""


def features_of(block: Block, channels: int, unknown: int = 1, sizes: Mapping[str, int] | None = None) -> Features:
    """The features of `block` for a processor that keeps images in blocks of `channels` channels; extents that the
    text leaves open are told by `sizes` and `unknown` (`graph.graph_of`). Raises `MlirError` where the text makes no
    sense."""
    graph = graph_of(block, unknown, sizes)
    found = kernels_of(graph, channels)
    terms: dict[str, float] = {}
    for kernel in found.kernels:
        for name, amount in terms_of(kernel).items():
            terms[name] = terms.get(name, 0.0) + amount
    terms |= {f"{MEMORY}.from_{distance >> 10}k": size for distance, size in found.distant.items()}
    open_lines = {call.line for call in graph.calls if any(value.open for value in (*call.results, *call.tensors))}
    count = sum(kernel.line in open_lines and bool(kernel.op) for kernel in found.kernels)
    if count:
        terms[f"{MEMORY}.unplanned"] = float(count)
    output_bytes = sum(value.bytes for value in graph.outputs)
    return Features(found.kernels, terms, len(graph.inputs), len(graph.outputs), output_bytes, found.unknown)


def features_of_text(
    text: str, channels: int, unknown: int = 1, sizes: Mapping[str, int] | None = None
) -> dict[str, Features]:
    """The features of each block with tensor code in the MLIR `text`, by "function.label" or what there is of it.

    Raises `MlirError` for text that is not MLIR.
    """
    found: dict[str, Features] = {}
    for function in read_functions(text):
        for block in function.blocks:
            features = features_of(block, channels, unknown, sizes)
            if features.kernels:
                found[f"{function.name}{block.label}"] = features
    return found


def terms_of(kernel: Kernel) -> dict[str, float]:
    """The amounts of work of one kernel by "kind.term"."""
    found = {f"{kernel.kind}.{name}": amount for name, amount in kernel.terms.items() if amount}
    if kernel.op:  # what is part of the kernel before is no kernel of its own
        found[f"{kernel.kind}.fixed"] = 1.0
    return found
