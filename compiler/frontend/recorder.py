"""Records torch calls into the draft of the running state, under fake tensors.

One TorchFunctionMode sees every torch call that Python makes, in interpreted and in native code, at the level of
torch functions: attention, linear and norms stay whole. Calls that turn data into Python values become reads.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from types import FrameType
from typing import Any

import sympy
import torch
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.fx.experimental.symbolic_shapes import DimDynamic
from torch.overrides import TorchFunctionMode
from torch.utils._sympy.numbers import int_oo
from torch.utils._sympy.value_ranges import ValueRanges

from adaptc.compiler.errors import Problem
from adaptc.compiler.frontend import indexing, known_sizes, rewrites
from adaptc.compiler.frontend.bounds import index_bound, most_of_size
from adaptc.compiler.frontend.constants import Constants
from adaptc.compiler.frontend.draft import (
    Draft,
    Op,
    ReadStep,
    SizeStep,
    SlotRef,
    SymbolArg,
    Value,
    leaves,
    map_leaves,
)
from adaptc.compiler.frontend.fakes import Fakes, failure_in_eager, run, unchecked_failure
from adaptc.compiler.frontend.memory import Held, Memory, MemoryMap, Recipe
from adaptc.compiler.frontend.parts import Part, Placed, part_at
from adaptc.compiler.frontend.reasons import MEMORY, NATIVE, UNCLEAR, UNSEEN
from adaptc.compiler.frontend.signals import NeedsInterpretation, NeedsSplit, Refused
from adaptc.compiler.frontend.sources import codes_of_frames, is_machine_frame, user_location
from adaptc.compiler.frontend.symbols import Shapes, Symbolic, SymbolTable, expression, kind_of


class Recorder(TorchFunctionMode):
    """Runs torch calls on fake tensors and writes them down.

    `draft` and `held` belong to the state that runs; the machine sets them whenever it activates another state.
    `joined` has the block arguments that stand for several tensors, `elements` the rows taken from grown lists as
    elements. `location` gives file and line of the instruction that the machine is at. `grown` tells whether any list
    has grown in a loop of the network so far, `recorded` how many calls have been recorded.
    """

    def __init__(self, weights: dict[int, str], location: Callable[[], tuple[str, int]]) -> None:
        super().__init__()
        self.shapes = Shapes(
            specialize_zero_one=False,
            duck_shape=False,
            allow_scalar_outputs=True,
            allow_dynamic_output_shape_ops=True,
        )
        self.fakes = Fakes(self.shapes, self.problem)
        self.symbols = SymbolTable()
        self.shapes.decide = self.symbols.decide
        self.memories = MemoryMap(self.name)
        self.constants = Constants(self)
        self.weight_names = weights
        self.weights: dict[str, torch.Tensor] = {}
        self.unwatched: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
        self.draft: Draft
        self.held: Held
        self.location = location
        self.random_seed: int | None = None
        self.failed: Exception | None = None
        self.doubtful: Exception | None = None
        self.cut: Callable[[], None]
        self.reached: Callable[[], list[torch.Tensor]]
        self.real: dict[int, torch.Tensor] = {}
        self.kept_alive: list[Any] = []
        self.parts: dict[int, Part | Placed] = {}
        self.joined: dict[int, Value] = {}
        self.elements: set[int] = set()
        self.given: set[Memory] = set()
        self.dimensions: dict[sympy.Basic, str] = {}
        self.grown = False
        self.recorded = 0
        self._weight_values: dict[int, Value] = {}
        self._count = 0

    # -- values ------------------------------------------------------------------------------------------------

    def name(self, stem: str) -> str:
        """A name that no value has."""
        self._count += 1
        return f"{stem}_{self._count}"

    def fake(self, tensor: torch.Tensor, held: Held | None = None) -> torch.Tensor:
        """The fake tensor that stands for `tensor`, with a value in `held` (by default the running state's).

        A real tensor becomes a weight of the program.
        """
        held = self.held if held is None else held
        if isinstance(tensor, FakeTensor):
            if id(tensor) not in held.values:
                self._adopt(tensor, held)
            return tensor
        known = self.real.get(id(tensor))
        if known is None:
            with torch._C.DisableTorchFunction(), unset_fake_temporarily():
                known = self.fakes.from_tensor(tensor.detach(), static_shapes=True)
            self.real[id(tensor)] = known
            self.kept_alive.append(tensor)
            name = self.weight_names.get(id(tensor)) or self.name("constant")
            self.weights[name] = tensor
            self._weight_values[id(known)] = Value(name, None, fake=known, weight=name)
            if self.memories.of(known) in self.memories.touched:
                self._refuse_shared(known)
        if id(known) not in held.values:
            self.memories.hold(held, known, self._weight_values[id(known)])
        return known

    def _adopt(self, tensor: torch.Tensor, held: Held) -> None:
        """A fake tensor that no recorded call made: known to this state only if it is a constant or a weight."""
        value = self._weight_values.get(id(tensor))
        if value is not None:
            self.memories.hold(held, tensor, value)
            return
        raise Refused(self.problem(*UNSEEN))

    def user_location(self) -> tuple[str, int]:
        """File and line of the user's code that runs now: native code if some runs, else the machine's instruction."""
        return user_location(sys._getframe(1)) or self.location()

    def new_dimension(self, name: str = "", hint: int = 0) -> torch.SymInt:
        """A size that varies: a named dimension, or that of a tensor that a loop changes.

        torch's own shape functions may compute with its hint, so that is one no other dimension has. A tensor that a
        loop changes mostly grows, and what is behind the part that it began with must not seem empty: its hint is
        greater than the others.
        """
        taken = {int(self.shapes.backed_var_to_val[symbol]) for symbol in self.dimensions}
        if not name:
            hint = sympy.nextprime(max(taken, default=4))
        elif hint < 2 or hint in taken:
            hint = next(prime for prime in sympy.primerange(5, 10**6) if prime not in taken)
        source = ConstantSource(self.name(name or "extent"))
        # a loop can leave a tensor without rows; an input has some
        positive = True if name else None
        symbol = self.shapes.create_symbol(hint, source, dynamic_dim=DimDynamic.DYNAMIC, positive=positive)
        self.dimensions[symbol] = name
        self.symbols.ranges[symbol] = ValueRanges(1 if name else 0, int_oo)
        return self.shapes.create_symintnode(symbol, hint=hint, source=source)  # type: ignore[return-value]

    # -- the mode ----------------------------------------------------------------------------------------------

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        rewrite = rewrites.REWRITES.get(func)
        if rewrite is not None:
            return rewrite(self, func, args, kwargs or {})
        return self.record(func, args, kwargs or {})

    def record(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call `func` on fake tensors and append it to the draft, if tensors come out of it or are changed by it."""
        if torch.overrides._get_current_function_mode() is not self:  # type: ignore[no-untyped-call]
            return self._record(func, args, kwargs)
        with torch.overrides._pop_mode_temporarily():  # the machine itself records: what it does is not to be seen
            return self._record(func, args, kwargs)

    def _record(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        tensors: list[torch.Tensor] = []
        self.recorded += 1

        def to_fake(leaf: Any) -> Any:
            if isinstance(leaf, torch.Tensor):
                leaf = self.fake(leaf)
                tensors.append(leaf)
            return leaf

        args, kwargs = map_leaves(to_fake, args), map_leaves(to_fake, kwargs)
        versions = [tensor._version for tensor in tensors]
        out_shape = [expression(size) for size in getattr(kwargs.get("out"), "shape", ())]
        try:
            out = run(func, args, kwargs, self.problem)
        except (RuntimeError, ValueError, IndexError) as error:
            smaller = known_sizes.applied(self, (args, kwargs))
            if smaller is None:
                failure = failure_in_eager(func, args, kwargs)
                if isinstance(failure, type(error)):
                    self.failed = failure
                    raise failure from error
                self.doubtful = error
                raise
            return self._record(func, *smaller)
        if (unfit := unchecked_failure(func, args, kwargs, tensors)) is not None:
            self.failed = unfit
            raise self.failed
        known_sizes.refuse_fixed(self, func)
        outputs = [leaf for leaf in leaves(out) if isinstance(leaf, torch.Tensor)]
        changed = {
            id(tensor): tensor for tensor, version in zip(tensors, versions, strict=True) if tensor._version != version
        }
        if not changed and all(any(output is tensor for tensor in tensors) for output in outputs):
            return out  # metadata, or a tensor handed back as it is
        resized = out_shape != [expression(size) for size in getattr(kwargs.get("out"), "shape", ())]
        if resized or getattr(func, "__name__", "") in {"set_", "resize_", "resize_as_"}:
            problem = self.problem(f"{func.__name__} replaces a tensor's memory", *MEMORY)
            codes = codes_of_frames(sys._getframe(1))
            raise NeedsInterpretation(codes, problem) if codes else Refused(problem)
        for tensor in changed.values():
            self._refuse_shared(tensor)
            try:
                self.memories.before_change(self.held, self.draft, tensor)
            except NeedsSplit as need:
                raise NeedsSplit(need.site, [self.problem(*UNCLEAR)]) from need
        self._append(func, args, kwargs, out, tensors)
        for tensor in changed.values():
            self.memories.after_change(self.held, self.draft, tensor)
            self.constants.forget(tensor)
            part = self.memories.part_above(tensor)
            if part is not None:
                indexing.put(self, part)
        if not changed:
            self.constants.note(func, args, kwargs, out)
        return out

    def _refuse_shared(self, tensor: torch.Tensor) -> None:
        """Refuse an in-place change of `tensor` where several of the network's own tensors share its memory."""
        values = [self._weight_values.get(id(member)) for member in self.memories.of(tensor).members]
        names = [value.name for value in values if value is not None]
        if len(names) > 1:
            described = " and ".join(repr(name) if name in self.weight_names.values() else "a view" for name in names)
            raise Refused(
                self.problem(
                    f"{described} share memory, and the network changes it in place",
                    "tensors that are there before the call are kept apart in the compiled network",
                    "keep one of them, and take the view of it in forward",
                )
            )

    def _append(self, func: Callable[..., Any], args: Any, kwargs: Any, out: Any, tensors: list[torch.Tensor]) -> None:
        draft, held, memories = self.draft, self.held, self.memories
        arguments: dict[int, torch.Tensor] = {}

        def to_slot(leaf: Any) -> Any:
            if isinstance(leaf, torch.Tensor):
                slot = memories.slot(held, draft, leaf)
                arguments[slot] = leaf
                return SlotRef(slot)
            if isinstance(leaf, Symbolic):
                kind = kind_of(leaf)
                assert kind is not None
                return SymbolArg(leaf.node.expr, kind)
            return leaf

        slotted = map_leaves(to_slot, args), map_leaves(to_slot, kwargs)
        file, line = self.user_location()
        stem = getattr(func, "__name__", "call").strip("_")
        results: list[int | None] = []
        fresh: list[torch.Tensor | None] = []
        for leaf in leaves(out):
            if not isinstance(leaf, torch.Tensor) or id(leaf) in draft.slots:
                results.append(None)
                fresh.append(None)
            else:
                results.append(draft.new_slot(leaf))
                fresh.append(leaf)
        autocast = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None
        op = Op(func, *slotted, tuple(results), f"{file}:{line}", autocast)
        draft.ops.append(op)
        storages = {tensor.untyped_storage()._cdata for tensor in tensors}
        recipe = Recipe(op, arguments, tuple(fresh))
        for tensor, slot in zip(fresh, results, strict=True):
            if tensor is None or slot is None:
                continue
            if func is part_at:
                memories.join(tensor, tensors[0])
            memory = memories.of(tensor)
            if memory.root is not tensor and (func is part_at or tensor.untyped_storage()._cdata in storages):
                memories.remember(tensor, recipe)
            memories.hold(held, tensor, Value(self.name(stem or "call"), draft, fake=tensor, slot=slot))
            self._define_sizes(tensor, slot, f"{file}:{line}", tensors)

    def _define_sizes(self, tensor: torch.Tensor, slot: int, loc: str, sources: Sequence[torch.Tensor]) -> None:
        """Give every new symbol among the extents of `tensor`, which was computed from `sources`, a host scalar."""
        for dim, extent in enumerate(tensor.shape):
            if isinstance(extent, int):
                continue
            symbol = extent.node.expr
            if symbol.is_Symbol and symbol not in self.symbols.values:
                value = Value(self.name("size"), self.draft, kind="int")
                self.draft.steps.append(SizeStep(value, slot, dim, loc))
                self.symbols.define(symbol, value)
                self.symbols.ranges[symbol] = ValueRanges(0, most_of_size(self, symbol, sources))

    def portable(self, held: Held, draft: Draft, tensor: torch.Tensor) -> Value:
        """The value of `tensor` at the end of `draft`, as other blocks and the host can take it."""
        tensor = self.fake(tensor, held)
        if self.memories.stale(held, tensor):
            self.memories.slot(held, draft, tensor)
        value = held.values[id(tensor)][0]
        if value.weight is None:
            return value
        slot = self.memories.slot(held, draft, tensor)
        with torch._C.DisableTorchFunction(), self.fakes:
            copy = tensor.clone()
        result = draft.new_slot(copy)
        draft.ops.append(Op(torch.clone, (SlotRef(slot),), {}, (result,), draft.loc))
        return Value(self.name("weight"), draft, fake=copy, slot=result)

    # -- reads -------------------------------------------------------------------------------------------------

    def read(
        self, tensor: torch.Tensor, *, own: bool = False
    ) -> torch.SymInt | torch.SymFloat | torch.SymBool | bool | int | float:
        """The one element of `tensor` as a symbolic host scalar; the host takes it when the block has run.

        `own`: eager PyTorch does not read it here, since it holds the number already.
        """
        codes = codes_of_frames(sys._getframe(1))
        if codes:  # native code would compute with a symbolic number, whose ways are not quite those of Python's
            raise NeedsInterpretation(codes, self.problem("a number is read from a tensor", *NATIVE))
        fake = self.fake(tensor)
        constant = self.constants.find(fake)
        if constant is not None and constant.numel() == 1:
            with torch._C.DisableTorchFunction(), unset_fake_temporarily():
                return constant.item()
        if isinstance(fake.numel(), int) and fake.numel() != 1:
            self._refuse(
                f"a tensor of shape {tuple(fake.shape)} is used as one number",
                "take one element, or reduce it with any(), all() or a sum",
            )
        if not isinstance(fake.numel(), int):
            certain = known_sizes.applied(self, fake)
            fake = fake if certain is None else certain
        if fake.dtype.is_complex:
            self._refuse("a complex number is read from a tensor", "read its real and imaginary parts")
        scalar = torch.ops.aten._local_scalar_dense.default(fake.reshape(()))
        self.shapes.pending_fresh_unbacked_symbols.clear()
        kind = kind_of(scalar)
        assert kind is not None
        slot = self.memories.slot(self.held, self.draft, fake)
        value = Value(self.name("read"), self.draft, kind=kind)
        loc = "" if own else "{}:{}".format(*self.user_location())
        self.draft.steps.append(ReadStep(value, slot, len(self.draft.ops), loc))
        (symbol,) = scalar.node.expr.free_symbols
        self.symbols.define(symbol, value)
        bound = index_bound(self, fake) if kind == "int" else 0
        if bound:
            self.symbols.ranges[symbol] = ValueRanges(0, int_oo if math.isinf(bound) else int(bound) - 1)
        return scalar  # type: ignore[no-any-return]

    # -- refusals ----------------------------------------------------------------------------------------------

    def problem(self, found: str, why: str, instead: str) -> Problem:
        """A problem at the user's line that runs now."""
        file, line = self.user_location()
        return Problem(file, line, found, why, instead)

    def _refuse(self, found: str, instead: str) -> None:
        raise Refused(self.problem(found, "it has no meaning in the compiled network", instead))

    def needs_truth(self, what: str) -> None:
        """Native code asks for a concrete number: interpret the functions between the machine and the question."""
        problem = self.problem(
            f"{what} depends on data where a concrete number is needed",
            "the code that asks for it runs inside a library function that cannot be followed",
            "branch on the tensor in Python code of the network",
        )
        codes = codes_of_frames(sys._getframe(1))
        if codes:
            raise NeedsInterpretation(codes, problem)
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and not is_machine_frame(frame):
            if frame.f_code.co_filename.startswith("<"):
                name = frame.f_code.co_qualname
                problem = replace(
                    problem,
                    why=f"the function {name} decides on data, and its source is not available ({problem.file})",
                    instead="define the function in a file",
                )
                break
            frame = frame.f_back
        raise Refused(problem)
