"""A state of the machine: interpreted frames, the draft being recorded, and what tensors and objects hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CellType
from typing import Any, Literal

import torch
from torch.overrides import TorchFunctionMode

from adaptc.compiler.frontend.draft import Draft
from adaptc.compiler.frontend.instructions import Call, FunctionCode, Pc, Register
from adaptc.compiler.frontend.memory import Held
from adaptc.compiler.frontend.signals import JoinSite
from adaptc.compiler.frontend.symbols import Ranges

Finish = Literal["call", "init", "generator", "retry"]
"""What a frame's result is for: the value of a call; nothing, since `result` is the new instance; the next item of a
generator; a register that the caller's same instruction needs (it is executed again)."""


MAX_TRIES = 3


@dataclass(frozen=True, slots=True)
class Peeled:
    """Iterations of a loop that stand before it: how often the loop could not be closed, and why.

    `site` is set where it was only for a counter that is needed as a plain number.
    """

    tries: int
    why: str
    site: JoinSite | None = None

    @property
    def whole(self) -> bool:
        """Whether all iterations are to be unrolled."""
        return self.tries >= MAX_TRIES


@dataclass(eq=False, slots=True)
class Frame:
    """An activation of an interpreted function. `counts` has the iteration of every loop it is in, by header, `forks`
    how often a state has forked there, `peeled` what is known of loops that cannot be closed."""

    code: FunctionCode
    globals: dict[str, Any]
    registers: dict[Register, Any]
    cells: dict[str, CellType]
    dst: Register | None = None
    finish: Finish = "call"
    result: Any = None
    pc: Pc = 0
    counts: dict[Pc, int] = field(default_factory=dict)
    forks: dict[Pc, int] = field(default_factory=dict)
    peeled: dict[Pc, Peeled] = field(default_factory=dict)
    pending: BaseException | None = None

    def copy(self) -> Frame:
        """A frame that goes on independently. Objects and cells are shared; the heap keeps their contents apart."""
        return Frame(
            self.code,
            self.globals,
            dict(self.registers),
            dict(self.cells),
            self.dst,
            self.finish,
            self.result,
            self.pc,
            dict(self.counts),
            dict(self.forks),
            dict(self.peeled),
            self.pending,
        )

    def position(self) -> tuple[int, ...]:
        """Where the frame stands, such that lexicographic order is the order of execution, loop iterations included."""
        nest: list[int] = []
        for header in self.code.loops[self.pc]:
            nest += (header, self.counts.get(header, 0))
        return (*nest, self.pc)

    def prune(self, live: frozenset[str]) -> None:
        """Forget registers and cells that are not in `live`."""
        if "__class__" in self.cells and self.code.code.co_varnames:
            live = live | {self.code.code.co_varnames[0]}  # what a call of super() without arguments reads
        self.registers = {name: value for name, value in self.registers.items() if name in live}
        self.cells = {name: cell for name, cell in self.cells.items() if f"&{name}" in live or name == "__class__"}

    def live(self, callee: Frame | None) -> frozenset[str]:
        """What is read from here on; with a `callee`, from when it returns to the instruction at pc."""
        if callee is None or callee.finish in {"retry", "generator"}:
            return self.code.live[self.pc]
        if not isinstance(self.code.instructions[self.pc], Call):
            return self.code.live[self.pc]
        handler = self.code.handlers[self.pc]
        after = self.code.live[self.pc + 1]
        return after if handler is None else after | self.code.live[handler]


@dataclass(eq=False, slots=True)
class Generator:
    """A generator whose body is interpreted: its frame while it is suspended, None once it has finished."""

    frame: Frame | None
    running: bool = False
    started: bool = False


@dataclass(frozen=True)
class Modes:
    """Thread state of torch that code can change; `functions` is the stack of its function modes, the top last."""

    grad: bool
    autocast: bool
    autocast_dtype: torch.dtype
    functions: tuple[TorchFunctionMode, ...]

    @staticmethod
    def current() -> Modes:
        """The modes as they are."""
        return Modes(
            torch.is_grad_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch.get_autocast_dtype("cpu"),
            tuple(torch.overrides._get_current_function_mode_stack()),  # type: ignore[no-untyped-call]
        )

    def activate(self) -> None:
        """Set the modes."""
        torch._C._set_grad_enabled(self.grad)
        torch.set_autocast_enabled("cpu", self.autocast)
        torch.set_autocast_dtype("cpu", self.autocast_dtype)
        there = torch.overrides._get_current_function_mode_stack()  # type: ignore[no-untyped-call]
        if there != list(self.functions):
            for _ in there:
                torch.overrides._pop_mode()  # type: ignore[no-untyped-call]
            for mode in self.functions:
                torch.overrides._push_mode(mode)  # type: ignore[no-untyped-call]


@contextmanager
def kept_modes() -> Iterator[None]:
    """Set the modes back at the end: a network may return, or be refused, in the middle of a ``with``."""
    modes = Modes.current()
    try:
        yield
    finally:
        modes.activate()


Snapshot = dict[int, tuple[Any, Any]]
"""id(object) -> (object, a shallow copy of its contents)."""


@dataclass(eq=False, slots=True)
class State:
    """One way that execution can have gone. `heap` and `modes` are set while the state is frozen.

    `apart`: it has just been split from states at the same instruction and must not merge with them there.
    `tainted`: a problem was found on its way, so that errors which follow mean nothing.
    `granted`: it is at an iterator that has another item on its way. `begins`: it begins a call of a session.
    `rolls`: the loops that are being captured around it, outermost first (class Roll).
    `known`: ranges of sizes, by the tests on its way.
    """

    frames: list[Frame]
    draft: Draft
    held: Held
    heap: Snapshot | None = None
    modes: Modes | None = None
    apart: bool = False
    tainted: bool = False
    granted: bool = False
    begins: bool = False
    rolls: tuple[Any, ...] = ()
    known: Ranges = field(default_factory=dict)

    def position(self) -> tuple[tuple[int, ...], ...]:
        """Positions of all frames, outermost first."""
        return tuple([frame.position() for frame in self.frames])

    def copy(self, draft: Draft) -> State:
        """A copy of a frozen state that goes on in another draft."""
        frames = [frame.copy() for frame in self.frames]
        draft.suspect = draft.suspect or self.tainted
        draft.loops = tuple([roll.site for roll in self.rolls if roll.draft is not None])
        held = self.held.copy()
        return State(
            frames, draft, held, self.heap, self.modes, tainted=self.tainted, rolls=self.rolls, known=self.known
        )

    def prune(self) -> None:
        """Forget what no frame reads any more."""
        for frame, callee in zip(self.frames, [*self.frames[1:], None], strict=True):
            frame.prune(frame.live(callee))
