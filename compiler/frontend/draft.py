"""Blocks while they are being captured: a tape of torch calls over slots, host steps, and an end.

A tape is replayed call by call on real or fake tensors. A *slot* is one tensor object within one block: an
in-place call changes the object, so the slots that share its memory see the change, as in eager PyTorch. A
`Value` is what other blocks may use: a tensor as it is when the block ends, or a host scalar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sympy
import torch
from torch.utils._sympy.value_ranges import ValueRanges

from adaptc.compiler.frontend.signals import JoinSite
from adaptc.runtime.hostprogram import Distribution, Expr, Scalar, ValueSpec
from adaptc.runtime.tree import Tree


@dataclass(eq=False, slots=True)
class Value:
    """A tensor (`fake` has its dtype and shape) or a host scalar (`kind`), defined in `draft`.

    `slot` is the tensor's slot in its draft. A weight belongs to no draft and has a name in `weight`. For a block
    argument made of tensors, `site` is the join and `arms` are the tensors.
    """

    name: str
    draft: Draft | None
    fake: torch.Tensor | None = None
    kind: Scalar | None = None
    slot: int = -1
    weight: str | None = None
    site: JoinSite | None = None
    arms: tuple[torch.Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class SlotRef:
    """A tensor argument of a recorded call."""

    slot: int


@dataclass(frozen=True, slots=True)
class SymbolArg:
    """A host-scalar argument of a recorded call: an expression over symbols of `kind`."""

    expr: sympy.Basic
    kind: Scalar


@dataclass(frozen=True, slots=True)
class Op:
    """A recorded call. `results` has the slot of every tensor leaf of its result, None for other leaves.

    `autocast` is the dtype that autocast was set to, None where it was off.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: tuple[int | None, ...]
    loc: str
    autocast: torch.dtype | None = None


@dataclass(slots=True)
class ReadStep:
    """The host takes the one element of a slot. `position` is the length of the tape when it was taken."""

    value: Value
    slot: int
    position: int
    loc: str


@dataclass(slots=True)
class SizeStep:
    """The host takes the extent of a dimension of a slot."""

    value: Value
    slot: int
    dim: int
    loc: str


@dataclass(slots=True)
class Arm:
    """An edge to another draft with the operands of its parameters (values, or host expressions over `uses`)."""

    draft: Draft
    args: dict[Value, Operand] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostExpr:
    """A host expression and the values that it names."""

    expr: Expr
    uses: tuple[Value, ...]


Operand = Value | HostExpr


@dataclass(slots=True)
class LetStep:
    """The host computes a scalar that must not be simplified symbolically."""

    value: Value
    expr: HostExpr
    loc: str


@dataclass(slots=True)
class DrawStep:
    """The host draws a tensor of random numbers: of which kind, its extents, and the ends of integers."""

    value: Value
    kind: Distribution
    shape: tuple[HostExpr, ...]
    args: tuple[HostExpr, ...]
    loc: str


@dataclass(slots=True)
class JumpEnd:
    """Go on to one draft."""

    to: Arm


@dataclass(slots=True)
class BranchEnd:
    """Two ways by a test."""

    test: HostExpr
    then: Arm
    orelse: Arm
    loc: str


@dataclass(slots=True)
class SwitchEnd:
    """One way per key, else the default."""

    index: HostExpr
    keys: tuple[int, ...]
    arms: list[Arm]
    default: Arm
    loc: str


@dataclass(slots=True)
class ReturnEnd:
    """The network returns. `resume` leads to the draft with which the next call of a session begins; its parameters
    are that call's inputs."""

    outputs: list[Operand]
    specs: list[ValueSpec]
    tree: Tree
    loc: str
    resume: Arm | None = None


@dataclass(slots=True)
class RaiseEnd:
    """The network raises."""

    exception: str
    message: str
    loc: str


End = JumpEnd | BranchEnd | SwitchEnd | ReturnEnd | RaiseEnd


@dataclass(eq=False)
class Draft:
    """A block being captured: `preamble` then `ops` are its tape.

    `inputs` maps the slots of tensors that come from elsewhere to their values, `slots` tensor objects by id to slots;
    `changed` holds the memories that its calls change in place. `suspect`: a problem was found on the way, so that
    problems of its code mean nothing. `loops`: where the loops of the network begin that it is captured in. `known`:
    ranges of sizes, by the tests on the way to it.
    """

    index: int
    loc: str
    params: list[Value] = field(default_factory=list)
    preamble: list[Op] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    inputs: dict[int, Value] = field(default_factory=dict)
    slots: dict[int, int] = field(default_factory=dict)
    tensors: list[torch.Tensor] = field(default_factory=list)
    steps: list[ReadStep | SizeStep | LetStep | DrawStep] = field(default_factory=list)
    changed: set[object] = field(default_factory=set)
    end: End | None = None
    suspect: bool = False
    loops: tuple[JoinSite, ...] = ()
    known: Mapping[sympy.Symbol, ValueRanges[Any]] = field(default_factory=dict)

    def new_slot(self, tensor: torch.Tensor) -> int:
        """A slot for a tensor object that this draft has not seen."""
        slot = len(self.tensors)
        self.tensors.append(tensor)
        self.slots[id(tensor)] = slot
        return slot

    def copy(self) -> Draft:
        """What it holds now, for `restore`."""
        kept = Draft(self.index, self.loc)
        kept.restore(self)
        return kept

    def restore(self, kept: Draft) -> None:
        """Hold again what `kept`, a copy, holds."""
        self.params, self.preamble, self.ops = list(kept.params), list(kept.preamble), list(kept.ops)
        self.inputs, self.slots, self.tensors = dict(kept.inputs), dict(kept.slots), list(kept.tensors)
        self.steps = [replace(step) for step in kept.steps]
        self.changed, self.end, self.suspect = set(kept.changed), kept.end, kept.suspect
        self.loops, self.known = kept.loops, kept.known

    @property
    def arms(self) -> Sequence[Arm]:
        """The edges out of this draft."""
        match self.end:
            case JumpEnd(to=arm):
                return [arm]
            case BranchEnd(then=then, orelse=orelse):
                return [then, orelse]
            case SwitchEnd(arms=arms, default=default):
                return [*arms, default]
            case ReturnEnd(resume=Arm() as arm):
                return [arm]
            case _:
                return []


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """`tree` with `function` applied to everything that is not a tuple, list, dict or slice."""
    kind = type(tree)
    if kind is tuple:
        return tuple([map_leaves(function, item) for item in tree])
    if isinstance(tree, list):
        return [map_leaves(function, item) for item in tree]
    if isinstance(tree, dict):
        return {key: map_leaves(function, item) for key, item in tree.items()}
    if kind is slice:
        return slice(*[map_leaves(function, item) for item in (tree.start, tree.stop, tree.step)])
    if isinstance(tree, tuple):  # named tuples, torch.Size and torch.return_types
        items = [map_leaves(function, item) for item in tree]
        if hasattr(tree, "_fields"):
            return kind(*items)
        return tuple(items)
    return function(tree)


def leaves(tree: Any) -> Iterator[Any]:
    """The leaves of nested tuples, lists, dicts and slices in order."""
    if isinstance(tree, (tuple, list)):
        for item in tree:
            yield from leaves(item)
    elif isinstance(tree, dict):
        for item in tree.values():
            yield from leaves(item)
    elif isinstance(tree, slice):
        yield from (tree.start, tree.stop, tree.step)
    else:
        yield tree
