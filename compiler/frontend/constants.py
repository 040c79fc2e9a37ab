"""Tensors that are the same in every call: what torch makes of weights and literals alone.

They are computed while the network is captured, so that a test of one, such as whether points of time increase, is
decided there and is no branch of the program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch._subclasses.fake_tensor import unset_fake_temporarily

from adaptc.compiler.frontend.draft import Value, leaves, map_leaves
from adaptc.compiler.frontend.symbols import Symbolic

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder

MAX_ELEMENTS = 2**16
"""Larger tensors are left to the program."""
_FILLED = ("zeros", "ones", "full", "empty", "new_")
"""Functions, by how their names begin, that fill a tensor. With these a loop's state begins: decided for the first
iteration, a loop's test would take that iteration out of the loop."""
_LIKE = frozenset({"type_as", "expand_as", "view_as", "reshape_as", "to"})
"""Methods that take no data from a tensor that is their second argument."""


class _Unknown(Exception):
    pass


class Constants:
    """The values that are known, with the tensors that they are in every call."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._known: dict[Value, torch.Tensor] = {}

    def find(self, fake: torch.Tensor) -> torch.Tensor | None:
        """What `fake` is in every call, None where that is not known."""
        recorder = self._recorder
        constant: torch.Tensor | None = getattr(fake, "constant", None)
        if constant is not None or id(fake) not in recorder.held.values:
            return constant
        value = recorder.held.values[id(fake)][0]
        if recorder.memories.stale(recorder.held, fake):
            return None
        return self._known.get(value) if value.weight is None else recorder.weights[value.weight]

    def note(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        """Compute what a recorded call that changes nothing made, where its arguments are known."""
        name = getattr(function, "__name__", "")
        if name.startswith(_FILLED) or name.endswith("_like"):
            return
        like = args[1] if name in _LIKE and len(args) > 1 and isinstance(args[1], torch.Tensor) else None

        def known(leaf: Any) -> Any:
            if isinstance(leaf, Symbolic):
                raise _Unknown
            if not isinstance(leaf, torch.Tensor):
                return leaf
            found = self._blank(leaf) if leaf is like else self.find(leaf)
            if found is None or found.numel() > MAX_ELEMENTS:
                raise _Unknown
            return found

        fakes = list(leaves(out))
        try:
            if any(isinstance(fake, torch.Tensor) and not _small(fake) for fake in fakes):
                raise _Unknown
            given = map_leaves(known, args), map_leaves(known, kwargs)
        except _Unknown:
            return
        with torch._C.DisableTorchFunction(), unset_fake_temporarily():
            made = list(leaves(function(*given[0], **given[1])))
        for fake, real in zip(fakes, made, strict=True):
            if isinstance(fake, torch.Tensor) and (fake.shape, fake.dtype) == (real.shape, real.dtype):
                self._known[self._recorder.held.values[id(fake)][0]] = real

    def forget(self, fake: torch.Tensor) -> None:
        """A call has changed the memory of `fake` in place."""
        memories, held = self._recorder.memories, self._recorder.held
        for member in memories.of(fake).members:
            if id(member) in held.values:
                self._known.pop(held.values[id(member)][0], None)

    def _blank(self, fake: torch.Tensor) -> torch.Tensor | None:
        """A tensor of the dtype and sizes of `fake`."""
        if not _small(fake):
            return None
        with torch._C.DisableTorchFunction(), unset_fake_temporarily():
            return torch.empty(tuple(fake.shape), dtype=fake.dtype)


def _small(fake: torch.Tensor) -> bool:
    """Whether a tensor has a known number of elements, which is not great."""
    count = fake.numel()
    return isinstance(count, int) and count <= MAX_ELEMENTS
