"""Symbols of host scalars, and the translation of torch's symbolic numbers into host expressions.

Under fake tensors ``.item()`` and sizes give SymInt, SymFloat and SymBool: sympy expressions over symbols. This
table says for each symbol which host value it stands for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sympy
import torch
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean, BooleanFalse, BooleanTrue
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.utils._sympy.numbers import int_oo
from torch.utils._sympy.symbol import SymT, symbol_is_type
from torch.utils._sympy.value_ranges import ValueRanges, bound_sympy

from adaptc.compiler.frontend.draft import HostExpr, Value
from adaptc.compiler.frontend.signals import JoinSite
from adaptc.runtime.hostprogram import Apply, Const, Expr, Ref, Scalar

Symbolic = (torch.SymInt, torch.SymFloat, torch.SymBool)


def kind_of(number: Any) -> Scalar | None:
    """The kind of host scalar that a Python or symbolic number is, None for anything else."""
    if isinstance(number, (bool, torch.SymBool)):
        return "bool"
    if isinstance(number, (int, torch.SymInt)):
        return "int"
    if isinstance(number, (float, torch.SymFloat)):
        return "float"
    return None


def expression(number: Any) -> sympy.Basic:
    """The sympy expression of a Python or symbolic number."""
    if isinstance(number, Symbolic):
        return number.node.expr
    return sympy.sympify(number)


def is_contiguous(tensor: torch.Tensor) -> bool:
    """Whether the elements of `tensor` follow each other in memory for all sizes that it can have.

    Torch's own method would take the example's sizes, and hold the network to them.
    """
    step: sympy.Basic = sympy.S.One
    for extent, stride in zip(tensor.shape[::-1], tensor.stride()[::-1], strict=True):
        if expression(extent) != 1 and sympy.expand(expression(stride)) != step:
            return False
        step = sympy.expand(step * expression(extent))
    return True


class Shapes(ShapeEnv):
    """torch's table of symbolic sizes, which all ways through the network share.

    A call that needs a size that depends on data to be one number, such as the last element of as many as there can
    be, fixes that size on its own way only: elsewhere it stays what it is.

    `decide` tells what the ranges of sizes say, those narrowed by the tests on the running way included: there the
    example's size may be one that the way is not taken for.
    """

    decide: Callable[[sympy.Basic], bool | None] = staticmethod(lambda test: None)

    def evaluate_expr(
        self,
        orig_expr: sympy.Basic,
        hint: int | bool | float | None = None,
        fx_node: torch.fx.Node | None = None,
        size_oblivious: bool = False,
        fallback_value: bool | None = None,
        *,
        forcing_spec: bool = False,
    ) -> sympy.Basic:
        """Which of several sizes is greater is not told by the example's, where the caller can do without: a slice from
        one size on, of a dimension that a loop lengthens, would be empty for long examples."""
        known = self.decide(orig_expr) if isinstance(orig_expr, Boolean) else None
        if known is not None and orig_expr.xreplace(self.backed_var_to_val) == sympy.sympify(not known):
            return sympy.sympify(known)
        undecided = (
            fallback_value is not None
            and len(orig_expr.free_symbols) > 1
            and not orig_expr.has(sympy.Eq, sympy.Ne)
            and self._maybe_evaluate_static(orig_expr) is None
        )
        if undecided:
            return sympy.true if fallback_value else sympy.false
        return super().evaluate_expr(
            orig_expr, hint, fx_node, size_oblivious, fallback_value, forcing_spec=forcing_spec
        )

    def guard_or_defer_runtime_assert(  # type: ignore[override]
        self, orig_expr: sympy.Basic, msg: str, fx_node: torch.fx.Node | None = None
    ) -> bool:
        """What a call needs of one size that depends on data, such as not to be 0, is not remembered for other ways."""
        (symbol, *others) = [*orig_expr.free_symbols] or [None]
        unbacked = symbol is not None and symbol_is_type(symbol, SymT.UNBACKED_INT)
        if others or not unbacked or self.var_to_range[symbol].lower < 0:  # other numbers become sizes by such needs
            return super().guard_or_defer_runtime_assert(orig_expr, msg, fx_node)
        return self._maybe_evaluate_static(orig_expr) is not sympy.false

    def _refine_ranges(self, expr: sympy.Basic) -> None:
        before = {symbol: self.var_to_range[symbol] for symbol in expr.free_symbols if symbol in self.var_to_range}
        super()._refine_ranges(expr)
        for symbol, bounds in before.items():
            if symbol_is_type(symbol, SymT.UNBACKED_INT) and self.var_to_range[symbol].is_singleton():
                self.var_to_range[symbol] = bounds

    def _set_replacement(self, a: sympy.Symbol, tgt: sympy.Basic, msg: str) -> None:
        if not (tgt.is_number and symbol_is_type(a, SymT.UNBACKED_INT)):
            super()._set_replacement(a, tgt, msg)


@contextmanager
def no_shortcuts() -> Iterator[None]:
    """While it lasts, torch's shape functions, which ask for a shortcut whether a tensor of a size that depends on data
    is empty, hear that it is not; the shapes are the same either way."""
    original = ShapeEnv.evaluate_expr

    def evaluate(shapes: ShapeEnv, expr: sympy.Basic, *args: Any, **kwargs: Any) -> Any:
        compared = isinstance(expr, (sympy.Eq, sympy.Ne)) and expr.rhs == 0
        if compared and all(symbol_is_type(symbol, SymT.UNBACKED_INT) for symbol in expr.free_symbols):
            return sympy.true if isinstance(expr, sympy.Ne) else sympy.false
        return original(shapes, expr, *args, **kwargs)

    cls: Any = ShapeEnv
    cls.evaluate_expr = evaluate
    try:
        yield
    finally:
        cls.evaluate_expr = original


Ranges = Mapping[sympy.Symbol, ValueRanges[Any]]


def _narrower(bounds: ValueRanges[Any], relation: str, number: int) -> ValueRanges[Any]:
    """The part of a range of integers that stands in a relation to a number; the range where nothing would be left."""
    lower, upper = bounds.lower, bounds.upper
    match relation:
        case "==":
            lower = upper = number
        case "!=":
            lower, upper = lower + int(lower == number), upper - int(upper == number)
        case "<" | "<=":
            upper = min(upper, number - int(relation == "<"))
        case ">" | ">=":
            lower = max(lower, number + int(relation == ">"))
    inside = bounds.lower <= lower <= upper <= bounds.upper
    return ValueRanges(sympy.sympify(lower), sympy.sympify(upper)) if inside else bounds


@dataclass
class SymbolTable:
    """Which host value each symbol stands for. `sites` tells at which join a merged number got its symbol.

    `known` are narrower ranges, by the tests on the way that the running state has come.
    """

    values: dict[sympy.Symbol, Value] = field(default_factory=dict)
    ranges: dict[sympy.Symbol, ValueRanges[Any]] = field(default_factory=dict)
    sites: dict[sympy.Symbol, JoinSite] = field(default_factory=dict)
    kinds: dict[sympy.Symbol, Scalar] = field(default_factory=dict)
    known: Ranges = field(default_factory=dict)

    def define(self, symbol: sympy.Symbol, value: Value, site: JoinSite | None = None) -> None:
        """Let `symbol` stand for the scalar `value`."""
        assert value.kind is not None
        self.values[symbol] = value
        self.kinds[symbol] = value.kind
        if site is not None:
            self.sites[symbol] = site

    def decide(self, test: sympy.Basic) -> bool | None:
        """The truth of `test` where it is the same for all values of its symbols, else None.

        Only ranges count, never the guards that torch assumed for the example's sizes.
        """
        if isinstance(test, BooleanTrue):
            return True
        if isinstance(test, BooleanFalse):
            return False
        if any(symbol not in self.ranges for symbol in test.free_symbols):
            return None
        bounds = bound_sympy(test, self.bounds(test))
        if bounds.is_singleton():
            return bool(bounds.lower)
        return None

    def bounds(self, expr: sympy.Basic) -> dict[sympy.Symbol, ValueRanges[Any]]:
        """What is known here of the symbols of an expression."""
        known = {symbol: self.known.get(symbol, self.ranges.get(symbol)) for symbol in expr.free_symbols}
        return {symbol: bounds for symbol, bounds in known.items() if bounds is not None}

    def common(self, ways: Sequence[Ranges]) -> Ranges:
        """What is known where one of several ways was taken, without what is known everywhere."""
        first, *others = ways
        known: dict[sympy.Symbol, ValueRanges[Any]] = {}
        for symbol, bounds in first.items():
            if any(symbol not in other for other in others):
                continue
            for other in others:
                if other[symbol] != bounds:
                    bounds = bounds | other[symbol]
            if bounds != self.ranges[symbol]:
                known[symbol] = bounds
        return known

    def implied(self, test: sympy.Basic, truth: bool, *, counters: bool = False) -> Ranges:
        """What is known where `test` has turned out to be `truth`: sizes that it compares with numbers, and with
        `counters` other integers too."""
        known = dict(self.known)
        test = test if truth else sympy.Not(test)
        for part in test.args if isinstance(test, sympy.And) else (test,):
            if not isinstance(part, Relational):
                continue
            part = part if part.rhs.is_Integer else part.reversed
            symbol, number = part.lhs, part.rhs
            if number.is_Integer and (symbol in self.ranges or (counters and self.kinds.get(symbol) == "int")):
                bounds = known.get(symbol, self.ranges.get(symbol, ValueRanges(-int_oo, int_oo)))
                known[symbol] = _narrower(bounds, part.rel_op, int(number))
        return known

    def sizes(self, known: Ranges) -> dict[sympy.Symbol, int]:
        """The sizes that are certain numbers where `known` holds."""
        return {symbol: int(bounds.lower) for symbol, bounds in known.items() if bounds.is_singleton()}

    def may_be_nan(self, number: Any) -> bool:
        """Whether a symbolic number depends on a float."""
        return isinstance(number, Symbolic) and any(
            self.kinds.get(symbol) == "float" for symbol in number.node.expr.free_symbols
        )

    def site_of(self, expr: sympy.Basic) -> JoinSite | None:
        """A join that made one of the symbols of `expr`, if any did."""
        for symbol in sorted(expr.free_symbols, key=str):
            if symbol in self.sites:
                return self.sites[symbol]
        return None

    @staticmethod
    def of_value(value: Value) -> HostExpr:
        """A host scalar as a host expression."""
        return HostExpr(Ref(value.name), (value,))

    def host(self, number: Any) -> HostExpr:
        """The host expression of a Python or symbolic number. Raises KeyError for an unknown symbol."""
        if not isinstance(number, Symbolic):
            return HostExpr(literal(number), ())
        expr = number.node.expr
        uses = tuple(self.values[symbol] for symbol in sorted(expr.free_symbols, key=str))
        translated = translate(expr, lambda symbol: Ref(self.values[symbol].name))
        # a bool travels through torch as the test "symbol == 1"; a sum of bools as an int
        kind = kind_of(number)
        if kind == "int" and isinstance(expr, sympy.Symbol) and self.kinds[expr] == "bool":
            translated = Apply("int", (translated,))
        if kind == "float" and expr.is_integer and not isinstance(expr, sympy.Symbol):
            translated = Apply("float", (translated,))
        return HostExpr(translated, uses)


def literal(number: bool | int | float) -> Const:
    """A literal, non-finite floats included."""
    if isinstance(number, float) and not math.isfinite(number):
        return Const(repr(number), "float")
    return Const(number)


_FUNCTIONS: dict[str, str | tuple[str, ...]] = {
    "FloorDiv": "floordiv",
    "CleanDiv": "floordiv",
    "IntTrueDiv": "truediv",
    "FloatTrueDiv": "truediv",
    "Mod": "mod",
    "PythonMod": "mod",
    "FloatPow": "pow",
    "PowByNatural": "pow",
    "Pow": "pow",
    "ToFloat": "float",
    "TruncToInt": "trunc",
    "FloorToInt": "floor",
    "CeilToInt": "ceil",
    "RoundToInt": "round",
    "Abs": "abs",
    "LShift": "lshift",
    "RShift": "rshift",
    "BitwiseFn_bitwise_and": "bitand",
    "BitwiseFn_bitwise_or": "bitor",
    "BitwiseFn_bitwise_xor": "bitxor",
    "OpaqueUnaryFn_sqrt": "sqrt",
    "OpaqueUnaryFn_exp": "exp",
    "OpaqueUnaryFn_log": "log",
    "OpaqueUnaryFn_log2": "log2",
    "OpaqueUnaryFn_sin": "sin",
    "OpaqueUnaryFn_cos": "cos",
    "OpaqueUnaryFn_tanh": "tanh",
    "Where": "select",
    "StrictGreaterThan": "gt",
    "GreaterThan": "ge",
    "StrictLessThan": "lt",
    "LessThan": "le",
    "Equality": "eq",
    "Unequality": "ne",
    "Not": "not",
}
_FOLDED = {"Add": "add", "Mul": "mul", "Max": "max", "Min": "min", "And": "and", "Or": "or"}


def translate(expr: sympy.Basic, symbol: Callable[[sympy.Symbol], Expr]) -> Expr:
    """A sympy expression as a host expression. Raises NotImplementedError for an unknown function."""
    if isinstance(expr, sympy.Symbol):
        return symbol(expr)
    if isinstance(expr, (BooleanTrue, BooleanFalse)):
        return Const(bool(expr))
    if isinstance(expr, sympy.Integer):
        return Const(int(expr))
    if isinstance(expr, (sympy.Float, sympy.Rational)):
        return literal(float(expr))
    if expr.is_number and not expr.is_finite:
        return literal(float(str(expr).replace("int_oo", "inf").replace("oo", "inf")))
    name = type(expr).__name__
    if name == "Piecewise" and len(expr.args) == 2:
        (first, test), (second, _) = expr.args
        return Apply("select", tuple(translate(e, symbol) for e in (test, first, second)))
    args = [translate(arg, symbol) for arg in expr.args]
    if name in {"Mul", "Add"}:
        # sympy sorts a product's number to the front and writes a difference as a sum with a product by -1
        if name == "Mul" and len(args) == 2 and args[0] in (Const(-1), Const(-1.0)):
            return Apply("neg", (args[1],))
        args.sort(key=lambda arg: isinstance(arg, Const))
    if name in _FOLDED:
        result = args[0]
        for arg in args[1:]:
            result = Apply(_FOLDED[name], (result, arg))
        return result
    if name in _FUNCTIONS:
        return Apply(str(_FUNCTIONS[name]), tuple(args))
    raise NotImplementedError(f"host expression {expr} ({name})")
