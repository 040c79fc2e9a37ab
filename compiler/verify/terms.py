"""Host scalars as functions of the reads of one path: a graph of terms in which equal terms are one object.

Values that pass from block to block are substituted, so a test at the end of a path is a term over the reads
on the way. A tree of expressions could double at every step (`x = x * x`); a graph grows by one node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from adaptc.compiler.ir.evaluate import FUNCTIONS, Number
from adaptc.runtime.hostprogram import Scalar

_HUGE = 4096
_PARTIAL = frozenset({"truediv", "floordiv", "mod", "pow", "lshift", "rshift", "sqrt", "exp", "log", "log2"})


@dataclass(frozen=True, slots=True)
class Variable:
    """What the data decides on a path: the read `name` of `block`, at the `visit`-th arrival there (0-based).

    `free` is False for what cannot be forced: a size that only running the network tells, and a number that the
    code of its own block takes too. `dtype` is that of the
    tensor that is read, where it is known.
    """

    name: str
    kind: Scalar
    visit: int = 0
    block: str = ""
    free: bool = True
    dtype: torch.dtype | None = None


class Undefined:
    """The value of an expression that raises (a division by zero)."""

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED = Undefined()


class Term:
    """A constant, a variable, or a host function of terms; made by `Terms` alone and compared by identity.

    `partial` tells that evaluating it may raise.
    """

    __slots__ = ("_order", "args", "function", "partial", "value", "variables")

    partial: bool

    def __init__(self, function: str, args: tuple[Term, ...], value: Number | Variable | None) -> None:
        self.function = function
        self.args = args
        self.value = value
        self.partial = function in _PARTIAL or any(arg.partial for arg in args)
        if isinstance(value, Variable):
            self.variables: frozenset[Variable] = frozenset({value})
        else:
            self.variables = frozenset().union(*(arg.variables for arg in args))
        self._order: tuple[Term, ...] | None = None

    def __repr__(self) -> str:
        if self.function in ("const", "variable"):
            return str(self.value.name if isinstance(self.value, Variable) else self.value)
        return f"{self.function}({', '.join(map(repr, self.args))})"

    @property
    def constant(self) -> bool:
        """Whether the value is known."""
        return self.function == "const"

    def order(self) -> tuple[Term, ...]:
        """All terms below and this one, operands first."""
        if self._order is None:
            done: dict[Term, None] = {}
            stack: list[tuple[Term, bool]] = [(self, False)]
            while stack:
                term, ready = stack.pop()
                if ready:
                    done[term] = None
                elif term not in done:
                    stack.append((term, True))
                    stack.extend((arg, False) for arg in term.args)
            self._order = tuple(done)
        return self._order


class Terms:
    """Makes terms; equal ones are the same object."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Term] = {}

    def constant(self, value: Number) -> Term:
        """A known value. True, 1 and 1.0 are different constants."""
        return self._term(("const", type(value), repr(value)), "const", (), value)

    def variable(self, variable: Variable) -> Term:
        """A value that the data decides."""
        return self._term(("variable", variable), "variable", (), variable)

    def apply(self, function: str, args: Sequence[Term]) -> Term:
        """`function` of `args`, computed where the operands that it needs are known."""
        if function in ("and", "or") and args[0].constant:
            return args[1] if bool(args[0].value) == (function == "and") else args[0]
        if function == "select" and args[0].constant:
            return args[1] if args[0].value else args[2]
        if all(arg.constant for arg in args):
            value = _compute(function, [arg.value for arg in args])  # type: ignore[misc]
            if not isinstance(value, Undefined):
                return self.constant(value)
        return self._term((function, *args), function, tuple(args), None)

    def _term(
        self, key: tuple[object, ...], function: str, args: tuple[Term, ...], value: Number | Variable | None
    ) -> Term:
        term = self._known.get(key)
        if term is None:
            term = self._known[key] = Term(function, args, value)
        return term


def evaluate(term: Term, values: Mapping[Variable, Number]) -> Number | Undefined:
    """The value of `term`, given a value for each of its variables; UNDEFINED where computing it raises."""
    return evaluate_all(term, values)[term]


def evaluate_all(term: Term, values: Mapping[Variable, Number]) -> dict[Term, Number | Undefined]:
    """The value of every term within `term`, given a value for each of its variables."""
    results: dict[Term, Number | Undefined] = {}
    for part in term.order():
        if part.function == "const":
            results[part] = part.value  # type: ignore[assignment]
        elif part.function == "variable":
            results[part] = values[part.value]  # type: ignore[index]
        else:
            results[part] = _compute(part.function, [results[arg] for arg in part.args])
    return results


def _compute(function: str, args: list[Number | Undefined]) -> Number | Undefined:
    first = args[0]
    if isinstance(first, Undefined):
        return first
    if function == "and":
        return args[1] if first else first
    if function == "or":
        return first if first else args[1]
    if function == "select":
        return args[1] if first else args[2]
    for arg in args:
        if isinstance(arg, Undefined):
            return arg
    if function in ("pow", "lshift") and any(isinstance(arg, int) and abs(arg) > _HUGE for arg in args):
        return UNDEFINED  # not worth the memory: no threshold lies there
    try:
        result: Number | complex = FUNCTIONS[function](*args)
    except (ArithmeticError, ValueError, TypeError):
        return UNDEFINED
    return UNDEFINED if isinstance(result, complex) else result
