"""Turns tapes into the IR's code: ATen graphs by torch.export, one per distinct structure."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
import torch
from torch import fx
from torch.export import Dim, ExportedProgram
from torch.fx import traceback
from torch.utils._sympy.numbers import int_oo
from torch.utils._sympy.value_ranges import ValueRanges

from adaptc.compiler.errors import Problem
from adaptc.compiler.frontend import decompositions
from adaptc.compiler.frontend.draft import (
    Draft,
    Op,
    SlotRef,
    SymbolArg,
    Value,
    map_leaves,
)
from adaptc.compiler.frontend.layout import Layout
from adaptc.compiler.frontend.replay import Replay
from adaptc.compiler.frontend.symbols import Ranges, SymbolTable, expression, no_shortcuts
from adaptc.compiler.frontend.tidy import Unexportable, reorder, tidy
from adaptc.compiler.ir.program import Code, ScalarType, TensorType, Type
from adaptc.compiler.ir.program import Dim as Extent

UNEXPORTABLE = "torch.export refuses the code that begins here"
"""How a problem begins that torch.export has with code that the network runs."""

_SCALAR_DTYPES = {"bool": torch.bool, "int": torch.int64, "float": torch.float64}
_HINTS = (list(sympy.primerange(5, 100)), list(sympy.primerange(100, 200))[::-1])
"""Sizes to export with, and others to try where that fails: torch takes a part of which the example has one row or none
for one that always has, and of the other sizes the first is the greatest. So sizes that are greater than can be are
tried last."""


@dataclass(frozen=True)
class Lowered:
    """A draft's code and how the draft binds it: the values of its inputs, the names of its weights."""

    code: Code
    inputs: tuple[Value, ...]
    weights: tuple[str, ...]


@dataclass(frozen=True)
class _Shared:
    """Code of one structure: which of the structure's inputs and weights it uses, and the constants it adds."""

    code: Code
    inputs: tuple[int, ...]
    weights: tuple[int, ...]
    constants: tuple[str, ...]


class Exports:
    """What has been exported in all attempts of a capture, by structure. `constants` are tensors that the export has
    lifted out of the code, by name; `kept` keeps alive what structures are told apart by."""

    def __init__(self) -> None:
        self.shared: dict[str, _Shared] = {}
        self.constants: dict[str, torch.Tensor] = {}
        self.functions: dict[Any, int] = {}
        self.kept: list[Sequence[Op]] = []

    def name(self, stem: str) -> str:
        """`stem` as the name of a code, with a number where another code has it."""
        taken = {shared.code.name for shared in self.shared.values()}
        numbered = (f"{stem}_{number}" for number in itertools.count(2))
        return stem if stem not in taken else next(name for name in numbered if name not in taken)


