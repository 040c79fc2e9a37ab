"""Reads calls of ATen operators by their schemas: every argument by name, defaults in place, spellings evened out."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any

import torch
from torch import fx
from torch._ops import OpOverload, OpOverloadPacket

aten = torch.ops.aten

# What Python's operators on tensors call, with the call for a number on the left where that is another.
OPERATORS: Mapping[object, OpOverloadPacket] = {
    operator.add: aten.add,
    operator.sub: aten.sub,
    operator.mul: aten.mul,
    operator.truediv: aten.div,
    operator.floordiv: aten.floor_divide,
    operator.mod: aten.remainder,
    operator.pow: aten.pow,
    operator.matmul: aten.matmul,
    operator.neg: aten.neg,
    operator.lt: aten.lt,
    operator.le: aten.le,
    operator.gt: aten.gt,
    operator.ge: aten.ge,
    operator.eq: aten.eq,
    operator.ne: aten.ne,
    operator.and_: aten.bitwise_and,
    operator.or_: aten.bitwise_or,
    operator.xor: aten.bitwise_xor,
}

_COMMUTATIVE = frozenset(
    {
        aten.add,
        aten.mul,
        aten.maximum,
        aten.minimum,
        aten.eq,
        aten.ne,
        aten.logical_and,
        aten.logical_or,
        aten.logical_xor,
        aten.bitwise_and,
        aten.bitwise_or,
        aten.bitwise_xor,
        aten.logaddexp,
    }
)

_DIMS = frozenset({"dim", "dims", "dim0", "dim1", "start_dim", "end_dim"})
"""Arguments that name dimensions of the first tensor, from the front or, negative, from the back."""

_NEW_DIM = frozenset({aten.unsqueeze, aten.stack})
"""Operators whose dimension is one of the result, which has one more."""


def packet(target: object) -> object:
    """The operator whose overload `target` is; `target` itself where it is no overload."""
    return target.overloadpacket if isinstance(target, OpOverload) else target


def shown(target: object) -> str:
    """An operator as messages name it: "aten.add.Tensor", "[...]" for the choice of one of several results."""
    if target is operator.getitem:
        return "[...]"
    return str(target).removesuffix(".default") if isinstance(target, OpOverload | OpOverloadPacket) else repr(target)


def arguments(target: object, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name, those that are left to their defaults too; by number where there is no schema.

    Raises TypeError where they do not fit the schema.
    """
    if not isinstance(target, OpOverload):
        return {str(number): given for number, given in enumerate(args)} | dict(kwargs)
    declared: list[Any] = list(target._schema.arguments)
    places = [argument for argument in declared if not argument.kwarg_only]
    unknown = set(kwargs) - {argument.name for argument in declared}
    if len(args) > len(places) or unknown:
        raise TypeError(f"{target} takes {target._schema}")
    found: dict[str, Any] = {}
    for number, argument in enumerate(declared):
        if number < len(args) and not argument.kwarg_only:
            given = args[number]
        elif argument.name in kwargs:
            given = kwargs[argument.name]
        elif argument.has_default_value():
            given = argument.default_value
        else:
            raise TypeError(f"{target} lacks its argument '{argument.name}': {target._schema}")
        repeats = argument.N is not None and isinstance(given, int) and str(argument.type).startswith("List")
        found[argument.name] = [given] * argument.N if repeats else given
    return found


def commutes(target: object, given: Mapping[str, Any]) -> bool:
    """Whether the first two arguments of a call may change places."""
    return packet(target) in _COMMUTATIVE and given.get("alpha", 1) == 1


def from_the_front(target: object, given: Mapping[str, Any], name: str, value: Any, rank: int | None) -> Any:
    """`value` of the argument `name` with dimensions counted from the front, as far as the rank is known."""
    if name not in _DIMS or rank is None:
        return value
    extent = rank + 1 if packet(target) in _NEW_DIM else rank
    if isinstance(value, list | tuple):
        return [from_the_front(target, given, name, item, rank) for item in value]
    return value + extent if type(value) is int and value < 0 else value


def rank_of_first(given: Mapping[str, Any]) -> int | None:
    """The rank of the first tensor that a call takes, directly or as the first of a list."""
    first = next(iter(given.values()), None)
    if isinstance(first, list | tuple) and first:
        first = first[0]
    value = first.meta.get("val") if isinstance(first, fx.Node) else None
    return value.dim() if isinstance(value, torch.Tensor) else None


def same_constant(left: Any, right: Any) -> bool:
    """Whether two constants are equal: 1 and 1.0 are, True and 1, 0.0 and -0.0 are not, and NaN equals itself."""
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same_constant, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return type(left) is type(right) and bool(left == right)


def call_key(node: fx.Node) -> tuple[object, ...]:
    """What two calls have in common if and only if they are the same operator on the same arguments."""
    return (node.target, _key(node.args), _key(tuple(sorted(node.kwargs.items()))))


def _key(value: Any) -> object:
    if isinstance(value, fx.Node):
        return value
    if isinstance(value, list | tuple):
        return tuple(map(_key, value))
    return (type(value).__name__, repr(value))
