"""Host expressions as data to rewrite: identity, substitution, and mapping over steps and terminators."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import msgspec

from adaptc.runtime.hostprogram import (
    Apply,
    Branch,
    Const,
    Draw,
    Edge,
    Expr,
    Jump,
    Let,
    Raise,
    Read,
    Ref,
    Return,
    Size,
    Switch,
    Terminator,
)

Key = tuple[object, ...]


def literal(value: bool | int | float) -> Const:
    """The constant `value`; non-finite floats take their text form."""
    if isinstance(value, float) and not math.isfinite(value):
        return Const(repr(value), "float")
    return Const(value)


def key(expr: Expr) -> Key:
    """A hashable identity of `expr` that, unlike ``==``, tells True from 1 from 1.0 and 0.0 from -0.0."""
    match expr:
        case Const(value=value, kind=kind):
            return ("const", type(value).__name__, repr(value), kind)
        case Ref(name=name):
            return ("ref", name)
        case Size(name=name, dim=dim):
            return ("size", name, dim)
        case Apply(function=function, args=args):
            return ("apply", function, *(key(arg) for arg in args))


def edge_key(edge: Edge) -> Key:
    """A hashable identity of `edge`: its block and the identities of its arguments."""
    return (edge.block, *(key(arg) for arg in edge.args))


def substitute(expr: Expr, values: Mapping[str, Expr]) -> Expr:
    """`expr` with the names of `values` replaced; a tensor must become a `Ref`, as its sizes need a name."""
    match expr:
        case Ref(name=name):
            return values.get(name, expr)
        case Size(name=name, dim=dim) if name in values:
            return Size(tensor_name(values[name]), dim)
        case Apply(function=function, args=args):
            return Apply(function, tuple(substitute(arg, values) for arg in args))
        case _:
            return expr


def tensor_name(expr: Expr) -> str:
    """The name of the tensor that `expr` is; raises TypeError where it is anything but a `Ref`."""
    if not isinstance(expr, Ref):
        raise TypeError(f"a tensor can only stand in an expression by its name, not as {expr}")
    return expr.name


def map_edges(terminator: Terminator, change: Callable[[Edge], Edge]) -> Terminator:
    """`terminator` with every edge replaced by what `change` makes of it."""
    match terminator:
        case Jump(to=to):
            return Jump(change(to))
        case Branch(then=then, orelse=orelse):
            return msgspec.structs.replace(terminator, then=change(then), orelse=change(orelse))
        case Switch(edges=edges, default=default):
            changed = tuple(change(edge) for edge in edges)
            return msgspec.structs.replace(terminator, edges=changed, default=change(default))
        case _:
            return terminator


def map_terminator(terminator: Terminator, change: Callable[[Expr], Expr]) -> Terminator:
    """`terminator` with every expression replaced: tests, indices, outputs and the arguments of edges."""
    edged = map_edges(terminator, lambda edge: Edge(edge.block, tuple(change(arg) for arg in edge.args)))
    match edged:
        case Branch(test=test):
            return msgspec.structs.replace(edged, test=change(test))
        case Switch(index=index):
            return msgspec.structs.replace(edged, index=change(index))
        case Return(outputs=outputs):
            return msgspec.structs.replace(edged, outputs=tuple(change(output) for output in outputs))
        case _:
            return edged


def map_step(step: Let | Read | Draw, change: Callable[[Expr], Expr]) -> Let | Read | Draw:
    """`step` with every expression replaced; `change` must give a `Ref` for the tensor of a read."""
    match step:
        case Let(expr=expr):
            return msgspec.structs.replace(step, expr=change(expr))
        case Read(tensor=tensor):
            return msgspec.structs.replace(step, tensor=tensor_name(change(Ref(tensor))))
        case Draw(shape=shape, args=args):
            return msgspec.structs.replace(step, shape=tuple(map(change, shape)), args=tuple(map(change, args)))


def tested(terminator: Terminator) -> tuple[Expr, ...]:
    """The expressions that `terminator` reads itself, whatever its edges pass on."""
    match terminator:
        case Branch(test=test):
            return (test,)
        case Switch(index=index):
            return (index,)
        case Return(outputs=outputs):
            return outputs
        case Jump() | Raise():
            return ()


def same_terminator(left: Terminator, right: Terminator) -> bool:
    """Whether two terminators say the same, constants compared by type and value."""
    return _terminator_key(left) == _terminator_key(right)


def _terminator_key(terminator: Terminator) -> Key:
    reads: list[Key] = []

    def note(expr: Expr) -> Expr:
        reads.append(key(expr))
        return Const(None)

    # The shape of the terminator compares by value once its expressions are taken out.
    return (map_terminator(terminator, note), tuple(reads))
