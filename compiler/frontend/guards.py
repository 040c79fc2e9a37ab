"""Notices native code that would treat a symbolic number as a Python number."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor

from adaptc.compiler.frontend.reasons import NATIVE
from adaptc.compiler.frontend.recorder import Recorder
from adaptc.compiler.frontend.signals import NeedsInterpretation, NeedsSplit
from adaptc.compiler.frontend.sources import codes_of_frames, is_library_frame
from adaptc.compiler.frontend.symbols import Symbolic

_ARITHMETIC = [
    f"__{side}{name}__"
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or")
    for side in ("", "r")
] + ["__neg__", "__abs__", "__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__", "__round__", "__trunc__"]


@contextmanager
def guarded_symbols(recorder: Recorder) -> Iterator[None]:
    """While it lasts, native code that turns a symbolic number into a concrete one is noticed."""
    originals: list[tuple[type, str, Any]] = []
    kinds: tuple[type, ...] = Symbolic
    for cls in kinds:
        for method in ("__bool__", "__int__", "__float__", "__index__"):
            original = cls.__dict__.get(method)
            if original is not None:
                originals.append((cls, method, original))
                setattr(cls, method, _guard(recorder, cls, original))
    for cls in kinds[1:]:
        for method in _ARITHMETIC:
            original = cls.__dict__.get(method)
            if original is not None:
                originals.append((cls, method, original))
                setattr(cls, method, _interpreted_only(recorder, original))
    # a fake tensor's own tolist() goes past the recorder
    originals.append((FakeTensor, "tolist", FakeTensor.__dict__["tolist"]))
    FakeTensor.tolist = torch.Tensor.tolist  # type: ignore[method-assign]
    try:
        yield
    finally:
        for cls, method, original in originals:
            setattr(cls, method, original)


def _guard(recorder: Recorder, cls: type, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def guard(number: Any) -> Any:
        expr = number.node.expr
        if expr.is_number or (expr.is_Boolean and not expr.free_symbols):
            return original(number)
        decided = recorder.symbols.decide(expr) if cls is torch.SymBool else None
        if decided is not None:
            return decided
        from_library = is_library_frame(sys._getframe(1))
        if from_library and all(s in recorder.symbols.ranges for s in expr.free_symbols):
            return original(number)  # torch's own shape functions, on sizes of inputs
        site = recorder.symbols.site_of(expr)
        if site is not None and cls is not torch.SymBool:
            raise NeedsSplit(site)
        if from_library:
            return original(number)
        recorder.needs_truth(f"the number {expr}")
        raise AssertionError

    return guard


def _interpreted_only(recorder: Recorder, original: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a symbolic number that user code may reach through the machine alone."""

    def method(*args: Any) -> Any:
        frame = sys._getframe(1)
        if not is_library_frame(frame) and not frame.f_globals.get("__name__", "").startswith("adaptc.compiler"):
            codes = codes_of_frames(frame)
            if codes:
                problem = recorder.problem("native code computes with a number that depends on data", *NATIVE)
                raise NeedsInterpretation(codes, problem)
        return original(*args)

    return method
