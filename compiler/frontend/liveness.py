"""What each instruction reads, writes and leads to, and from that which values are live where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from types import CodeType

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.instructions import Instruction, Literal, Operand, Pc, Register

# The fields of each instruction that hold operands, in the order in which they are read.
OPERAND_FIELDS: dict[type[Instruction], tuple[str, ...]] = {
    ins.Move: ("src",),
    ins.Delete: (),
    ins.LoadGlobal: (),
    ins.StoreGlobal: ("src",),
    ins.MakeCell: (),
    ins.LoadCell: (),
    ins.StoreCell: ("src",),
    ins.DeleteCell: (),
    ins.Unary: ("a",),
    ins.Binary: ("a", "b"),
    ins.GetAttr: ("obj",),
    ins.SetAttr: ("src", "obj"),
    ins.DelAttr: ("obj",),
    ins.GetItem: ("obj", "index"),
    ins.SetItem: ("src", "obj", "index"),
    ins.DelItem: ("obj", "index"),
    ins.BuildSlice: ("lower", "upper", "step"),
    ins.BuildTuple: (),
    ins.BuildList: (),
    ins.BuildSet: (),
    ins.BuildDict: (),
    ins.Call: ("func",),
    ins.Format: ("value", "spec"),
    ins.Join: (),
    ins.MakeFunction: ("defaults", "kwdefaults"),
    ins.GetIter: ("obj",),
    ins.Next: ("iterator",),
    ins.Unpack: ("src",),
    ins.Import: (),
    ins.Goto: (),
    ins.Test: ("test",),
    ins.Return: ("src",),
    ins.Raise: ("exc", "cause"),
    ins.Catch: (),
    ins.MatchException: ("exc", "kind"),
    ins.Yield: ("value",),
    ins.Refuse: (),
}
GETTERS = {
    kind: tuple(map(attrgetter, fields)) for kind, fields in OPERAND_FIELDS.items()
}  # attrgetter: this runs for every instruction of every function

# Instructions with a single result register, called `dst`.
WITHOUT_DST = (
    ins.Delete, ins.StoreGlobal, ins.MakeCell, ins.StoreCell, ins.DeleteCell, ins.SetAttr, ins.DelAttr,
    ins.SetItem, ins.DelItem, ins.Unpack, ins.Goto, ins.Test, ins.Return, ins.Raise, ins.Refuse,
)  # fmt: skip
WITH_DST = frozenset(OPERAND_FIELDS).difference(WITHOUT_DST)


def operands(instruction: Instruction) -> Iterator[Operand]:
    """The operands of `instruction` in the order in which it reads them."""
    for getter in GETTERS[type(instruction)]:
        yield getter(instruction)
    if isinstance(instruction, ins.Call):
        yield from (item.value for item in instruction.args)
        yield from (value for _, value in instruction.kwargs)
    elif isinstance(instruction, ins.BuildTuple | ins.BuildList | ins.BuildSet):
        yield from (item.value for item in instruction.items)
    elif isinstance(instruction, ins.BuildDict):
        for key, value in instruction.items:
            if key is not None:
                yield key
            yield value
    elif isinstance(instruction, ins.Join):
        yield from instruction.parts


def definitions(instruction: Instruction) -> tuple[Register, ...]:
    """The registers that `instruction` sets or unbinds."""
    if type(instruction) in WITH_DST:
        return (instruction.dst,)  # type: ignore[attr-defined]
    if isinstance(instruction, ins.Unpack):
        return instruction.dsts
    return (instruction.name,) if isinstance(instruction, ins.Delete) else ()


def successors(pc: Pc, instruction: Instruction) -> tuple[Pc, ...]:
    """Where `instruction` at `pc` leads without an exception; one entry per way."""
    if isinstance(instruction, ins.Goto):
        return (instruction.target,)
    if isinstance(instruction, ins.Test):
        return instruction.then, instruction.orelse
    if isinstance(instruction, ins.Next):
        return pc + 1, instruction.exhausted
    return () if isinstance(instruction, ins.Return | ins.Raise) else (pc + 1,)


def may_raise(instruction: Instruction) -> bool:
    """Whether `instruction` can lead to a handler."""
    if isinstance(instruction, ins.Move):
        return not isinstance(instruction.src, Literal)  # an unbound register raises
    return not isinstance(instruction, ins.Goto | ins.Catch | ins.MakeCell | ins.Delete)


def shared_cells(code: CodeType, instructions: Sequence[Instruction]) -> frozenset[str]:
    """The cells of the frame that some closure may also hold."""
    captured = {
        cell
        for instruction in instructions
        if isinstance(instruction, ins.MakeFunction)
        for _, cell in instruction.cells
    }
    return frozenset(captured.union(code.co_freevars))


def implicit_super(code: CodeType, before: Instruction | None, call: Instruction) -> tuple[str, ...]:
    """What ``super()`` without arguments reads from the frame: the first argument and ``__class__``."""
    if not isinstance(call, ins.Call) or call.args or call.kwargs or "__class__" not in code.co_freevars:
        return ()
    if not isinstance(before, ins.LoadGlobal) or before.name != "super" or before.dst != call.func:
        return ()
    if not code.co_argcount:
        return ("&__class__",)
    first = code.co_varnames[0]
    return "&__class__", f"&{first}" if first in code.co_cellvars else first


def live_sets(
    code: CodeType, instructions: Sequence[Instruction], handlers: Sequence[Pc | None]
) -> tuple[frozenset[str], ...]:
    """For each pc the registers, and cells as "&name", that may be read at or after it before they are set.

    A cell that a closure shares is also live before it is set: setting it must reach the closure's cell, not a
    new one. Backward dataflow over the instructions, which are visited from the last to the first until nothing
    changes: once for each level of loops, and once more.
    """
    bits: dict[str, int] = {}
    shared = shared_cells(code, instructions)
    uses: list[int] = []
    kills: list[int] = []
    ways: list[tuple[Pc, ...]] = []
    exhausted: dict[Pc, Pc] = {}

    def mask(names: Iterator[str] | Sequence[str]) -> int:
        total = 0
        for name in names:
            total |= bits.setdefault(name, 1 << len(bits))
        return total

    before: Instruction | None = None
    for pc, instruction in enumerate(instructions):
        used = mask([operand for operand in operands(instruction) if isinstance(operand, str)])
        killed = mask(definitions(instruction))
        if isinstance(instruction, ins.LoadCell | ins.DeleteCell):
            used |= mask((f"&{instruction.cell}",))
        elif isinstance(instruction, ins.MakeFunction):
            used |= mask([f"&{cell}" for _, cell in instruction.cells])
        elif isinstance(instruction, ins.MakeCell):
            killed |= mask((f"&{instruction.cell}",))
        elif isinstance(instruction, ins.StoreCell):
            cell = mask((f"&{instruction.cell}",))
            if instruction.cell in shared:
                used |= cell
            else:
                killed |= cell
        elif isinstance(instruction, ins.Call):
            used |= mask(implicit_super(code, before, instruction))
        elif isinstance(instruction, ins.Next):
            exhausted[pc] = instruction.exhausted
        uses.append(used)
        kills.append(~killed)
        ways.append(successors(pc, instruction))
        before = instruction

    live = [0] * (len(instructions) + 1)
    changed = True
    while changed:
        changed = False
        for pc in range(len(instructions) - 1, -1, -1):
            after = 0
            for way in ways[pc]:
                after |= live[way]
            now = uses[pc] | (after & kills[pc])
            if pc in exhausted:
                now |= live[exhausted[pc]]  # an exhausted iterator sets nothing
            handler = handlers[pc]
            if handler is not None and may_raise(instructions[pc]):
                now |= live[handler]  # nothing is set when the instruction raises
            if now != live[pc]:
                live[pc] = now
                changed = True
    return _names(live[:-1], list(bits))


def _names(masks: list[int], names: list[str]) -> tuple[frozenset[str], ...]:
    """The sets that bit masks stand for. Neighbours differ little, so each set is made from the one before."""
    found: list[frozenset[str]] = []
    current: frozenset[str] = frozenset()
    previous = 0
    for mask in masks:
        rest, changed = mask ^ previous, []
        while rest:
            lowest = rest & -rest
            changed.append(names[lowest.bit_length() - 1])
            rest ^= lowest
        if changed:
            current = current.symmetric_difference(changed)
        found.append(current)
        previous = mask
    return tuple(found)
