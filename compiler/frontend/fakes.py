"""The fake tensors of a capture, and calls on them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.fx.experimental.proxy_tensor import get_proxy_mode
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

from adaptc.compiler.errors import Problem
from adaptc.compiler.frontend.draft import leaves, map_leaves
from adaptc.compiler.frontend.reasons import UNSEEN
from adaptc.compiler.frontend.signals import NeedsInterpretation, Refused
from adaptc.compiler.frontend.sources import codes_of, codes_of_frames
from adaptc.compiler.frontend.symbols import Shapes, Symbolic, no_shortcuts

DATA_DEPENDENT = (
    GuardOnDataDependentSymNode,
    torch._subclasses.fake_tensor.DataDependentOutputException,
)
NOT_TRACEABLE = (
    torch._subclasses.fake_tensor.UnsupportedFakeTensorException,
    torch._subclasses.fake_tensor.DynamicOutputShapeException,
    torch._subclasses.fake_tensor.UnsupportedOperatorException,
    torch._subclasses.fake_tensor.UnsupportedMutationAliasingException,
)


_UNCHECKED = frozenset({torch.Tensor.__setitem__, torch.Tensor.index_put_, torch.Tensor.index_put, torch.index_put})
MOST_ELEMENTS = 10_000_000
"""As many are worth a call on real tensors to see whether a failure is eager PyTorch's too."""


class Fakes(FakeTensorMode):  # type: ignore[no-untyped-call]
    """Fake tensors. Native code that makes one by what is no torch function, such as a constructor, is interpreted."""

    def __init__(self, shapes: Shapes, problem: Callable[..., Problem]) -> None:
        super().__init__(shape_env=shapes, allow_non_fake_inputs=True)
        self._problem = problem

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        recording = not torch._C._is_torch_function_mode_enabled()
        codes = [] if recording else codes_of_frames(sys._getframe(1))
        if codes and get_proxy_mode() is None:  # else transforms.py traces
            raise NeedsInterpretation(codes, self._problem(*UNSEEN))
        return super().__torch_dispatch__(func, types, args, kwargs)  # type: ignore[arg-type]


def run(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], problem_here: Callable[..., Problem]
) -> Any:
    """Call `func` on fake tensors.

    Raises NeedsInterpretation where native code of the network asks for what data decides, else Refused with the
    problem that `problem_here` makes of it, as for functions without shape rules.
    """
    try:
        return _call(func, args, kwargs)
    except DATA_DEPENDENT as error:
        problem = problem_here(
            f"{getattr(func, '__name__', func)} needs a value that depends on data",
            str(error).splitlines()[0],
            "compute it with tensor operations, or branch on it in Python code",
        )
        codes = [*codes_of_frames(sys._getframe(1)), *codes_of(error.__traceback__)]
        raise NeedsInterpretation(codes, problem) if codes else Refused(problem) from error
    except NOT_TRACEABLE as error:
        raise Refused(
            problem_here(
                f"{getattr(func, '__name__', func)} cannot be captured",
                str(error).splitlines()[0] if str(error) else type(error).__name__,
                "use operations whose result shapes follow from their input shapes",
            )
        ) from error


def failure_in_eager(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exception | None:
    """What a call on tensors of known sizes raises on zeros. It does so on any data, since the sizes do not fit."""

    def real(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        return torch.empty_strided(leaf.shape, leaf.stride(), dtype=leaf.dtype).zero_()

    given = leaves((args, kwargs))
    tensors = [leaf for leaf in given if isinstance(leaf, torch.Tensor)]
    sizes = [extent for tensor in tensors for extent in (*tensor.shape, *tensor.stride())]
    if any(isinstance(leaf, Symbolic) for leaf in [*given, *sizes]) or sum(t.numel() for t in tensors) > MOST_ELEMENTS:
        return None
    with torch._C.DisableTorchFunction(), unset_fake_temporarily(), torch.no_grad():
        values = map_leaves(real, args), map_leaves(real, kwargs)
        try:
            func(*values[0], **values[1])
        except (RuntimeError, ValueError, IndexError) as error:
            return error
    return None


def unchecked_failure(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], tensors: Sequence[torch.Tensor]
) -> Exception | None:
    """What a call raises in eager PyTorch that the rules for fake tensors let pass: values without elements that do
    not fit."""
    empty = any(type(extent) is int and extent == 0 for tensor in tensors for extent in tensor.shape)
    return failure_in_eager(func, args, kwargs) if func in _UNCHECKED and empty else None


def _call(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        return func(*args, **kwargs)
    except GuardOnDataDependentSymNode as error:
        if codes_of_frames(sys._getframe(1)) or codes_of(error.__traceback__):
            raise
        with no_shortcuts():
            return func(*args, **kwargs)
