"""The host program: the control flow between the units of an artifact, as data.

``host.json`` holds one `HostProgram`. The compiler writes it through these classes and the runtime reads it
through the same, so that writer and reader cannot drift. Nothing in it is code: the loader synthesizes a
Python function from it (`adaptc.runtime.synthesis`).

Values are named; a name is assigned in one place of the text and read only in the block that holds it
(static single assignment with block parameters). A value is a tensor (a numpy array) or a host scalar
(a Python bool, int or float).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from adaptc.runtime.tree import Tree

Scalar = Literal["bool", "int", "float"]
"""The kinds of host scalar. An int is unbounded, a float is IEEE binary64, as in Python."""


class Const(msgspec.Struct, frozen=True, tag="const", tag_field="op"):
    """A literal. Non-finite floats travel as the strings "inf", "-inf" and "nan" with `kind` "float"."""

    value: bool | int | float | str | None
    kind: Literal["literal", "float"] = "literal"


class Ref(msgspec.Struct, frozen=True, tag="ref", tag_field="op"):
    """The value called `name`: a parameter of this block or the result of one of its steps."""

    name: str


class Size(msgspec.Struct, frozen=True, tag="size", tag_field="op"):
    """The extent of dimension `dim` (>= 0) of the tensor `name`, as an int."""

    name: str
    dim: int


class Apply(msgspec.Struct, frozen=True, tag="apply", tag_field="op"):
    """A pure function of host scalars; `OPERATORS` lists the functions and their meaning."""

    function: str
    args: tuple[Expr, ...]


Expr = Const | Ref | Size | Apply

OPERATORS: dict[str, str] = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "truediv": "{0} / {1}",
    "floordiv": "{0} // {1}",
    "mod": "{0} % {1}",
    "pow": "{0} ** {1}",
    "neg": "-{0}",
    "abs": "abs({0})",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "gt": "{0} > {1}",
    "ge": "{0} >= {1}",
    "eq": "{0} == {1}",
    "ne": "{0} != {1}",
    "and": "{0} and {1}",
    "or": "{0} or {1}",
    "not": "not {0}",
    "lshift": "{0} << {1}",
    "rshift": "{0} >> {1}",
    "bitand": "{0} & {1}",
    "bitor": "{0} | {1}",
    "bitxor": "{0} ^ {1}",
    "min": "min({0}, {1})",
    "max": "max({0}, {1})",
    "int": "int({0})",
    "float": "float({0})",
    "bool": "bool({0})",
    "round": "round({0})",
    "floor": "math.floor({0})",
    "ceil": "math.ceil({0})",
    "trunc": "math.trunc({0})",
    "sqrt": "math.sqrt({0})",
    "exp": "math.exp({0})",
    "log": "math.log({0})",
    "log2": "math.log2({0})",
    "sin": "math.sin({0})",
    "cos": "math.cos({0})",
    "tanh": "math.tanh({0})",
    "select": "({1} if {0} else {2})",
}
"""Function name -> its Python text. Every text is an expression over builtins and `math` alone; the
synthesis puts each application into parentheses."""


class Call(msgspec.Struct, frozen=True, tag="call", tag_field="step"):
    """Run a unit: `inputs` in the order of the unit's inputs, `outputs` names in the order of its outputs.

    A host scalar among the inputs is passed as a 0-d array of the dtype that the unit declares.
    """

    unit: str
    inputs: tuple[Expr, ...]
    outputs: tuple[str, ...]


class Let(msgspec.Struct, frozen=True, tag="let", tag_field="step"):
    """Name a host scalar."""

    name: str
    expr: Expr
    loc: str = ""


class Read(msgspec.Struct, frozen=True, tag="read", tag_field="step"):
    """Take the one element of `tensor` as a host scalar: where data enters the control flow.

    Forced-path verification replaces the values of reads, in the order in which they are executed.
    """

    name: str
    tensor: str
    kind: Scalar
    loc: str = ""


Distribution = Literal["uniform", "normal", "exponential", "integers", "permutation"]
"""What random numbers can be drawn of (`adaptc.runtime.stream`)."""


class Draw(msgspec.Struct, frozen=True, tag="draw", tag_field="step"):
    """Take a tensor of random numbers from the call's stream (`adaptc.runtime.stream.Stream.draw`).

    `kind` says of which distribution; `args` are the least integer and the first that is too large for "integers".
    """

    name: str
    kind: Distribution
    shape: tuple[Expr, ...]
    dtype: str
    args: tuple[Expr, ...] = ()
    loc: str = ""


Step = Call | Let | Read | Draw


class Edge(msgspec.Struct, frozen=True):
    """Go to `block`, whose parameters take the values of `args`."""

    block: str
    args: tuple[Expr, ...] = ()


class Jump(msgspec.Struct, frozen=True, tag="jump", tag_field="terminator"):
    """Go on unconditionally."""

    to: Edge


class Branch(msgspec.Struct, frozen=True, tag="branch", tag_field="terminator"):
    """Go to `then` if `test` is true, else to `orelse`."""

    test: Expr
    then: Edge
    orelse: Edge
    loc: str = ""


class Switch(msgspec.Struct, frozen=True, tag="switch", tag_field="terminator"):
    """Go to the edge whose key equals `index`, else to `default`."""

    index: Expr
    keys: tuple[int, ...]
    edges: tuple[Edge, ...]
    default: Edge
    loc: str = ""


class ValueSpec(msgspec.Struct, frozen=True):
    """What one output is: a tensor (`dtype` a numpy name, `shape` ints and dimension names) or a host scalar."""

    dtype: str
    shape: tuple[int | str, ...] | None = None


class Return(msgspec.Struct, frozen=True, tag="return", tag_field="terminator"):
    """End the call: the leaves of `tree` are indices into `outputs`.

    After the leaves, `outputs` holds the new values of the inputs that the program changes, then the state that the
    call leaves behind: what the program number `next` of `HostProgram.later` takes after its inputs.
    """

    outputs: tuple[Expr, ...]
    specs: tuple[ValueSpec, ...]
    tree: Tree
    loc: str = ""
    next: int | None = None


class Raise(msgspec.Struct, frozen=True, tag="raise", tag_field="terminator"):
    """End the call with an error, as the network does on this path."""

    exception: str
    message: str
    loc: str = ""


Terminator = Jump | Branch | Switch | Return | Raise


class HostBlock(msgspec.Struct, frozen=True):
    """Straight-line steps, then one terminator. `params` take their values from the edges that lead here."""

    name: str
    params: tuple[str, ...]
    steps: tuple[Step, ...]
    terminator: Terminator


class HostProgram(msgspec.Struct, frozen=True):
    """Blocks by name; the call begins in `entry`, whose parameters are the flat input tensors in order, then `state`,
    what the call before it left behind.

    `changes` are the inputs, by number, that a call changes in place. The first program has in `later` those that the
    calls of a session take after the first; `seed` is that of the stream of random numbers unless the application gives
    another, None where nothing is drawn; `fixed` are the dimensions that have one size in a whole session, and
    `no_session` says why there is no session where calls leave something behind that no program can take.
    """

    entry: str
    blocks: tuple[HostBlock, ...]
    state: tuple[ValueSpec, ...] = ()
    changes: tuple[int, ...] = ()
    later: tuple[HostProgram, ...] = ()
    fixed: tuple[str, ...] = ()
    no_session: str = ""
    seed: int | None = None


def successors(terminator: Terminator) -> tuple[Edge, ...]:
    """The edges out of a block, in the order then/else or case order with the default last."""
    match terminator:
        case Jump(to=edge):
            return (edge,)
        case Branch(then=then, orelse=orelse):
            return (then, orelse)
        case Switch(edges=edges, default=default):
            return (*edges, default)
        case _:
            return ()


def units_of(program: HostProgram) -> frozenset[str]:
    """The names of the units that a program or those of its session call."""
    steps = (step for part in (program, *program.later) for block in part.blocks for step in block.steps)
    return frozenset(step.unit for step in steps if isinstance(step, Call))


def draws(program: HostProgram) -> bool:
    """Whether a program draws random numbers."""
    return any(isinstance(step, Draw) for block in program.blocks for step in block.steps)


def names_in(expr: Expr) -> tuple[str, ...]:
    """The names of the values that `expr` reads, in order of appearance."""
    match expr:
        case Ref(name=name) | Size(name=name):
            return (name,)
        case Apply(args=args):
            return tuple(name for arg in args for name in names_in(arg))
        case _:
            return ()
