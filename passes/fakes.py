"""Fake tensors of one mode for code that is put together from several: each export leaves a mode of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sympy
import torch
from torch import fx
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, GuardOnDataDependentSymNode, ShapeEnv

from adaptc.compiler.ir.program import Dim, TensorType, Type

_HINTS = tuple(sympy.primerange(5, 200))
_SYMBOLIC = (torch.SymInt, torch.SymFloat, torch.SymBool)


Sizes = dict[sympy.Symbol, sympy.Expr]
"""What is put in the place of the symbols of a code."""


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


class Relocation:
    """Gives the values of several codes fake tensors of one new mode, in which `names` are sizes that vary.

    What a code was exported with holds for all sizes, so another size is put in the place of each of its own.
    """

    def __init__(self) -> None:
        self.names: dict[sympy.Symbol, str] = {}
        self._shapes = ShapeEnv()
        self._mode = FakeTensorMode(shape_env=self._shapes)
        self._sizes: dict[str, sympy.Symbol] = {}
        self._hints: dict[sympy.Symbol, int] = {}

    def size(self, dim: Dim) -> sympy.Expr:
        """An extent of an input of the whole; raises NotComposable for one that is derived from others."""
        if isinstance(dim, int):
            return sympy.Integer(dim)
        if not dim.isidentifier():
            raise NotComposable(f"the size '{dim}' of an input is derived from others")
        if dim not in self._sizes:
            hint = _HINTS[len(self._sizes) % len(_HINTS)]
            symbol = self._shapes.create_symbol(
                hint, ConstantSource(dim), DimDynamic.DYNAMIC, None, do_not_specialize_zero_one=True
            )
            assert isinstance(symbol, sympy.Symbol)
            self._sizes[dim], self.names[symbol], self._hints[symbol] = symbol, dim, hint
        return self._sizes[dim]

    def sizes_of(self, values: Sequence[torch.Tensor], arriving: Sequence[Sequence[sympy.Expr]]) -> Sizes:
        """The sizes to put in place in a code whose inputs are `values`, which get the extents `arriving`.

        Raises NotComposable where one symbol of the code would have to be two sizes.
        """
        found: Sizes = {}
        pairs = [pair for value, shape in zip(values, arriving) for pair in zip(map(_expression, value.shape), shape)]
        for own, given in pairs:
            if isinstance(own, sympy.Symbol) and found.setdefault(own, given) != given:
                raise NotComposable(f"the sizes {found[own]} and {given} would have to be equal")
        for own, given in pairs:
            if own.xreplace(found) != given:
                raise NotComposable(f"a size {given} would have to be {own.xreplace(found)}")
        return found

    def move(self, nodes: Sequence[fx.Node], sizes: Sizes) -> None:
        """Give the values of `nodes`, in place, a fake tensor of the new mode with `sizes` put in place."""
        try:
            with self._mode, torch.no_grad():
                for node in nodes:
                    node.meta["val"] = _map_leaves(lambda leaf: self._moved(leaf, sizes), node.meta.get("val"))
        except GuardOnDataDependentSymNode as error:
            raise NotComposable("a size that data decides is tested in the code") from error

    def _moved(self, leaf: Any, sizes: Sizes) -> Any:
        if isinstance(leaf, torch.Tensor):
            shape = [self._number(extent, sizes) for extent in leaf.shape]
            strides = [self._number(stride, sizes) for stride in leaf.stride()]
            return torch.empty_strided(shape, strides, dtype=leaf.dtype, device=leaf.device)
        return self._number(leaf, sizes) if isinstance(leaf, _SYMBOLIC) else leaf

    def _number(self, number: Any, sizes: Sizes) -> Any:
        if not isinstance(number, _SYMBOLIC):
            return number
        expr = number.node.expr
        for symbol in _free(expr):
            if symbol not in sizes:
                sizes[symbol] = self._unknown(symbol)
        expr = expr.xreplace(sizes)
        known = all(symbol in self._hints for symbol in _free(expr))
        hint = expr.xreplace({symbol: sympy.Integer(size) for symbol, size in self._hints.items()}) if known else None
        if isinstance(number, torch.SymBool):
            return self._shapes.create_symboolnode(expr)
        if isinstance(number, torch.SymFloat):
            return self._shapes.create_symfloatnode(expr, hint=None if hint is None else float(hint))
        return self._shapes.create_symintnode(expr, hint=None if hint is None else int(hint))

    def _unknown(self, symbol: sympy.Symbol) -> sympy.Expr:
        """A symbol for what data decides within a code."""
        with self._shapes.ignore_fresh_unbacked_symbols():
            if not symbol.is_integer:
                return self._shapes.create_unbacked_symfloat().node.expr
            made: sympy.Symbol = self._shapes.create_unbacked_symint().node.expr
        self._shapes._constrain_range_for_size(made)
        return made


def extents(tensor: torch.Tensor) -> list[sympy.Expr]:
    """The extents of a fake tensor."""
    return [_expression(extent) for extent in tensor.shape]


def _expression(extent: Any) -> sympy.Expr:
    return sympy.Integer(extent) if isinstance(extent, int) else extent.node.expr


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
