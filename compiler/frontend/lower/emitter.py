"""Emitting instructions with labels, and the bookkeeping that the order of a FunctionCode needs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from inspect import CO_GENERATOR
from types import CodeType

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.instructions import FunctionCode, Instruction, Pc, Register, Span
from adaptc.compiler.frontend.liveness import definitions, live_sets, may_raise, successors


@dataclass(eq=False, slots=True)
class Label:
    """A place to jump to: its number until the end of the lowering, its pc afterwards.

    `bound`: local variables that are bound on every way here so far, None while there is no way here.
    """

    number: int
    bound: set[Register] | None = None
    pc: Pc | None = None


@dataclass(slots=True)
class Emitted:
    """An instruction whose jumps name labels, and what surrounds it."""

    instruction: Instruction
    handler: Label | None
    loops: tuple[Label, ...]


@dataclass(eq=False, slots=True)
class Emitter:
    """Collects instructions. Nothing is emitted where control cannot come, so dead code drops out."""

    code: CodeType
    emitted: list[Emitted] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    placed_here: list[Label] = field(default_factory=list)  # labels at the end of `emitted`
    headers: list[Label] = field(default_factory=list)
    handler: Label | None = None
    loops: tuple[Label, ...] = ()
    reachable: bool = True
    bound: set[Register] = field(default_factory=set)
    refusals: list[ins.Refusal] = field(default_factory=list)
    temporaries: int = 0

    def temporary(self, stem: str = "") -> Register:
        """A register name that is not in use."""
        self.temporaries += 1
        return f"{stem}%{self.temporaries}"

    def label(self) -> Label:
        """A label that stands nowhere yet."""
        label = Label(len(self.labels))
        self.labels.append(label)
        return label

    def emit(self, instruction: Instruction) -> None:
        """Append an instruction; its jump targets are the numbers of labels."""
        if not self.reachable:
            return
        self.placed_here.clear()
        self.emitted.append(Emitted(instruction, self.handler, self.loops))
        if self.handler is not None and may_raise(instruction):
            self._arrive(self.handler)
        if isinstance(instruction, ins.Next):
            self._arrive(self.labels[instruction.exhausted])  # before the target is bound
        if isinstance(instruction, ins.Delete):
            self.bound.discard(instruction.name)
        else:
            self.bound.update(definitions(instruction))
        if isinstance(instruction, ins.Goto):
            self._arrive(self.labels[instruction.target])
        elif isinstance(instruction, ins.Test):
            self._arrive(self.labels[instruction.then])
            self._arrive(self.labels[instruction.orelse])
        self.reachable = not isinstance(instruction, ins.Goto | ins.Test | ins.Return | ins.Raise)

    def _arrive(self, label: Label) -> None:
        label.bound = set(self.bound) if label.bound is None else label.bound & self.bound

    def goto(self, label: Label, span: Span) -> None:
        """Emit a jump to `label`."""
        self.emit(ins.Goto(span, label.number))

    def test(self, span: Span, test: ins.Operand, then: Label, orelse: Label) -> None:
        """Emit a fork."""
        self.emit(ins.Test(span, test, then.number, orelse.number))

    def place(self, label: Label) -> None:
        """Let `label` stand here. A jump to it that comes last before it is taken back."""
        if self.emitted and not self.reachable and label.bound is not None:
            last = self.emitted[-1].instruction
            if isinstance(last, ins.Goto) and last.target == label.number and not self._is_header_end():
                self.emitted.pop()
                self.reachable = True
                for other in self.placed_here:
                    other.pc = len(self.emitted)
        if label.bound is not None:
            self.bound = self.bound & label.bound if self.reachable else set(label.bound)
            self.reachable = True
        label.pc = len(self.emitted)
        self.placed_here.append(label)

    def _is_header_end(self) -> bool:
        return any(header.pc == len(self.emitted) - 1 for header in self.headers)

    @contextmanager
    def loop(self, unbound: set[Register]) -> Iterator[Label]:
        """The instructions of a loop, the first of which is the header; `unbound`: variables it may unbind."""
        header = self.label()
        self.bound = self.bound - unbound
        self.place(header)
        header.bound = set(self.bound)
        self.headers.append(header)
        outer = self.loops
        self.loops = (*outer, header)
        yield header
        self.loops = outer

    @contextmanager
    def handled_by(self, handler: Label | None) -> Iterator[None]:
        """The instructions whose exceptions go to `handler`."""
        outer, self.handler = self.handler, handler
        yield
        self.handler = outer

    def finish(self) -> FunctionCode:
        """The code, its labels replaced by pcs."""
        lowered = self._resolved()
        live = lowered.live
        dead = [
            pc
            for pc, instruction in enumerate(lowered.instructions)
            if isinstance(instruction, ins.Delete) and instruction.name not in live[pc + 1]
        ]
        if not dead:
            return lowered
        # Nobody asks for these variables again, so nothing shows whether they are unbound.
        for label in self.labels:
            if label.pc is not None:
                label.pc -= bisect_left(dead, label.pc)
        for pc in reversed(dead):
            del self.emitted[pc]
        return self._resolved()

    def _resolved(self) -> FunctionCode:
        def pc_of(number: int) -> Pc:
            pc = self.labels[number].pc
            assert pc is not None, f"label {number} of {self.code.co_qualname} stands nowhere"
            return pc

        def resolved(instruction: Instruction) -> Instruction:
            if isinstance(instruction, ins.Goto):
                return replace(instruction, target=pc_of(instruction.target))
            if isinstance(instruction, ins.Test):
                return replace(instruction, then=pc_of(instruction.then), orelse=pc_of(instruction.orelse))
            if isinstance(instruction, ins.Next):
                return replace(instruction, exhausted=pc_of(instruction.exhausted))
            return instruction

        instructions = tuple(resolved(emitted.instruction) for emitted in self.emitted)
        handlers = tuple(
            None if emitted.handler is None or emitted.handler.bound is None else emitted.handler.pc
            for emitted in self.emitted
        )
        loops = tuple(tuple(pc_of(label.number) for label in emitted.loops) for emitted in self.emitted)
        return FunctionCode(
            code=self.code,
            instructions=instructions,
            handlers=handlers,
            loops=loops,
            joins=joins(instructions, handlers, loops),
            live=live_sets(self.code, instructions, handlers),
            refusals=tuple(self.refusals),
            is_generator=bool(self.code.co_flags & CO_GENERATOR),
        )


def joins(
    instructions: Sequence[Instruction], handlers: Sequence[Pc | None], loops: Sequence[tuple[Pc, ...]]
) -> frozenset[Pc]:
    """The pcs that are reached in more than one way; headers of loops and handlers always count."""
    found = {header for around in loops for header in around}
    found.update(handler for handler in handlers if handler is not None)
    seen = {0}
    for pc, instruction in enumerate(instructions):
        for way in successors(pc, instruction):
            (found if way in seen else seen).add(way)
    return frozenset(found)
