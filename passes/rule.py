"""The base of rules over one block's tensor code, and what a rule's `check` looks at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import fx

from adaptc.compiler.ir.program import Dim
from adaptc.passes.program_pass import ProgramPass


class Miss(Exception):
    """Raised by `check` to refuse a match: why not, in a few words, and at which value."""

    def __init__(self, reason: str, at: Captured | fx.Node | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.node = at.node if isinstance(at, Captured) else at


@dataclass(frozen=True)
class Captured:
    """A tensor for which a parameter of a pattern stands: `node` computes it, `val` is its fake tensor.

    Where it depends on weights alone, `tensors` computes it for every block that runs this code: a rule holds for all
    of them. `exclusive` tells that nothing else in the program reads these weights.
    """

    node: fx.Node
    evaluate: Callable[[fx.Node], tuple[torch.Tensor, ...]] = field(repr=False, compare=False)
    is_exclusive: Callable[[fx.Node], bool] = field(repr=False, compare=False)

    @property
    def val(self) -> torch.Tensor:
        """The fake tensor; its extents are ints or symbols of torch's."""
        value = self.node.meta["val"]
        assert isinstance(value, torch.Tensor)
        return value

    @property
    def shape(self) -> tuple[Dim, ...]:
        """The extents: numbers, and texts for those that are known at run time only."""
        return tuple(extent if isinstance(extent, int) else str(extent) for extent in self.val.shape)

    @property
    def dtype(self) -> torch.dtype:
        """The element type."""
        return self.val.dtype

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """The value in each block with this code, where it depends on weights alone; otherwise nothing."""
        return self.evaluate(self.node)

    @property
    def exclusive(self) -> bool:
        """Whether it depends on weights alone, which nothing else reads but what the match replaces."""
        return self.is_exclusive(self.node)


@dataclass(frozen=True)
class Rule(ABC):
    """A rewrite of tensor code: a frozen dataclass whose fields are its options.

    `pattern` is what to look for and `replace` what to put there: ordinary calls of ``torch.ops.aten`` on their
    parameters, which have the same names in both. A parameter without annotation, or annotated ``Tensor``, stands for
    any tensor; ``Tensor | None`` for one that may be missing; ``int``, ``float``, ``bool``, ``str``, ``list`` or
    ``list[int]`` for the constant that stands there, which `check` and `replace` get as such; ``object`` for a tensor
    or a constant. Constants and operators in the pattern stand for themselves; ``torch.ops.aten.add`` is any overload,
    ``torch.ops.aten.add.Tensor`` that one. A tuple means several results.

    `check` raises `Miss` to refuse a match; it takes the same parameters, tensors as `Captured`. A value inside the
    match that something else reads refuses it too, unless the pattern has it among its results, or the rule sets
    `shared_inner`: then that value is computed as before, for its other readers.

    Each result must keep its shape and dtype. The docstring says what the rule does and shows ``before:`` and
    ``after:``.
    """

    name: ClassVar[str]
    shared_inner: ClassVar[bool] = False

    # mypy lets a subclass take any parameters of its own where the base takes these.
    @abstractmethod
    def pattern(self, *values: Any, **named: Any) -> Any:
        """The calls to look for."""

    def check(self, *values: Any, **named: Any) -> None:  # noqa: B027 - to refuse nothing is a fine check
        """Raise `Miss` where the rule does not hold or does not pay."""

    @abstractmethod
    def replace(self, *values: Any, **named: Any) -> Any:
        """The calls to put there: as many results as `pattern` gives."""


Pass = ProgramPass | Rule
"""What a pipeline consists of."""
