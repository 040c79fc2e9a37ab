"""Capture: from a network and example inputs to a Program."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from types import CodeType
from typing import Any

import sympy
import torch

from adaptc.compiler.errors import CompileError, Problem
from adaptc.compiler.frontend import prelude, rolling, segments, texts
from adaptc.compiler.frontend.assemble import Assembly, reachable, weight_names
from adaptc.compiler.frontend.draft import Draft, Operand, RaiseEnd, ReturnEnd, SizeStep, Value
from adaptc.compiler.frontend.export import UNEXPORTABLE, Exporter
from adaptc.compiler.frontend.guards import guarded_symbols
from adaptc.compiler.frontend.heap import Heap
from adaptc.compiler.frontend.instructions import FunctionCode
from adaptc.compiler.frontend.iterators import is_poisoned
from adaptc.compiler.frontend.lower import Lowerer, SourceUnavailable
from adaptc.compiler.frontend.machine import TOO_LONG, Machine
from adaptc.compiler.frontend.memory import Held
from adaptc.compiler.frontend.modules import guarded_conversions
from adaptc.compiler.frontend.operators import followed_operators
from adaptc.compiler.frontend.recorder import Recorder
from adaptc.compiler.frontend.signals import JoinSite, NeedsInterpretation, NeedsRoll, NeedsSplit, Refused
from adaptc.compiler.frontend.state import Generator, Modes, State
from adaptc.compiler.frontend.symbols import Symbolic, expression, kind_of
from adaptc.compiler.frontend.transforms import traced_transforms
from adaptc.compiler.ir.program import Input, Program, TensorType
from adaptc.compiler.signature import Bound, apply_dims
from adaptc.compiler.structure import StructureError, flatten, rebuild
from adaptc.runtime.hostprogram import ValueSpec

MAX_RESTARTS = 200

Progress = Callable[[int, int], None]


def capture(
    model: torch.nn.Module,
    bound: Bound,
    dims: Mapping[str, Mapping[int, str]],
    name: str,
    progress: Progress = lambda done, total: None,
) -> Program:
    """Capture `model`, called as in `bound`, as a program; `dims` names the dimensions that vary.

    The model is left as it was. Raises CompileError with every problem found.
    """
    shapes = apply_dims(bound.inputs, dims)
    interpreted: set[CodeType] = set()
    split_sites: set[JoinSite] = set()
    rolled_sites: set[JoinSite] = set()
    deferred: list[Problem] = []
    lowerer = Lowerer()
    for _ in range(MAX_RESTARTS):
        attempt = _Capture(model, bound, shapes, name, lowerer, interpreted, split_sites, rolled_sites)
        try:
            return attempt.run(progress)
        except NeedsInterpretation as need:
            interpreted.update(need.codes)
        except NeedsSplit as need:
            if need.site in split_sites:
                raise CompileError([*attempt.problems, _unsplittable(need.site)]) from need
            split_sites.add(need.site)
            deferred += need.problems
        except NeedsRoll as need:
            rolled_sites.add(need.site)
        except Refused as refusal:
            raise CompileError([*attempt.problems, refusal.problem]) from refusal
        except CompileError as error:
            deferred += attempt.machine.deferred if attempt.machine is not None else ()
            if not deferred or all(problem.found != TOO_LONG for problem in error.problems):
                raise
            # the loop is only unrolled because of these
            others = [problem for problem in error.problems if problem.found != TOO_LONG]
            raise CompileError(list(dict.fromkeys([*deferred, *others]))) from error
    raise CompileError(
        [Problem("", 0, f"the capture was restarted {MAX_RESTARTS} times", "too many functions test data", "")]
    )


def _unsplittable(site: JoinSite) -> Problem:
    file, _, line, *_ = site.frames[-1]
    return Problem(
        file,
        line,
        "ways through this function cannot be kept apart",
        "a number or tensor that differs between them is needed as a plain Python value",
        "decide once and use the decision, or compute with tensors",
    )


class _Capture:
    """One attempt."""

    def __init__(
        self,
        model: torch.nn.Module,
        bound: Bound,
        shapes: Mapping[str, tuple[int | str, ...]],
        name: str,
        lowerer: Lowerer,
        interpreted: set[CodeType],
        split_sites: set[JoinSite],
        rolled_sites: set[JoinSite],
    ) -> None:
        self.model = model
        self.bound = bound
        self.shapes = shapes
        self.name = name
        self.lowerer = lowerer
        self.interpreted = interpreted
        self.split_sites = split_sites
        self.rolled_sites = rolled_sites
        self.dims: dict[str, Any] = {}
        self.machine: Machine | None = None

    @property
    def problems(self) -> list[Problem]:
        """Problems found so far."""
        return [] if self.machine is None else self.machine.found

    def _lower(self, code: CodeType) -> FunctionCode:
        try:
            return self.lowerer.lower(code)
        except SourceUnavailable as error:
            raise Refused(
                Problem(
                    code.co_filename,
                    code.co_firstlineno,
                    f"the function {code.co_qualname} decides on data, but its source is not available",
                    str(error),
                    "define it in a file",
                )
            ) from error

    def run(self, progress: Progress) -> Program:
        """The program. Raises NeedsInterpretation and NeedsSplit to be started again, Refused and CompileError."""
        names = _weight_names(self.model)
        recorder = self.recorder = Recorder(names, lambda: self._location())
        heap = Heap(self.model)
        recorder.unwatched = heap.unwatched
        entry = Draft(0, _where(self.model))
        held = Held()
        machine = self.machine = Machine(
            recorder, heap, self._lower, self.interpreted, self.split_sites, self.rolled_sites, self._finished
        )
        machine.return_location = _split_location(_where(self.model))
        machine.drafts.append(entry)
        recorder.draft, recorder.held = entry, held
        with _surroundings(recorder, heap):
            try:
                fakes = self._inputs(recorder, entry, held)
                args = rebuild(self.bound.args, fakes[: _count(self.bound.args)])
                kwargs = rebuild(self.bound.kwargs, fakes[_count(self.bound.args) :])
                with recorder.fakes, recorder:
                    machine.run(prelude.entry, (self.model, args, kwargs), {}, State([], entry, held))
            finally:
                heap.reset()
        if machine.problems:
            raise CompileError([*machine.found, *self._problems_of_code(machine, entry)])
        return self._assemble(recorder, entry, progress)

    def _location(self) -> tuple[str, int]:
        assert self.machine is not None
        return self.machine.location() if self.machine.state.frames else ("", 0)

    # -- inputs ------------------------------------------------------------------------------------------------

    def _inputs(self, recorder: Recorder, entry: Draft, held: Held) -> list[torch.Tensor]:
        """Fake tensors for the inputs; they are the entry's parameters, and the named dimensions host scalars."""
        fakes = []
        for name, tensor in self.bound.inputs:
            shape = [
                extent if isinstance(extent, int) else self._dim(recorder, extent, tensor.shape[axis])
                for axis, extent in enumerate(self.shapes[name])
            ]
            with recorder.fakes:
                fake = torch.empty(shape, dtype=tensor.dtype)
            value = Value(name, entry, fake=fake)
            entry.params.append(value)
            slot = entry.new_slot(fake)
            entry.inputs[slot] = value
            recorder.memories.hold(held, fake, value)
            fakes.append(fake)
            for axis, extent in enumerate(self.shapes[name]):
                if isinstance(extent, str):
                    symbol = expression(self.dims[extent])
                    if symbol not in recorder.symbols.values:
                        size = Value(recorder.name(extent), entry, kind="int")
                        entry.steps.append(SizeStep(size, slot, axis, entry.loc))
                        recorder.symbols.define(symbol, size)
        return fakes

    def _dim(self, recorder: Recorder, name: str, size: int) -> Any:
        """The symbolic size of a named dimension; its hint is the example's size where that tells it apart."""
        if name not in self.dims:
            self.dims[name] = recorder.new_dimension(name, size)
        return self.dims[name]

    # -- results -----------------------------------------------------------------------------------------------

    def _finished(self, state: State, value: Any) -> None:
        """A state has returned from the network."""
        assert self.machine is not None
        rolling.leave(state)
        recorder = self.recorder
        loc = "{}:{}".format(*self.machine.return_location)
        if isinstance(value, Generator):
            raise Refused(
                Problem(
                    *_split_location(_where(self.model)),
                    "forward is a generator function",
                    "a call gives a generator instead of a result",
                    "return the results as a list",
                )
            )
        if is_poisoned(value):
            state.draft.end = RaiseEnd("", "", loc)  # a problem has been noted where this came from
            return
        if any(texts.texts_in(value)):
            raise texts.refusal(self.machine)
        try:
            tree, leaves = flatten(segments.as_rows(recorder, value), "leaf")
        except StructureError as error:
            file, line = _split_location(loc)
            raise Refused(
                Problem(
                    file,
                    line,
                    str(error),
                    "the network's result must be made of tensors, numbers, tuples, lists, dicts and dataclasses",
                    "return the tensors themselves",
                )
            ) from error
        outputs: list[Operand] = []
        specs: list[ValueSpec] = []
        for leaf in leaves:
            if isinstance(leaf, torch.Tensor):
                fake = recorder.fake(leaf)
                outputs.append(recorder.portable(state.held, state.draft, fake))
                specs.append(self._spec(fake))
            else:
                outputs.append(self.machine.host(leaf) if isinstance(leaf, Symbolic) else recorder.symbols.host(leaf))
                specs.append(ValueSpec(str(kind_of(leaf))))
        state.draft.end = ReturnEnd(outputs, specs, tree, loc)

    def _spec(self, fake: torch.Tensor) -> ValueSpec:
        kind = self._types().tensor_type(fake)
        dtype = str(kind.dtype).removeprefix("torch.")
        return ValueSpec("float32" if dtype == "bfloat16" else dtype, kind.shape)

    def _types(self) -> Exporter:
        names: dict[sympy.Symbol, str] = {}
        for name, extent in self.dims.items():
            names[expression(extent)] = name
        return Exporter(self.recorder.symbols, names)

    def _problems_of_code(self, machine: Machine, entry: Draft) -> list[Problem]:
        """Problems of the tensor code itself, for a network that is refused already: all are listed at once."""
        exporter = self._types()
        for draft in reachable(entry):
            made = [slot for op in (*draft.preamble, *draft.ops) for slot in op.results if slot is not None]
            exporter.lower(draft, made, f"code_{draft.index}")
            if draft.suspect:  # its code may follow from a problem that is listed already
                exporter.problems = [p for p in exporter.problems if not p.found.startswith(UNEXPORTABLE)]
        return list(dict.fromkeys(exporter.problems))

    def _assemble(self, recorder: Recorder, entry: Draft, progress: Progress) -> Program:
        exporter = self._types()
        try:
            blocks = Assembly(entry, exporter, progress).blocks()
        except CompileError:
            # one iteration after the other, sizes may be known that differ between iterations
            loops = [site for draft in exporter.failing for site in draft.loops if site not in self.rolled_sites]
            if loops and loops[-1] not in self.split_sites:
                raise NeedsSplit(loops[-1], exporter.problems) from None
            raise
        table = {**recorder.weights, **exporter.constants}
        inputs = []
        for name, tensor in self.bound.inputs:
            inputs.append(Input(name, TensorType(tensor.dtype, self.shapes[name])))
        assert self.machine is not None
        return Program(
            self.name,
            self.bound.arguments,
            tuple(inputs),
            blocks[0].name,
            {block.name: block for block in blocks},
            {name: table[name].detach() for name in weight_names(blocks)},
            list(self.machine.notes),
        )