class Exporter:
    """Exports drafts; drafts of the same structure share one `Code`."""

    def __init__(self, symbols: SymbolTable, dims: dict[sympy.Symbol, str], exports: Exports) -> None:
        self.symbols = symbols
        self.dims = dims
        self.exports = exports
        self.problems: list[Problem] = []
        self.failing: list[Draft] = []
        self._decompositions = decompositions.current()

    def tensor_type(self, tensor: torch.Tensor) -> TensorType:
        """The IR type of a fake tensor; extents by their names."""
        return TensorType(tensor.dtype, tuple([self.extent(extent) for extent in tensor.shape]))

    def _own_type(self, tensor: torch.Tensor, outside: Mapping[sympy.Basic, sympy.Basic]) -> TensorType:
        """The type of a tensor of an exported graph, whose symbols are torch.export's own: those of the inputs' sizes
        get the names that they have outside, the others names that nothing outside has."""
        shape: list[Extent] = []
        for extent in tensor.shape:
            expr = expression(extent)
            names = {symbol: sympy.Symbol(f"own_{symbol}") for symbol in expr.free_symbols if symbol not in outside}
            for symbol in expr.free_symbols & outside.keys():
                inner = {other: sympy.Symbol(self.name(other)) for other in outside[symbol].free_symbols}
                names[symbol] = outside[symbol].xreplace(inner)
            renamed = expr.xreplace(names)
            shape.append(int(renamed) if renamed.is_Integer else str(renamed))
        return TensorType(tensor.dtype, tuple(shape))

    def extent(self, extent: Any) -> Extent:
        """A number, or the name or expression of a symbolic extent."""
        if isinstance(extent, int):
            return extent
        expr = expression(extent)
        if expr.is_Integer:
            return int(expr)
        names = {symbol: sympy.Symbol(self.name(symbol)) for symbol in expr.free_symbols}
        return str(expr.xreplace(names))

    def name(self, symbol: sympy.Basic) -> str:
        """The user's name of a dimension, or the symbol's own."""
        return self.dims.get(symbol, str(symbol))

    def scalars(self, draft: Draft) -> list[Value]:
        """Host scalars from elsewhere that the tape of `draft` needs."""
        layout = Layout(draft, [*draft.preamble, *draft.ops], self.symbols)
        return [self.symbols.values[symbol] for symbol in layout.scalars]

    def lower(self, draft: Draft, outputs: Sequence[int], name: str) -> Lowered | None:
        """The code of a draft that computes the slots `outputs`; None where there is nothing to compute."""
        tape = [*draft.preamble, *draft.ops]
        if not outputs or not tape:
            return None
        layout = Layout(draft, tape, self.symbols)
        key = self._key(draft, tape, layout, outputs)
        known = self.exports.shared
        if key not in known:
            try:
                known[key] = self._export(draft, tape, layout, outputs, self.exports.name(name))
                self.exports.kept.append(tape)
            except Unexportable as error:
                self.problems.append(error.problem)
                self.failing.append(draft)
                return None
        shared = known[key]
        values = [
            *[draft.inputs[slot] for slot in layout.tensors],
            *[self.symbols.values[s] for s in layout.scalars],
        ]
        weights = [draft.inputs[slot].weight or "" for slot in layout.weights]
        return Lowered(
            shared.code,
            tuple(values[index] for index in shared.inputs),
            (*[weights[index] for index in shared.weights], *shared.constants),
        )

    def _key(self, draft: Draft, tape: Sequence[Op], layout: Layout, outputs: Sequence[int]) -> str:
        """A text that is equal for drafts of equal structure."""
        slots: dict[int, int] = {}
        symbols: dict[sympy.Basic, sympy.Symbol] = {}
        functions = self.exports.functions

        def number(slot: int) -> int:
            return slots.setdefault(slot, len(slots))

        def canonical(expr: sympy.Basic) -> str:
            for symbol in sorted(expr.free_symbols, key=str):
                symbols.setdefault(symbol, sympy.Symbol(f"k{len(symbols)}"))
            return str(expr.xreplace(symbols))

        def text(leaf: Any) -> str:
            if isinstance(leaf, SlotRef):
                return f"%{number(leaf.slot)}"
            if isinstance(leaf, SymbolArg):
                return f"{leaf.kind}:{canonical(leaf.expr)}"
            return f"{type(leaf).__name__}:{leaf!r}"

        parts = [f"{len(layout.tensors)} tensors, {len(layout.weights)} weights"]
        for slot in (*layout.tensors, *layout.weights):
            tensor = draft.tensors[slot]
            extents = ",".join(canonical(expression(extent)) for extent in tensor.shape)
            parts.append(f"%{number(slot)}={tensor.dtype}[{extents}]")
        parts += [f"{canonical(symbol)}={self.symbols.kinds[symbol]}" for symbol in layout.scalars]
        parts += [f"{symbols[symbol]} in {bounds}" for symbol, bounds in draft.known.items() if symbol in symbols]
        for op in tape:
            function = functions.setdefault(op.function, len(functions))
            results = [None if slot is None else number(slot) for slot in op.results]
            arguments = map_leaves(text, (op.args, op.kwargs))
            parts.append(f"{function}{arguments}->{results}{op.autocast}")
        elements = [f"{canonical(symbol)}@{number(slot)}" for symbol, slot in layout.elements.items()]
        for symbol, (expr, uses) in layout.computed.items():
            names = {name: canonical(used) for name, used in uses.items()}
            elements.append(f"{canonical(symbol)}={expr!r}{names}")
        return "\n".join([*parts, *elements, str([number(slot) for slot in outputs])])

    def _export(self, draft: Draft, tape: Sequence[Op], layout: Layout, outputs: Sequence[int], name: str) -> _Shared:
        slots = [*layout.tensors, *layout.weights]
        replay = Replay(tape, slots, layout.scalars, outputs, layout.extents, layout.elements, layout.computed)
        scalars = [torch.full((), 2, dtype=_SCALAR_DTYPES[self.symbols.kinds[s]]) for s in layout.scalars]
        dynamic = [
            {dim: Dim.DYNAMIC for dim, extent in enumerate(draft.tensors[slot].shape) if not isinstance(extent, int)}
            for slot in slots
        ]
        loc = tape[0].loc
        problem: Exception | None = None
        below = {symbol: ValueRanges(bounds.lower, int_oo) for symbol, bounds in draft.known.items()}
        attempts = [(sizes, known) for known in (draft.known, below) for sizes in _HINTS]
        for sizes, known in attempts if any(dynamic) else attempts[:1]:
            try:
                exported = self._exported(replay, draft, slots, scalars, dynamic, sizes, known)
                break
            except Exception as error:  # noqa: BLE001 (whatever torch raises, it is told as a problem)
                problem = problem or error
        else:
            assert problem is not None
            raise Unexportable(_export_problem(loc, problem)) from problem
        graph, constants = tidy(exported, loc)
        return self._shared(graph, constants, draft, layout, name)

    def _exported(
        self,
        replay: Replay,
        draft: Draft,
        slots: Sequence[int],
        scalars: Sequence[torch.Tensor],
        dynamic: Sequence[Mapping[int, Any]],
        sizes: Sequence[int],
        known: Ranges,
    ) -> ExportedProgram:
        """The tape as a functional program, exported with `sizes` for the dimensions that vary, as far as they are in
        the ranges that are `known`."""
        hints: dict[sympy.Basic, int] = {}
        examples = [_example(draft.tensors[slot], hints, sizes, known) for slot in slots]
        with no_shortcuts(), torch.no_grad(), traceback.preserve_node_meta(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exported = torch.export.export(
                replay,
                (*examples, *scalars),
                dynamic_shapes={"tensors": (*dynamic, *[{} for _ in scalars])} if slots or scalars else None,
                strict=False,
                prefer_deferred_runtime_asserts_over_guards=True,
            )
            return self._decompositions.run(exported)

    def _shared(
        self, graph: fx.Graph, constants: dict[str, torch.Tensor], draft: Draft, layout: Layout, name: str
    ) -> _Shared:
        placeholders = [node for node in graph.nodes if node.op == "placeholder"]
        own = [node for node in placeholders if node.name not in constants]
        n_tensors, n_weights = len(layout.tensors), len(layout.weights)
        tensors, weights = own[:n_tensors], own[n_tensors : n_tensors + n_weights]
        scalars = own[n_tensors + n_weights :]
        used_inputs = [i for i, node in enumerate([*tensors, *scalars]) if node.users]
        used_weights = [i for i, node in enumerate(weights) if node.users]
        lifted = [node for node in placeholders if node.name in constants and node.users]
        order = [[*tensors, *scalars][i] for i in used_inputs] + [weights[i] for i in used_weights] + lifted
        reorder(graph, placeholders, order)
        names = []
        for node in lifted:
            names.append(self._constant(constants[node.name]))
        input_types: list[Type] = [self.tensor_type(draft.tensors[slot]) for slot in layout.tensors]
        input_types += [ScalarType(self.symbols.kinds[symbol]) for symbol in layout.scalars]
        weight_types = [self.tensor_type(draft.tensors[slot]) for slot in layout.weights]
        output_node = next(node for node in graph.nodes if node.op == "output")
        names_outside: dict[sympy.Basic, sympy.Basic] = {}
        for node, slot in zip(tensors, layout.tensors, strict=True):
            for inside, extent in zip(node.meta["val"].shape, draft.tensors[slot].shape, strict=True):
                if not isinstance(inside, int) and expression(inside).is_Symbol:
                    names_outside.setdefault(expression(inside), expression(extent))
        module = fx.GraphModule(torch.nn.Module(), graph)
        code = Code(
            name,
            module,
            tuple(input_types[i] for i in used_inputs),
            (
                *[weight_types[i] for i in used_weights],
                *[TensorType(constants[n.name].dtype, tuple(constants[n.name].shape)) for n in lifted],
            ),
            tuple(self._own_type(node.meta["val"], names_outside) for node in output_node.args[0]),
        )
        return _Shared(code, tuple(used_inputs), tuple(used_weights), tuple(names))

    def _constant(self, tensor: torch.Tensor) -> str:
        constants = self.exports.constants
        for name, known in constants.items():
            if known.dtype == tensor.dtype and known.shape == tensor.shape and torch.equal(known, tensor):
                return name
        name = f"literal_{len(constants)}"
        constants[name] = tensor.detach().clone()
        return name


def _export_problem(loc: str, error: Exception) -> Problem:
    file, _, line = loc.rpartition(":")
    custom = getattr(error, "loc", None)
    first = (str(error).strip().splitlines() or [""])[0]
    text = [f"{type(error).__name__}: {first}"]
    return Problem(
        file,
        int(line),
        f"{UNEXPORTABLE}: {text[0]}" if custom is None else text[0],
        "a block's tensor code must become an ATen graph with shapes that follow from its inputs",
        "write it with torch functions whose result shapes follow from the shapes of their inputs",
    )


def _example(tensor: torch.Tensor, hints: dict[sympy.Basic, int], sizes: Sequence[int], known: Ranges) -> torch.Tensor:
    """A real tensor, not filled, with a distinct size out of `sizes` for every symbol, or one that is `known` to be
    possible: for others the code may have another shape."""
    shape = []
    for extent in tensor.shape:
        if isinstance(extent, int):
            shape.append(extent)
            continue
        expr = expression(extent)
        for symbol in sorted(expr.free_symbols, key=str):
            if symbol not in hints:
                size = sizes[len(hints) % len(sizes)]
                if symbol in known and known[symbol].upper > 1:  # torch.export takes 0 and 1 for sizes that are fixed
                    lower, upper = known[symbol].lower, known[symbol].upper
                    size = int(min(max(size, lower + len(hints)), upper)) if lower > size else int(min(size, upper))
                hints[symbol] = size
        shape.append(int(expr.xreplace({s: sympy.Integer(h) for s, h in hints.items()})))
    return torch.empty(shape, dtype=tensor.dtype)
