"""Replays a tape on tensors: what torch.export traces to get a block's ATen graph."""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy
import torch
from torch.fx import traceback

from adaptc.compiler.frontend.assembling import assemble
from adaptc.compiler.frontend.draft import Op, SlotRef, SymbolArg, leaves, map_leaves
from adaptc.compiler.frontend.symbols import translate
from adaptc.runtime.hostprogram import Apply, Const, Expr, Ref

_POINTWISE = frozenset(
    f"{prefix}{name}{suffix}"
    for name in (
        "add", "sub", "subtract", "mul", "multiply", "div", "divide", "true_divide", "floor_divide", "pow", "remainder",
        "fmod", "eq", "ne", "lt", "le", "gt", "ge", "maximum", "minimum", "clamp", "clip", "clamp_min", "clamp_max",
        "where", "masked_fill", "lerp", "greater", "less", "greater_equal", "less_equal", "not_equal", "rsub",
    )
    for prefix, suffix in (("", ""), ("", "_"))
) | frozenset(
    f"__{side}{name}__"
    for name in ("add", "sub", "mul", "truediv", "div", "floordiv", "pow", "mod", "eq", "ne", "lt", "le", "gt", "ge")
    for side in ("", "r", "i")
)  # fmt: skip
"""Functions that take a 0-d tensor in the place of a Python number."""

