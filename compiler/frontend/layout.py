"""How a tape's code takes what it needs: which tensors, weights and host scalars, and where its numbers come from."""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from adaptc.compiler.frontend.draft import Draft, LetStep, Op, ReadStep, SizeStep, SlotRef, SymbolArg, leaves
from adaptc.compiler.frontend.symbols import SymbolTable, expression
from adaptc.runtime.hostprogram import Expr


class Layout:
    """How a tape's inputs and symbols are passed: tensors, then weights, then scalars."""

    def __init__(self, draft: Draft, tape: Sequence[Op], symbols: SymbolTable) -> None:
        read = {leaf.slot for op in tape for leaf in leaves((op.args, op.kwargs)) if isinstance(leaf, SlotRef)}
        self.tensors = [slot for slot, value in draft.inputs.items() if value.weight is None and slot in read]
        self.weights = [slot for slot, value in draft.inputs.items() if value.weight is not None and slot in read]
        needed: dict[sympy.Symbol, None] = {}
        for op in tape:
            for leaf in leaves((op.args, op.kwargs)):
                if isinstance(leaf, SymbolArg):
                    for symbol in sorted(leaf.expr.free_symbols, key=str):
                        needed[symbol] = None
        by_value = {value: symbol for symbol, value in symbols.values.items()}
        extents = {
            by_value[step.value]: (step.slot, step.dim)
            for step in draft.steps
            if isinstance(step, SizeStep) and step.value in by_value
        }
        for slot in self.tensors[::-1]:
            for dim, extent in enumerate(draft.tensors[slot].shape):
                if not isinstance(extent, int) and expression(extent).is_Symbol:
                    extents[expression(extent)] = slot, dim
        own = {value: symbol for symbol, value in symbols.values.items() if value.draft is draft}
        elements = {
            own[step.value]: step.slot for step in draft.steps if isinstance(step, ReadStep) and step.value in own
        }
        lets = {own[step.value]: step for step in draft.steps if isinstance(step, LetStep) and step.value in own}
        pending = list(needed)
        self.computed: dict[sympy.Symbol, tuple[Expr, dict[str, sympy.Symbol]]] = {}
        while pending:  # a number that the tape uses and the draft's own host computes is computed in the tape too
            symbol = pending.pop()
            if symbol in lets and symbol not in self.computed:
                uses = {value.name: by_value[value] for value in lets[symbol].expr.uses}
                self.computed[symbol] = (lets[symbol].expr.expr, uses)
                for used in uses.values():
                    needed[used] = None
                    pending.append(used)
        self.extents = {symbol: extents[symbol] for symbol in needed if symbol in extents}
        self.elements = {
            symbol: elements[symbol] for symbol in needed if symbol in elements and symbol not in self.extents
        }
        for slot in (*self.elements.values(), *[slot for slot, _ in self.extents.values()]):
            value = draft.inputs.get(slot)
            if value is not None and slot not in read:
                (self.tensors if value.weight is None else self.weights).append(slot)
                read.add(slot)
        inside = {*self.extents, *self.elements, *self.computed}
        self.scalars = [symbol for symbol in needed if symbol not in inside]