def _count(value: Any) -> int:
    return sum(isinstance(leaf, torch.Tensor) for leaf in flatten(value, "static")[1])


def _split_location(loc: str) -> tuple[str, int]:
    file, _, line = loc.rpartition(":")
    return file, int(line or 0)


def _where(model: torch.nn.Module) -> str:
    """file:line of the network's forward."""
    code = getattr(getattr(model.forward, "__func__", model.forward), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else ":0"


def _weight_names(model: torch.nn.Module) -> dict[int, str]:
    """The network's names of its parameters, buffers and plain tensor attributes, by id; the first name of each."""
    names: dict[int, str] = {}
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        names.setdefault(id(tensor), name)
    for path, module in model.named_modules():
        for attribute, value in module.__dict__.items():
            if isinstance(value, torch.Tensor):
                names.setdefault(id(value), f"{path}.{attribute}".lstrip("."))
    return names


@contextlib.contextmanager
def _surroundings(recorder: Recorder, heap: Heap) -> Iterator[None]:
    """What holds during a capture: no gradients, inference mode seen as that, compiled functions run eagerly."""
    modes = Modes.current()
    inference = torch.autograd.grad_mode.inference_mode
    enter, leave = inference.__enter__, inference.__exit__

    def enter_without_gradients(self: Any) -> None:
        self._adaptc_previous = torch.is_grad_enabled()
        if self.mode:
            torch._C._set_grad_enabled(False)

    def leave_without_gradients(self: Any, *exc: object) -> None:
        torch._C._set_grad_enabled(self._adaptc_previous)

    cls: Any = inference
    cls.__enter__, cls.__exit__ = enter_without_gradients, leave_without_gradients
    log = logging.getLogger("torch._subclasses.fake_tensor")
    quiet, log.disabled = log.disabled, True  # its errors are reported as problems, with the user's line
    try:
        with (
            torch.no_grad(),
            heap.watching(),
            guarded_symbols(recorder),
            guarded_conversions(recorder),
            followed_operators(recorder),
            traced_transforms(recorder),
            torch.compiler.set_stance("force_eager"),
        ):
            yield
    finally:
        cls.__enter__, cls.__exit__ = enter, leave
        log.disabled = quiet
        modes.activate()
