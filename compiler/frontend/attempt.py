"""One attempt at capturing a network: the machine runs it to all its ends, and its drafts become programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import CodeType
from typing import Any

import sympy
import torch
from torch._dispatch.python import enable_python_dispatcher

from adaptc.compiler.errors import CompileError, Problem
from adaptc.compiler.frontend import prelude, resized, rolling, segments, texts
from adaptc.compiler.frontend.assemble import Assembly, reachable
from adaptc.compiler.frontend.assemble import weight_names as weight_names_of
from adaptc.compiler.frontend.draft import Arm, Draft, Operand, RaiseEnd, ReturnEnd, SizeStep, Value
from adaptc.compiler.frontend.export import UNEXPORTABLE, Exporter, Exports
from adaptc.compiler.frontend.heap import Heap, contents, same_contents
from adaptc.compiler.frontend.instructions import FunctionCode
from adaptc.compiler.frontend.iterators import is_poisoned
from adaptc.compiler.frontend.lower import Lowerer, SourceUnavailable
from adaptc.compiler.frontend.machine import Machine
from adaptc.compiler.frontend.memory import Held, Memory
from adaptc.compiler.frontend.outside import Outside
from adaptc.compiler.frontend.recorder import Recorder
from adaptc.compiler.frontend.signals import JoinSite, NeedsSplit, NoSession, Refused
from adaptc.compiler.frontend.splits import SplitSites
from adaptc.compiler.frontend.state import Generator, State, kept_modes
from adaptc.compiler.frontend.surroundings import surroundings, weight_names
from adaptc.compiler.frontend.symbols import Symbolic, expression, kind_of
from adaptc.compiler.ir.copying import renamed_block
from adaptc.compiler.ir.host_types import value_spec
from adaptc.compiler.ir.program import Block, Input, Program, TensorType
from adaptc.compiler.ir.verify import reachable_from
from adaptc.compiler.signature import Bound
from adaptc.compiler.structure import StructureError, flatten, rebuild
from adaptc.runtime.hostprogram import ValueSpec

Progress = Callable[[int, int], None]


@dataclass
class Known:
    """What earlier attempts have found out: functions to interpret, places where states stay apart and where loops
    must become loops, inputs (by number) that calls change in place, dimensions that are the same in all calls;
    `growing`: whether lists that calls append to become ones of any length. `recorded` are the torch calls that all
    attempts have recorded, of which there may be `most_recorded` where another call of a session begins."""

    interpreted: set[CodeType] = field(default_factory=set)
    split_sites: SplitSites = field(default_factory=SplitSites)
    rolled_sites: set[JoinSite] = field(default_factory=set)
    changing: set[int] = field(default_factory=set)
    fixed: set[str] = field(default_factory=set)
    growing: bool = True
    random_seed: int | None = None
    recorded: int = 0
    most_recorded: int | None = None
    deferred: list[Problem] = field(default_factory=list)


class Attempt:
    """One attempt; as a `session` it captures calls that follow each other."""

    def __init__(
        self,
        model: torch.nn.Module,
        bound: Bound,
        shapes: Mapping[str, tuple[int | str, ...]],
        name: str,
        lowerer: Lowerer,
        exports: Exports,
        known: Known,
        session: bool,
    ) -> None:
        self.model = model
        self.bound = bound
        self.shapes = shapes
        self.name = name
        self.lowerer = lowerer
        self.exports = exports
        self.known = known
        self.session = session
        self.dims: dict[str, Any] = {}
        self.dim_names: dict[sympy.Basic, str] = {}
        self.input_memories: list[tuple[int, Memory]] = []
        self.left_behind: dict[str, None] = {}
        self.given: list[tuple[Any, Any]] = []
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
        recorder = self.recorder = Recorder(weight_names(self.model), lambda: self._location())
        heap = self.heap = Heap(self.model)
        recorder.unwatched = heap.unwatched
        self.outside = Outside(self.model)
        recorder.random_seed = self.known.random_seed
        entry = Draft(0, _where(self.model))
        held = Held()
        known = self.known
        machine = self.machine = Machine(
            recorder,
            heap,
            self._lower,
            known.interpreted,
            known.split_sites,
            known.rolled_sites,
            self._finished,
            self._next_call,
        )
        recorder.reached = partial(resized.reached, machine)
        machine.growing = known.growing
        if known.most_recorded is not None:
            machine.most_recorded = known.most_recorded - known.recorded
        machine.return_location = _split_location(_where(self.model))
        machine.drafts.append(entry)
        recorder.draft, recorder.held = entry, held
        with surroundings(recorder, heap):
            try:
                args, kwargs = self._arguments(entry, held)
                self.given = [
                    held_by for key, held_by in heap.snapshot([args, kwargs]).items() if key not in heap.start
                ]
                with enable_python_dispatcher(), recorder.fakes, recorder, kept_modes():
                    machine.run(self._call(), (self.model, args, kwargs), {}, State([], entry, held))
            finally:
                heap.reset()
                known.recorded += recorder.recorded
        if machine.problems:
            raise CompileError([*machine.found, *self._problems_of_code(machine, entry)])
        self._note_changes()
        return self._assemble(recorder, entry, progress)

    def _call(self) -> Any:
        """The function of the prelude that is captured."""
        if self.session:
            return prelude.session
        return prelude.changing_entry if self.known.changing else prelude.entry

    def _location(self) -> tuple[str, int]:
        assert self.machine is not None
        return self.machine.location() if self.machine.state.frames else ("", 0)

    # -- inputs ------------------------------------------------------------------------------------------------

    def _arguments(self, draft: Draft, held: Held) -> tuple[Any, Any]:
        """The arguments of a call that begins with `draft`, made of fake tensors that are its parameters."""
        fakes = self._inputs(draft, held)
        count = _count(self.bound.args)
        return rebuild(self.bound.args, fakes[:count]), rebuild(self.bound.kwargs, fakes[count:])

    def _inputs(self, draft: Draft, held: Held) -> list[torch.Tensor]:
        """Fake tensors for the inputs; they are the draft's parameters, and the named dimensions host scalars."""
        recorder, first = self.recorder, draft.index == 0
        dims = {name: extent for name, extent in self.dims.items() if name in self.known.fixed}
        fakes = []
        for name, tensor in self.bound.inputs:
            shape = []
            for axis, extent in enumerate(self.shapes[name]):
                if isinstance(extent, str) and extent not in dims:
                    dims[extent] = recorder.new_dimension(extent, tensor.shape[axis])
                    self.dim_names[expression(dims[extent])] = extent if first else recorder.name(extent)
                shape.append(dims[extent] if isinstance(extent, str) else extent)
            with torch._C.DisableTorchFunction(), recorder.fakes:
                fake = torch.empty(shape, dtype=tensor.dtype)
            value = Value(name if first else recorder.name(name), draft, fake=fake)
            draft.params.append(value)
            slot = draft.new_slot(fake)
            draft.inputs[slot] = value
            recorder.memories.hold(held, fake, value)
            recorder.given.add(recorder.memories.of(fake))
            fakes.append(fake)
            for axis, extent in enumerate(self.shapes[name]):
                if isinstance(extent, str):
                    symbol = expression(dims[extent])
                    if symbol not in recorder.symbols.values:
                        size = Value(recorder.name(extent), draft, kind="int")
                        draft.steps.append(SizeStep(size, slot, axis, draft.loc))
                        recorder.symbols.define(symbol, size)
        if first:
            self.dims = dims
        self.input_memories += [(number, recorder.memories.of(fake)) for number, fake in enumerate(fakes)]
        return fakes

    # -- results -----------------------------------------------------------------------------------------------

    def _finished(self, state: State, value: Any) -> None:
        """A state has returned from the network."""
        self._end(state, *(value if self.known.changing else (value, (), {})))

    def _next_call(self, state: State, value: Any, args: Any, kwargs: Any) -> Any:
        """A state has returned from a call of a session: the arguments of the next one."""
        assert self.machine is not None
        self._end(state, value, args, kwargs)
        end = state.draft.end
        if not isinstance(end, ReturnEnd):
            raise NoSession(self.machine.found[0])
        draft = self.machine.new_draft(end.loc)
        draft.loops = state.draft.loops
        end.resume = Arm(draft)
        state.draft = self.recorder.draft = draft
        return self._arguments(draft, state.held)

    def _note_changes(self) -> None:
        """Find what calls leave behind: tensors changed in place, of the network and among the inputs."""
        memories = self.recorder.memories
        self.known.changing |= {number for number, memory in self.input_memories if memory in memories.touched}
        names = {id(tensor): name for name, tensor in self.recorder.weights.items()}
        for key, fake in self.recorder.real.items():
            if memories.of(fake) in memories.touched:
                self.left_behind[names[key]] = None

    def _end(self, state: State, value: Any, args: Any, kwargs: Any) -> None:
        """End a state's draft with the return of a call."""
        assert self.machine is not None
        rolling.leave(state)
        recorder = self.recorder
        changed = self.outside.problem()
        if changed is not None:
            raise Refused(changed)
        self.left_behind.update(dict.fromkeys(self.heap.changes()))
        for item, before in () if self.session else self.given:
            if not same_contents(contents(item), before):
                self.machine.note(
                    f"a {type(item).__name__} among the arguments is changed by a call: an application gets what the "
                    f"call returns and changes of arrays, but not this"
                )
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
        given = flatten((args, kwargs), "static")[1]
        for number in sorted(self.known.changing):
            fake = recorder.fake(given[number])
            outputs.append(recorder.portable(state.held, state.draft, fake))
            specs.append(self._spec(fake))
        state.draft.end = ReturnEnd(outputs, specs, tree, loc)

    def _spec(self, fake: torch.Tensor) -> ValueSpec:
        return value_spec(self._types().tensor_type(fake))

    def _types(self) -> Exporter:
        return Exporter(self.recorder.symbols, dict(self.dim_names), self.exports)

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
        assembly = Assembly(entry, exporter, progress)
        try:
            blocks = assembly.blocks()
        except CompileError:
            # one iteration after the other, sizes may be known that differ between iterations
            rolled = self.known.rolled_sites
            loops = [site for draft in exporter.failing for site in draft.loops if site not in rolled]
            if loops and loops[-1] not in self.known.split_sites:
                raise NeedsSplit(loops[-1], exporter.problems) from None
            raise
        table = {name: tensor.detach() for name, tensor in {**recorder.weights, **self.exports.constants}.items()}
        programs = self._programs({block.name: block for block in blocks}, assembly.entries(), table)
        programs[0].later = tuple(programs[1:])
        return programs[0]

    def _programs(
        self, blocks: Mapping[str, Block], entries: Sequence[str], table: Mapping[str, torch.Tensor]
    ) -> list[Program]:
        """One program per entry: that of the first call, and those with which a session goes on."""
        assert self.machine is not None
        programs = []
        for number, entry in enumerate(entries):
            found = reachable_from(entry, blocks)
            reached = [name for name in blocks if name in found]
            names = {name: f"next{number}_{name}" if number else name for name in reached}
            count = len(self.bound.inputs)
            params = blocks[entry].params
            inputs = [Input(param.name, param.type) for param in params[:count] if isinstance(param.type, TensorType)]
            programs.append(
                Program(
                    self.name if number == 0 else f"{self.name}_next_{number}",
                    self.bound.arguments,
                    tuple(inputs),
                    names[entry],
                    {names[name]: renamed_block(blocks[name], names) for name in reached},
                    {name: table[name] for name in weight_names_of([blocks[name] for name in reached])},
                    list(self.machine.notes) if number == 0 else [],
                    state=tuple(params[count:]),
                    changes=tuple(sorted(self.known.changing)),
                    fixed=tuple(sorted(self.known.fixed)),
                    seed=self.known.random_seed,
                    loops=dict(self.machine.loops) if number == 0 else {},
                )
            )
        return programs


def _count(value: Any) -> int:
    return sum(isinstance(leaf, torch.Tensor) for leaf in flatten(value, "static")[1])


def _split_location(loc: str) -> tuple[str, int]:
    file, _, line = loc.rpartition(":")
    return file, int(line or 0)


def _where(model: torch.nn.Module) -> str:
    """file:line of the network's forward."""
    code = getattr(getattr(model.forward, "__func__", model.forward), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else ":0"
