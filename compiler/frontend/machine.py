"""The machine: runs register code over states, forks at tests on data, merges at joins.

A state runs on the user's real objects under fake tensors until it forks, ends, or comes to a join that other states
may still reach. The state that is furthest behind runs next, so all that can reach a join arrive before it goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import CellType, CodeType, FunctionType
from typing import Any

import sympy
import torch

from adaptc.compiler.errors import Problem
from adaptc.compiler.frontend import calls, execute, forks, iteration, joins, raised, rolling, treatment, variants
from adaptc.compiler.frontend import instructions as code
from adaptc.compiler.frontend.draft import Arm, Draft, HostExpr, JumpEnd, LetStep, RaiseEnd, Value
from adaptc.compiler.frontend.heap import Heap
from adaptc.compiler.frontend.iterators import POISON
from adaptc.compiler.frontend.preludes import is_prelude_file
from adaptc.compiler.frontend.recorder import Recorder
from adaptc.compiler.frontend.signals import JoinSite, NeedsInterpretation, NeedsSplit, Refused, Undecided
from adaptc.compiler.frontend.sources import is_library_file
from adaptc.compiler.frontend.splits import SplitSites
from adaptc.compiler.frontend.state import Frame, State
from adaptc.runtime.hostprogram import Apply, Scalar

MAX_FRAMES = 200
MAX_GIVEN_UP = 8
BOOLEAN = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "not", "and", "or"})


class Machine:
    """Runs one function call to all its ends; `finished` is called with each state that leaves the last frame.

    `next_call` ends a call within a session: it takes the state, the result and the arguments, and gives the next ones.
    """

    def __init__(
        self,
        recorder: Recorder,
        heap: Heap,
        lower: Callable[[CodeType], code.FunctionCode],
        interpreted: set[CodeType],
        split_sites: SplitSites,
        rolled_sites: set[JoinSite],
        finished: Callable[[State, Any], None],
        next_call: Callable[[State, Any, Any, Any], Any],
    ) -> None:
        self.recorder = recorder
        recorder.cut = self.cut
        self.heap = heap
        self.lower = lower
        self.interpreted = interpreted
        self.split_sites = split_sites
        self.rolled_sites = rolled_sites
        self.finished = finished
        self.next_call = next_call
        self.ready: list[State] = []
        self.drafts: list[Draft] = []
        self.headers: list[rolling.Roll] = []
        self.variants: dict[rolling.Place, variants.Variants] = {}
        self.growing = True
        self.most_recorded: int | None = None
        self.problems: dict[tuple[str, int, str], list[tuple[Problem, tuple[rolling.Roll, ...]]]] = {}
        self.deferred: list[Problem] = []
        self.notes: dict[str, None] = {}
        self.loops: dict[str, str] = {}
        self.returned = False
        self.given_up = 0
        self.unknown_tests: set[tuple[int, int]] = set()
        self.raised: BaseException | None = None
        self.raised_loc = ""
        self.return_location = ("", 0)
        self.state: State

    # -- states ------------------------------------------------------------------------------------------------

    def new_draft(self, loc: str) -> Draft:
        """An empty draft."""
        draft = Draft(len(self.drafts), loc)
        self.drafts.append(draft)
        return draft

    @property
    def found(self) -> list[Problem]:
        """The problems found so far."""
        return [entries[0][0] for entries in self.problems.values()]

    def forget_problems(self, roll: rolling.Roll) -> None:
        """Forget the problems that were found while a loop was captured that is captured anew."""
        for key, entries in list(self.problems.items()):
            self.problems[key] = [entry for entry in entries if roll not in entry[1]]
            if not self.problems[key]:
                del self.problems[key]

    def run(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], state: State) -> None:
        """Call `function` in `state` and follow all states to their ends."""
        self.take(state)
        calls.call(self, function, args, kwargs, None)
        self._advance(state)
        while self.ready:
            self._go_on()

    def take(self, state: State) -> None:
        """Let a state that the objects are in be the running one."""
        self.state = state
        self.recorder.draft, self.recorder.held = state.draft, state.held
        self.recorder.symbols.known = state.draft.known = state.known
        # torch keeps the results of calls by the names of their sizes, whatever is known of these
        self.recorder.fakes.cache_enabled = not state.known

    def cut(self) -> None:
        """Let the running state go on in a draft of its own."""
        state = self.state
        draft = self.new_draft(state.draft.loc)
        draft.suspect, draft.loops = state.draft.suspect, state.draft.loops
        state.draft.end = JumpEnd(Arm(draft))
        state.draft = self.recorder.draft = draft

    def activate(self, state: State) -> None:
        """Let a frozen state run."""
        self.heap.activate(state)
        state.apart = False
        self.take(state)

    def _go_on(self) -> None:
        self.ready.sort(key=State.position)
        rolling.close_left(self)
        first = next((state for state in self.ready if not variants.blocked(self, state)), self.ready[0])
        position = first.position()
        first = rolling.coming_back(self.ready, position) or first
        group = [state for state in self.ready if joins.mergeable(first, state, position)]
        roll = rolling.ended(first)
        if roll is not None:
            self.ready = [state for state in self.ready if state not in group]
            rolling.come_back(self, roll, group)
            return
        inside = len(first.frames) > 1  # ways that have left the network stay apart: each has its own return
        if inside and len(group) > 1 and self.site(first) not in self.split_sites:
            self.ready = joins.merge(self, group) + [state for state in self.ready if state not in group]
            first = self.ready[0]
        self.ready.remove(first)
        self.activate(first)
        self._advance(first)

    def site(self, state: State) -> JoinSite:
        """Where `state` stands, independent of this run's objects."""
        return JoinSite(
            tuple(
                (f.code.code.co_filename, f.code.code.co_name, f.code.code.co_firstlineno, *f.position())  # type: ignore[misc]
                for f in state.frames
            )
        )

    def location_of(self, state: State) -> tuple[str, int]:
        """File and line of the instruction that `state` is at: of the user's code, if any is on the way to it."""
        frames = [(frame.code.code.co_filename, frame) for frame in reversed(state.frames)]
        places = [(file, f.code.instructions[f.pc].span.line) for file, f in frames if not is_prelude_file(file)]
        users = [place for place in places if not is_library_file(place[0])]
        return next(iter(users or places), self.return_location)

    def location(self) -> tuple[str, int]:
        """File and line of the instruction that runs."""
        return self.location_of(self.state)

    def problem(self, found: str, why: str, instead: str) -> Problem:
        """A problem at the instruction that runs."""
        if not self.state.frames:
            return Problem(*self.return_location, found, why, instead)
        file, line = self.location()
        frame = self.state.frames[-1]
        span = frame.code.instructions[frame.pc].span
        single = span.line == span.end_line and file == frame.code.code.co_filename
        columns = (span.column, span.end_column) if single else (None, None)
        return Problem(file, line, found, why, instead, *columns)

    # -- running -----------------------------------------------------------------------------------------------

    def _advance(self, state: State) -> None:
        """Run `state` until it forks, ends, or waits at a join."""
        fresh = True
        while state.frames:
            frame = state.frames[-1]
            if not fresh and self._must_wait(state, frame):
                self.heap.freeze(state)
                self.ready.append(state)
                return
            fresh = self.returned = False
            nest = frame.code.loops[frame.pc]
            if nest and nest[-1] == frame.pc and not state.granted:
                if rolling.enter(self, state, frame):
                    return
            instruction = frame.code.instructions[frame.pc]
            try:
                if isinstance(instruction, code.Test):
                    if forks.test(self, state, frame, instruction):
                        return
                elif isinstance(instruction, code.Next):
                    if forks.next_item(self, state, frame, instruction):
                        return
                else:
                    execute.EXECUTE[type(instruction)](self, frame, instruction)
            except Refused as refusal:
                roll = rolling.refusing(state, self.rolled_sites)
                if roll is not None and not state.tainted:
                    variants.unroll(self, roll, refusal.problem.found)
                    return
                self._refused(state, frame, instruction, refusal.problem)
                if refusal.fatal:
                    self._give_up(state)
            except NeedsInterpretation as need:
                if not set(need.codes) <= self.interpreted:
                    raise
                self._refused(state, frame, instruction, need.problem)  # followed already: nothing more can be seen
            except NeedsSplit as need:
                roll = rolling.of_site(state, need.site)
                if roll is None or need.site in self.rolled_sites:
                    raise
                self.deferred += need.problems
                variants.unroll(self, roll, "a number that it counts is needed as it is")
                return
            except Undecided as need:
                forks.decide(self, state, frame, need.number)
                return
            except forks.Fork as fork:
                roll = rolling.counting(state, fork.number, self.rolled_sites)
                if roll is not None:
                    rolling.unroll(self, roll, "a number that it counts chooses an element")
                else:
                    forks.switch(self, state, frame, fork)
                return
            except (Exception, GeneratorExit) as error:  # noqa: BLE001  (what the network raises is its own business)
                problem = raised.origin_problem(self, error)
                if problem is not None and state.tainted:
                    state.frames.clear()
                    state.draft.end = RaiseEnd("", "", "")
                elif problem is not None:
                    self._refused(state, frame, instruction, problem)
                elif self.unwind(error):
                    return

    def _must_wait(self, state: State, frame: Frame) -> bool:
        """Whether `state` is where another state may still come or waits, or at the end of a loop's body."""
        if state.rolls and rolling.waits(state, self.ready):
            return True
        if not self.ready or not (frame.pc in frame.code.joins or self.returned):
            return False
        position = state.position()
        return any(other.position() <= position for other in self.ready)

    def _refused(self, state: State, frame: Frame, instruction: code.Instruction, problem: Problem) -> None:
        """Note a problem and go on with an unknown result, to find further problems."""
        state.tainted = state.draft.suspect = True
        span = instruction.span
        if problem.column is None and problem.line == span.line == span.end_line:
            problem = replace(problem, column=span.column, end_column=span.end_column)
        key = problem.file, problem.line, problem.found
        self.problems.setdefault(key, []).append((problem, state.rolls))
        while state.frames and state.frames[-1] is not frame:
            state.frames.pop()
        dst = getattr(instruction, "dst", None)
        if isinstance(instruction, code.Next):
            frame.pc = instruction.exhausted
            return
        if isinstance(dst, str):
            frame.registers[dst] = POISON
        for name in getattr(instruction, "dsts", ()):
            frame.registers[name] = POISON
        if isinstance(instruction, (code.Return, code.Raise)):
            state.frames.clear()
            state.draft.end = RaiseEnd("", "", "")
        elif isinstance(instruction, code.Test):
            frame.pc = instruction.then
        else:
            self.step(frame)

    def _give_up(self, state: State) -> None:
        """End a way that cannot go on; after several, all ways, since they would multiply without end."""
        state.frames.clear()
        state.draft.end = RaiseEnd("", "", "")
        self.given_up += 1
        if self.given_up > MAX_GIVEN_UP:
            self.ready.clear()

    def step(self, frame: Frame, target: int | None = None) -> None:
        """Go to the next instruction, or to `target`; a jump to a loop's header begins the next iteration."""
        old, new = frame.pc, frame.pc + 1 if target is None else target
        frame.pc = new
        nest = frame.code.loops
        if nest[old] != nest[new] or (target is not None and new <= old):
            around = nest[new]
            if new <= old:
                frame.counts[new] = frame.counts.get(new, 0) + 1
                treatment.limit(self, frame, new)
            for header in [header for header in frame.counts if header not in around]:
                del frame.counts[header]
                frame.forks.pop(header, None)
            for header in [header for header in frame.peeled if header not in around]:
                del frame.peeled[header]

    # -- forks -------------------------------------------------------------------------------------------------

    def host(self, number: Any) -> Any:
        """The host expression of a symbolic number. Raises Refused where the host cannot compute it."""
        try:
            return self.recorder.symbols.host(number)
        except (KeyError, NotImplementedError, sympy.SympifyError) as error:
            raise Refused(
                self.problem(
                    f"the number {number} decides the control flow",
                    f"the host program cannot compute it ({error})",
                    "compute it with tensor operations and read the result with .item()",
                )
            ) from error

    def let(self, function: str, *args: Any) -> torch.SymBool | torch.SymFloat:
        """A number that the host computes as it is written.

        sympy's algebra is that of the reals: with floats, which round and may be NaN, its simplifications do not hold.
        """
        parts = [self.host(arg) for arg in args]
        expr = HostExpr(Apply(function, tuple(part.expr for part in parts)), tuple(u for p in parts for u in p.uses))
        shapes = self.recorder.shapes
        kind: Scalar = "bool" if function in BOOLEAN else "float"
        result = shapes.create_unbacked_symbool() if kind == "bool" else shapes.create_unbacked_symfloat()
        shapes.pending_fresh_unbacked_symbols.clear()
        value = Value(self.recorder.name(function), self.state.draft, kind=kind)
        self.state.draft.steps.append(LetStep(value, expr, "{}:{}".format(*self.location())))
        (symbol,) = result.node.expr.free_symbols
        self.recorder.symbols.define(symbol, value)
        return result

    # -- frames ------------------------------------------------------------------------------------------------

    def enter(self, frame: Frame) -> None:
        """Begin to run an interpreted function."""
        if len(self.state.frames) >= MAX_FRAMES:
            raise Refused(
                self.problem(
                    f"calls nest more than {MAX_FRAMES} deep",
                    "recursion must end after a number of calls that is known when the network is compiled",
                    "write it as a loop with a fixed number of iterations",
                ),
                fatal=True,
            )
        self.state.frames.append(frame)

    def leave(self, value: Any) -> None:
        """End the running frame with a result and go on in its caller."""
        frame = self.state.frames.pop()
        if not self.state.frames:
            self.finished(self.state, value)
            return
        if len(self.state.frames) == 1:
            self.return_location = frame.code.code.co_filename, frame.code.instructions[frame.pc].span.line
        caller = self.state.frames[-1]
        self.returned = True
        if frame.finish == "generator":
            frame.result.frame, frame.result.running = None, False
            iteration.exhausted(self, caller, value)
            return
        if frame.dst is not None:
            caller.registers[frame.dst] = frame.result if frame.finish == "init" else value
        if frame.finish != "retry":
            self.step(caller)

    def unwind(self, error: BaseException) -> bool:
        """Find the handler of an exception; True if the state ended because there is none."""
        self.raised_loc = "{}:{}".format(*self.location())
        while self.state.frames:
            frame = self.state.frames[-1]
            handler = frame.code.handlers[frame.pc]
            if handler is not None:
                frame.pending = error
                self.step(frame, handler)
                return False
            self.state.frames.pop()
            if frame.finish == "generator":
                frame.result.frame, frame.result.running = None, False
        rolling.leave(self.state)
        self.state.draft.end = RaiseEnd(type(error).__name__, raised.message_of(error), raised.raised_at(self, error))
        return True

    def make_frame(self, function: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Frame:
        """A frame for a call of a Python function. Raises TypeError as the call would."""
        lowered = self.lower(function.__code__)
        bound = calls.bind(function, args, kwargs)
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        for name in function.__code__.co_cellvars:
            cells[name] = CellType(bound.pop(name)) if name in bound else CellType()
        return Frame(lowered, function.__globals__, bound, cells)

    def note(self, text: str) -> None:
        """Tell the user a fact about the capture."""
        self.notes[text] = None
