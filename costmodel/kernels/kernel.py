"""A kernel, and the state in which the calls of a block become kernels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from adaptc.costmodel.graph import Call, Graph, Value

LEAST = 4
"""What the channels of an image must be a multiple of to be brought into the blocked layout."""


@dataclass(frozen=True)
class Kernel:
    """One kernel: `kind` names what its cost depends on, and `op` is the engine's operator, "" for work that the kernel
    before does along.

    `terms` are amounts of work, to each of which a kernel of this kind takes time in proportion: elements, multiplied
    and added pairs ("macs"), bytes, rows. `shape` are extents that tell how well it does so. `line` is the text's.
    """

    kind: str
    op: str
    terms: Mapping[str, float]
    shape: Mapping[str, float] = field(default_factory=dict)
    line: int = 0


Handler = Callable[["Grouping", Call], None]
"""Adds the kernels of a call."""


class Grouping:
    """The kernels of a graph as they are found, call by call.

    `channels` are those that the engine keeps together in its blocked layout of images. A value has its blocked form,
    its plain one, or both; what needs the other gets a kernel that makes it.
    """

    def __init__(self, graph: Graph, channels: int) -> None:
        self.graph = graph
        self.channels = channels
        self.kernels: list[Kernel] = []
        self.unknown: dict[str, int] = {}
        self.fused_products: set[str] = set()
        self._absorbed: set[int] = set()
        self._done: set[str] = set()
        self._blocked: set[str] = set()
        self._reordered: set[str] = set()
        self._convolved: set[str] = set()
        self._plain: set[str] = {value.name for value in graph.inputs}
        self._borders = {value.name for value in (*graph.inputs, *graph.outputs)}

    def add(
        self,
        kind: str,
        op: str,
        call: Call,
        terms: Mapping[str, float],
        shape: Mapping[str, float] | None = None,
    ) -> None:
        """A kernel for `call`."""
        self.kernels.append(Kernel(kind, op, dict(terms), dict(shape or {}), call.line))

    def absorb(self, call: Call) -> None:
        """What `call` computes is part of a kernel that is there."""
        self._absorbed.add(id(call))

    def activate(self, call: Call, kinds: Mapping[str, str]) -> None:
        """The kernel that was added last computes the activation `call` along; `kinds` tells what that is by its name,
        but for those that cost nothing there."""
        self.absorb(call)
        kind = kinds.get(call.name)
        if kind is not None:
            elements = float(call.result.elements)
            self.add(kind, "", call, {"elements": elements, "bytes": 0.0, "spans": 0.0})

    def is_absorbed(self, call: Call) -> bool:
        """Whether a kernel that is there computes it."""
        return id(call) in self._absorbed

    def next(self, value: Value, names: Collection[str]) -> Call | None:
        """The call that alone uses `value`, where it is of these and no kernel computes it yet."""
        call = self.graph.only_user(value)
        if call is None or call.name not in names or self.is_absorbed(call):
            return None
        return call

    def is_border(self, value: Value) -> bool:
        """Whether `value` comes into the unit or goes out of it, so that no kernel may work on it in its place."""
        return value.name in self._borders

    def is_first(self, work: str) -> bool:
        """Whether this is the first time that `work`, which need not be done twice, is asked for."""
        first = work not in self._done
        self._done.add(work)
        return first

    def give_blocked(self, value: Value) -> None:
        """`value` is there in the blocked layout."""
        self._blocked.add(value.name)

    def give_plain(self, value: Value) -> None:
        """`value` is there in the plain layout."""
        self._plain.add(value.name)

    def has_blocked(self, value: Value) -> bool:
        """Whether a kernel gives `value` in the blocked layout; to have been brought into it does not count."""
        return value.name in self._blocked

    def give_convolved(self, value: Value) -> None:
        """`value` is what a convolution gives, before any activation."""
        self._convolved.add(value.name)

    def is_from_convolution(self, value: Value) -> bool:
        """Whether a convolution gives `value`, to nothing but one call, and can take an activation along."""
        return value.name in self._convolved and self.graph.uses[value.name] == 1

    def is_only_blocked(self, value: Value) -> bool:
        """Whether `value` is there in the blocked layout and in no other yet."""
        return value.name in self._blocked and value.name not in self._plain

    def pass_on(self, value: Value, result: Value) -> None:
        """`result` has the layouts of `value`: what is between them is part of a kernel that is still to come."""
        for names in (self._blocked, self._plain, self._reordered):
            if value.name in names:
                names.add(result.name)

    def has_plain(self, value: Value) -> bool:
        """Whether `value` is there in the plain layout."""
        return value.name in self._plain

    def need_blocked(self, value: Value, call: Call) -> None:
        """Make the blocked form of `value` where it lacks."""
        if value.name not in self._blocked | self._reordered:
            self._reordered.add(value.name)
            self.add("reorder", "ReorderInput", call, {"elements": value.elements})

    def need_plain(self, value: Value, call: Call | None = None) -> None:
        """Make the plain form of `value` where it lacks."""
        if value.name in self._blocked and value.name not in self._plain:
            self._plain.add(value.name)
            line = call.line if call is not None else 0
            terms = {"elements": float(value.elements)}
            self.kernels.append(Kernel("reorder", "ReorderOutput", terms, {}, line))
