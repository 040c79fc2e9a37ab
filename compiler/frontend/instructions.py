"""The register code that a Python function is lowered to before it is run symbolically.

Expressions become instructions over registers, so that a state of the machine (registers and a program counter per
frame) can be copied wherever a test depends on data. Registers are local variables and temporaries ("%1"); variables
that closures share live in cells. Nothing depends on CPython's bytecode.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import CodeType
from typing import Any

Register = str
Pc = int


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of source: 1-based lines, 0-based columns in characters, the end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant operand."""

    value: Any


Operand = Register | Literal


@dataclass(frozen=True, slots=True)
class Item:
    """An element of a call or a display; with `star`, all elements of an iterable."""

    value: Operand
    star: bool = False


@dataclass(frozen=True, slots=True)
class Instruction:
    """Base of all instructions; `span` is the expression or statement it stands for."""

    span: Span


@dataclass(frozen=True, slots=True)
class Move(Instruction):
    """dst = src"""

    dst: Register
    src: Operand


@dataclass(frozen=True, slots=True)
class Delete(Instruction):
    """Unbind a local variable, whether it is bound or not (``del x`` of one that may be unbound reads it before)."""

    name: Register


@dataclass(frozen=True, slots=True)
class LoadGlobal(Instruction):
    """dst = the global, else the builtin, called `name`"""

    dst: Register
    name: str


@dataclass(frozen=True, slots=True)
class StoreGlobal(Instruction):
    """Bind a global."""

    name: str
    src: Operand


@dataclass(frozen=True, slots=True)
class MakeCell(Instruction):
    """Give the frame a new, empty cell called `cell` (a variable of a comprehension that a closure captures)."""

    cell: str


@dataclass(frozen=True, slots=True)
class LoadCell(Instruction):
    """dst = the contents of the frame's cell"""

    dst: Register
    cell: str


@dataclass(frozen=True, slots=True)
class StoreCell(Instruction):
    """Set the contents of the frame's cell."""

    cell: str
    src: Operand


@dataclass(frozen=True, slots=True)
class DeleteCell(Instruction):
    """Empty the frame's cell, which may be empty already."""

    cell: str


@dataclass(frozen=True, slots=True)
class Unary(Instruction):
    """dst = function(a) for the function "neg", "pos", "invert" or "not_" of module `operator`"""

    dst: Register
    function: str
    a: Operand


@dataclass(frozen=True, slots=True)
class Binary(Instruction):
    """dst = function(a, b) for a function of module `operator`, such as "add", "matmul", "and_" or "iadd".

    Comparisons are "lt", "le", "gt", "ge", "eq", "ne", "is_", "is_not", "contains" (a in b, operands in source
    order) and "not_contains".
    """

    dst: Register
    function: str
    a: Operand
    b: Operand


@dataclass(frozen=True, slots=True)
class GetAttr(Instruction):
    """dst = obj.name (the name already mangled)"""

    dst: Register
    obj: Operand
    name: str


@dataclass(frozen=True, slots=True)
class SetAttr(Instruction):
    """obj.name = src"""

    obj: Operand
    name: str
    src: Operand


@dataclass(frozen=True, slots=True)
class DelAttr(Instruction):
    """del obj.name"""

    obj: Operand
    name: str


@dataclass(frozen=True, slots=True)
class GetItem(Instruction):
    """dst = obj[index]"""

    dst: Register
    obj: Operand
    index: Operand


@dataclass(frozen=True, slots=True)
class SetItem(Instruction):
    """obj[index] = src"""

    obj: Operand
    index: Operand
    src: Operand


@dataclass(frozen=True, slots=True)
class DelItem(Instruction):
    """del obj[index]"""

    obj: Operand
    index: Operand


@dataclass(frozen=True, slots=True)
class BuildSlice(Instruction):
    """dst = slice(lower, upper, step)"""

    dst: Register
    lower: Operand
    upper: Operand
    step: Operand


@dataclass(frozen=True, slots=True)
class BuildTuple(Instruction):
    """dst = a tuple of `items`"""

    dst: Register
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class BuildList(Instruction):
    """dst = a list of `items`"""

    dst: Register
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class BuildSet(Instruction):
    """dst = a set of `items`"""

    dst: Register
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class BuildDict(Instruction):
    """dst = a dict of key/value pairs; a key of None stands for ``**value``"""

    dst: Register
    items: tuple[tuple[Operand | None, Operand], ...]