_ON_NUMBERS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
    "neg": operator.neg,
    "abs": abs,
    "min": torch.sym_min,
    "max": torch.sym_max,
    "int": torch.sym_int,
    "float": torch.sym_float,
    "trunc": torch.sym_int,
    "floor": math.floor,
    "ceil": math.ceil,
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "not": torch.sym_not,
    "and": operator.and_,
    "or": operator.or_,
    "select": torch.sym_ite,
}
_ON_TENSORS: dict[str, Callable[..., torch.Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "truediv": torch.true_divide,
    "floordiv": torch.floor_divide,
    "mod": torch.remainder,
    "pow": torch.pow,
    "neg": torch.neg,
    "abs": torch.abs,
    "min": torch.minimum,
    "max": torch.maximum,
    "int": lambda x: torch.trunc(x).to(torch.int64),
    "trunc": lambda x: torch.trunc(x).to(torch.int64),
    "float": lambda x: x.to(torch.float64),
    "floor": lambda x: torch.floor(x).to(torch.int64),
    "ceil": lambda x: torch.ceil(x).to(torch.int64),
    "round": lambda x: torch.round(x).to(torch.int64),
    "sqrt": torch.sqrt,
    "exp": torch.exp,
    "log": torch.log,
    "log2": torch.log2,
    "sin": torch.sin,
    "cos": torch.cos,
    "tanh": torch.tanh,
    "eq": torch.eq,
    "ne": torch.ne,
    "lt": torch.lt,
    "le": torch.le,
    "gt": torch.gt,
    "ge": torch.ge,
    "not": torch.logical_not,
    "and": torch.logical_and,
    "or": torch.logical_or,
    "select": torch.where,
}


class Replay(torch.nn.Module):
    """A tape as a module. Called with the tensors of `inputs` (slots), then one 0-d tensor per symbol of `scalars`.

    A symbol gets its value from a dimension (`extents`: symbol -> slot, dim), from an element that the tape itself
    computes (`elements`: symbol -> slot), from a host expression over other symbols (`computed`), or from a scalar
    input.
    """

    def __init__(
        self,
        tape: Sequence[Op],
        inputs: Sequence[int],
        scalars: Sequence[sympy.Symbol],
        outputs: Sequence[int],
        extents: Mapping[sympy.Symbol, tuple[int, int]],
        elements: Mapping[sympy.Symbol, int],
        computed: Mapping[sympy.Symbol, tuple[Expr, Mapping[str, sympy.Symbol]]],
    ) -> None:
        super().__init__()
        self.tape = tape
        self.inputs = inputs
        self.scalars = scalars
        self.outputs = outputs
        self.extents = extents
        self.elements = elements
        self.computed = computed

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The tensors of the slots `outputs`."""
        slots = dict(zip(self.inputs, tensors, strict=False))
        scalars = dict(zip(self.scalars, tensors[len(self.inputs) :], strict=True))
        for op in self.tape:
            with traceback.annotate({"loc": op.loc}):
                autocast = contextlib.nullcontext() if op.autocast is None else torch.autocast("cpu", dtype=op.autocast)
                with autocast:
                    self._run(op, slots, scalars)
        return tuple([slots[slot] for slot in self.outputs])

    def _run(self, op: Op, slots: dict[int, torch.Tensor], scalars: Mapping[sympy.Symbol, torch.Tensor]) -> None:
        pointwise = getattr(op.function, "__name__", "") in _POINTWISE
        peers = [slots[leaf.slot] for leaf in leaves((op.args, op.kwargs)) if isinstance(leaf, SlotRef)]

        def argument(leaf: Any) -> Any:
            if isinstance(leaf, SlotRef):
                return slots[leaf.slot]
            if isinstance(leaf, SymbolArg):
                if op.function is assemble:
                    wide = {"bool": torch.bool, "int": torch.int64, "float": torch.float64}[leaf.kind]
                    made = self._tensor(leaf.expr, wide, slots, scalars)
                    return made.to(torch.get_default_dtype()) if leaf.kind == "float" else made.to(wide)
                if pointwise and peers:
                    return self._as_tensor(leaf, peers, slots, scalars)
                return self._as_number(leaf, slots, scalars)
            return leaf

        args, kwargs = map_leaves(argument, op.args), map_leaves(argument, op.kwargs)
        result = op.function(*args, **kwargs)
        for leaf, slot in zip(leaves(result), op.results, strict=True):
            if slot is not None:
                slots[slot] = leaf

    def _as_tensor(
        self,
        arg: SymbolArg,
        peers: Sequence[torch.Tensor],
        slots: Mapping[int, torch.Tensor],
        scalars: Mapping[sympy.Symbol, torch.Tensor],
    ) -> torch.Tensor:
        """A host scalar as a 0-d tensor of the dtype to which torch would convert the Python number."""
        example: Any = {"bool": True, "int": 1, "float": 1.0}[arg.kind]
        dtype = torch.result_type(peers[0], example)
        for peer in peers[1:]:
            dtype = torch.promote_types(dtype, torch.result_type(peer, example))
        wide = {"bool": torch.bool, "int": torch.int64, "float": torch.float64}

        def symbol(name: sympy.Symbol) -> Expr:
            return Ref(str(name))

        result = self._tensor(arg.expr, wide[arg.kind], slots, scalars)
        return result.to(dtype)

    def _tensor(
        self,
        expr: sympy.Basic,
        kind: torch.dtype,
        slots: Mapping[int, torch.Tensor],
        scalars: Mapping[sympy.Symbol, torch.Tensor],
    ) -> torch.Tensor:
        """A symbolic expression as a 0-d tensor of int64, float64 or bool arithmetic."""
        values = {str(name): self._symbol(name, slots, scalars) for name in expr.free_symbols}
        # what a test compares are numbers, though its result is none
        plain = torch.int64 if kind == torch.bool else kind
        wide = torch.float64 if any(value.is_floating_point() for value in values.values()) else plain
        result: torch.Tensor = evaluate(translate(expr, lambda name: Ref(str(name))), values, _ON_TENSORS, wide)
        return result.to(torch.bool) if kind == torch.bool else result

    def _symbol(
        self, name: sympy.Basic, slots: Mapping[int, torch.Tensor], scalars: Mapping[sympy.Symbol, torch.Tensor]
    ) -> torch.Tensor:
        assert isinstance(name, sympy.Symbol)
        if name in self.extents:
            slot, dim = self.extents[name]
            return torch.scalar_tensor(slots[slot].shape[dim], dtype=torch.int64)
        if name in self.computed:
            expr, uses = self.computed[name]
            values = {used: self._symbol(symbol, slots, scalars) for used, symbol in uses.items()}
            result: torch.Tensor = evaluate(expr, values, _ON_TENSORS, torch.float64)
            return result
        element = slots[self.elements[name]] if name in self.elements else scalars[name]
        return element.reshape(()).to(torch.float64 if element.is_floating_point() else torch.int64)

    def _as_number(
        self, arg: SymbolArg, slots: Mapping[int, torch.Tensor], scalars: Mapping[sympy.Symbol, torch.Tensor]
    ) -> Any:
        """A host scalar as a symbolic number of the trace."""
        if arg.kind == "float" or any(name in self.computed for name in arg.expr.free_symbols):
            wide = {"bool": torch.bool, "int": torch.int64, "float": torch.float64}[arg.kind]
            return self._tensor(arg.expr, wide, slots, scalars).item()
        values: dict[str, Any] = {}
        for name in arg.expr.free_symbols:
            assert isinstance(name, sympy.Symbol)
            if name in self.extents:
                slot, dim = self.extents[name]
                values[str(name)] = slots[slot].shape[dim]
            else:
                element = slots[self.elements[name]] if name in self.elements else scalars[name]
                values[str(name)] = (element.to(torch.int64) if element.dtype == torch.bool else element).item()
        return evaluate(translate(arg.expr, lambda name: Ref(str(name))), values, _ON_NUMBERS, None)


def evaluate(
    expr: Expr,
    values: Mapping[str, Any],
    functions: Mapping[str, Callable[..., Any]],
    literal_dtype: torch.dtype | None,
) -> Any:
    """A host expression over numbers or over 0-d tensors. Raises NotImplementedError for an unknown function."""
    match expr:
        case Ref(name=name):
            return values[name]
        case Const(value=value, kind=kind):
            number = float(str(value)) if kind == "float" else value
            return number if literal_dtype is None else torch.scalar_tensor(number, dtype=literal_dtype)  # type: ignore[arg-type]
        case Apply(function=name, args=args):
            if name not in functions:
                raise NotImplementedError(f"{name} of a number that depends on data, inside tensor code")
            return functions[name](*[evaluate(arg, values, functions, literal_dtype) for arg in args])
    raise NotImplementedError(str(expr))
