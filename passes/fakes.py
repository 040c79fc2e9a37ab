"""Fake tensors of one mode for code that is put together from several: each export leaves a mode of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sympy
import torch
from torch import fx
from torch._dispatch.python import enable_python_dispatcher
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv

from adaptc.compiler.ir.host_types import SCALAR_DTYPES
from adaptc.compiler.ir.program import Dim, ScalarType, TensorType, Type

_HINTS = tuple(sympy.primerange(5, 200))
_SYMBOLIC = (torch.SymInt, torch.SymFloat, torch.SymBool)


class NotComposable(Exception):
    """Two codes cannot be one, for the reason in the text."""


def is_static(graph: fx.Graph) -> bool:
    """Whether every value of `graph` has the same size in every call."""
    return not any(_is_symbolic(leaf) for node in graph.nodes for leaf in _leaves(node.meta.get("val")))


def dims(tensor: torch.Tensor, names: Mapping[sympy.Symbol, str]) -> tuple[Dim, ...]:
    """The extents of a fake tensor, its symbols under `names`; one that has no name keeps its own, marked as such."""
    found: list[Dim] = []
    for extent in tensor.shape:
        if isinstance(extent, int):
            found.append(extent)
            continue
        expr = extent.node.expr
        renamed = expr.xreplace({symbol: sympy.Symbol(names.get(symbol, f"own_{symbol}")) for symbol in _free(expr)})
        found.append(int(renamed) if renamed.is_Integer else str(renamed))
    return tuple(found)


def symbol_names(nodes: Sequence[fx.Node], types: Sequence[Type]) -> dict[sympy.Symbol, str]:
    """What the types of placeholders call the symbols of their fake tensors."""
    names: dict[sympy.Symbol, str] = {}
    for node, type_ in zip(nodes, types):
        if isinstance(type_, TensorType):
            for inside, outside in zip(node.meta["val"].shape, type_.shape):
                if isinstance(outside, str) and not isinstance(inside, int) and inside.node.expr.is_Symbol:
                    names.setdefault(inside.node.expr, outside)
    return names


def transplant(graph: fx.Graph) -> None:
    """Give every value of a graph of known sizes a fake tensor of one new mode, in place."""
    mode = FakeTensorMode()

    def moved(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        with mode:
            return torch.empty_strided(leaf.shape, leaf.stride(), dtype=leaf.dtype, device=leaf.device)

    for node in graph.nodes:
        if node.op != "output":
            node.meta["val"] = _map_leaves(moved, node.meta.get("val"))


def propagate(graph: fx.Graph, types: Sequence[Type]) -> dict[sympy.Symbol, str]:
    """Compute every value of `graph` anew, in place, for placeholders of these types, in one new mode.

    Gives the names of the new symbols. Raises NotComposable where the graph holds for some sizes only.
    """
    shapes = ShapeEnv()
    mode = FakeTensorMode(shape_env=shapes)
    sizes: dict[str, Any] = {}
    names: dict[sympy.Symbol, str] = {}
    hints = itertools.cycle(_HINTS)

    def extent(dim: Dim) -> Any:
        if isinstance(dim, int):
            return dim
        if not dim.isidentifier():
            raise NotComposable(f"the size '{dim}' of an input is derived from others")
        if dim not in sizes:
            hint = next(hints)
            symbol = shapes.create_symbol(
                hint, ConstantSource(dim), DimDynamic.DYNAMIC, None, do_not_specialize_zero_one=True
            )
            assert isinstance(symbol, sympy.Symbol)
            names[symbol] = dim
            sizes[dim] = shapes.create_symintnode(symbol, hint=hint)
        return sizes[dim]

    holders = [node for node in graph.nodes if node.op == "placeholder"]
    with mode, torch.no_grad(), enable_python_dispatcher(), shapes.ignore_fresh_unbacked_symbols():
        for node, type_ in zip(holders, types, strict=True):
            if isinstance(type_, ScalarType):
                node.meta["val"] = torch.empty((), dtype=SCALAR_DTYPES[type_.kind])
            else:
                node.meta["val"] = torch.empty([extent(dim) for dim in type_.shape], dtype=type_.dtype)
        for node in graph.nodes:
            if node.op == "call_function":
                node.meta["val"] = _called(node)
    if any(shapes.replace(symbol) != symbol for symbol in names):
        raise NotComposable("together they hold for some sizes only")
    return names


def _called(node: fx.Node) -> Any:
    args, kwargs = fx.map_arg((node.args, node.kwargs), lambda used: used.meta["val"])
    target: Callable[..., Any] = node.target  # type: ignore[assignment]
    try:
        return target(*args, **kwargs)
    except Exception as error:
        raise NotComposable(f"{node.target} does not take these sizes: {type(error).__name__}: {error}") from error


def _free(expr: sympy.Basic) -> list[sympy.Symbol]:
    return [symbol for symbol in expr.free_symbols if isinstance(symbol, sympy.Symbol)]


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _map_leaves(change: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return type(value)(_map_leaves(change, item) for item in value)
    return change(value)


def _is_symbolic(leaf: Any) -> bool:
    if isinstance(leaf, torch.Tensor):
        return any(not isinstance(extent, int) for extent in leaf.shape)
    return isinstance(leaf, _SYMBOLIC)