@dataclass(frozen=True, slots=True)
class Call(Instruction):
    """dst = func(*args, **kwargs); a keyword of None stands for ``**value``"""

    dst: Register
    func: Operand
    args: tuple[Item, ...]
    kwargs: tuple[tuple[str | None, Operand], ...]


@dataclass(frozen=True, slots=True)
class Format(Instruction):
    """dst = format(value converted by "" | "s" | "r" | "a", spec)"""

    dst: Register
    value: Operand
    conversion: str
    spec: Operand


@dataclass(frozen=True, slots=True)
class Join(Instruction):
    """dst = "".join(parts)"""

    dst: Register
    parts: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class MakeFunction(Instruction):
    """dst = a function of `code`; `cells` pairs its free variables with the frame's cells.

    `defaults` is a tuple operand or a literal None, `kwdefaults` a dict operand or a literal None.
    """

    dst: Register
    code: CodeType
    cells: tuple[tuple[str, str], ...]
    defaults: Operand
    kwdefaults: Operand


@dataclass(frozen=True, slots=True)
class GetIter(Instruction):
    """dst = iter(obj)"""

    dst: Register
    obj: Operand


@dataclass(frozen=True, slots=True)
class Next(Instruction):
    """dst = next(iterator), or go to `exhausted` where there is none. The header of every ``for`` loop."""

    dst: Register
    iterator: Register
    exhausted: Pc


@dataclass(frozen=True, slots=True)
class Unpack(Instruction):
    """Assign the elements of `src` to `dsts`; the one at index `star`, if any, takes the rest as a list."""

    dsts: tuple[Register, ...]
    star: int | None
    src: Operand


@dataclass(frozen=True, slots=True)
class Import(Instruction):
    """dst = __import__(module, globals, None, fromlist, level)"""

    dst: Register
    module: str
    fromlist: tuple[str, ...]
    level: int


@dataclass(frozen=True, slots=True)
class Goto(Instruction):
    """Go to `target`."""

    target: Pc


@dataclass(frozen=True, slots=True)
class Test(Instruction):
    """Go to `then` if `test` is true, else to `orelse`. The only instruction at which a state forks."""

    test: Operand
    then: Pc
    orelse: Pc


@dataclass(frozen=True, slots=True)
class Return(Instruction):
    """Leave the frame with a value."""

    src: Operand


@dataclass(frozen=True, slots=True)
class Raise(Instruction):
    """raise exc from cause; `cause` is a literal None where there is no ``from``, a register in ``from None``."""

    exc: Operand
    cause: Operand


@dataclass(frozen=True, slots=True)
class Catch(Instruction):
    """First instruction of a handler: dst = the exception that led here."""

    dst: Register


@dataclass(frozen=True, slots=True)
class MatchException(Instruction):
    """dst = whether an ``except kind`` clause takes the exception (`kind`: a class or a tuple of classes)."""

    dst: Register
    exc: Operand
    kind: Operand


@dataclass(frozen=True, slots=True)
class Yield(Instruction):
    """Hand `value` to the consumer of the generator; dst = what it sends."""

    dst: Register
    value: Operand


@dataclass(frozen=True, slots=True)
class Refusal:
    """A construct that cannot be lowered: where, what was found, why, and what to write instead."""

    span: Span
    found: str
    why: str
    instead: str


@dataclass(frozen=True, slots=True)
class Refuse(Instruction):
    """Stands for a refused construct; reaching it reports the refusal."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class FunctionCode:
    """A lowered function. The tuples indexed by pc have one entry per instruction.

    Every jump goes forward, except those back to a loop's header; a loop's instructions are contiguous and its exits
    come after them.
    `handlers[pc]`: pc of the handler for an exception raised there, or None.
    `loops[pc]`: header pcs of the loops around it, outermost first.
    `joins`: pcs that are reached in more than one way (loop headers and handlers included).
    `live[pc]`: registers, and cells as "&name", whose values may be read at or after pc before they are set.
    """

    code: CodeType
    instructions: tuple[Instruction, ...]
    handlers: tuple[Pc | None, ...]
    loops: tuple[tuple[Pc, ...], ...]
    joins: frozenset[Pc]
    live: tuple[frozenset[str], ...]
    refusals: tuple[Refusal, ...]
    is_generator: bool
