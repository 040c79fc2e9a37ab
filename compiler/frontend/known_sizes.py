"""Sizes that are certain on the way that a state has come, by the tests that it has passed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend.draft import map_leaves
from adaptc.compiler.frontend.signals import NeedsFixed, Refused
from adaptc.compiler.frontend.symbols import expression

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder


def applied(recorder: Recorder, arguments: Any) -> Any:
    """The arguments of a call where it is known from tests which sizes are 0 or 1; None where none is.

    Torch computes with sizes that hold on all ways, but a reshape or a broadcast may be possible on this one only.
    """
    known = {symbol: size for symbol, size in recorder.symbols.sizes(recorder.symbols.known).items() if size in (0, 1)}
    changed = False

    def smaller(leaf: Any) -> Any:
        nonlocal changed
        if isinstance(leaf, torch.SymInt) and leaf.node.expr.free_symbols & set(known):
            value = leaf.node.expr.subs(known)
            changed = changed or bool(value.is_Integer)
            return int(value) if value.is_Integer else leaf
        if isinstance(leaf, torch.Tensor):
            for dim, extent in enumerate(leaf.shape):
                if expression(extent) in known:
                    leaf = recorder.record(torch.narrow, (leaf, dim, 0, known[expression(extent)]), {})
                    changed = True
        return leaf

    arguments = map_leaves(smaller, arguments)
    return arguments if changed else None


def refuse_fixed(recorder: Recorder, func: Callable[..., Any]) -> None:
    """Refuse a call that lets a named dimension have one size only."""
    for symbol, name in recorder.dimensions.items():
        fixed = recorder.shapes.replacements.get(symbol)
        if fixed is not None:
            del recorder.dimensions[symbol]
            other = recorder.dimensions.get(fixed) or fixed
            if name and other == name:
                raise NeedsFixed(name)
            if not name:
                raise Refused(
                    recorder.problem(
                        f"{getattr(func, '__name__', func)}() works only where a size that changes is {other}",
                        "the loop is one loop of the compiled network, for all its iterations",
                        "keep the sizes of the tensors that the loop changes in step",
                    )
                )
            raise Refused(
                recorder.problem(
                    f"{getattr(func, '__name__', func)}() works only where the dimension {name!r} is {other}",
                    f"{name!r} is declared as a dimension that varies",
                    f"use x.shape in place of a fixed number, or leave {name!r} out of the dynamic dimensions",
                )
            )
