"""The table of operators: which Python function computes an ONNX operator, from which version of it on.

A function takes the inputs in ONNX's order (None for one that is left out) and the attributes by ONNX's names. What it
needs as Python numbers, such as the shape of ``Reshape``, is named in `host`. It runs as native code under the
frontend: it may test ranks, dtypes and attributes, and never sizes or data.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])

Host = Literal["ints", "int", "floats", "float", "bool"]
"""What an input becomes: a list of numbers (of a tensor of one dimension), or one number."""


@dataclass(frozen=True)
class Operator:
    """One version of an operator. With `many`, `function` gives a tuple of results."""

    name: str
    since: int
    function: Callable[..., Any]
    host: Mapping[int, Host]
    many: bool

    @cached_property
    def text(self) -> str:
        """How the function is called in the Python that is written: "Conv", "Clip_6" for an earlier version."""
        return self.name if self is TABLE[self.name][-1] else f"{self.name}_{self.since}"

    @cached_property
    def keywords(self) -> frozenset[str]:
        """The attributes that the function takes, and ``opset`` and ``outputs`` where it asks for these."""
        parameters = inspect.signature(self.function).parameters.values()
        return frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)

    @cached_property
    def inputs(self) -> int | None:
        """The most inputs that the function takes; None: any number."""
        parameters = list(inspect.signature(self.function).parameters.values())
        if any(p.kind is p.VAR_POSITIONAL for p in parameters):
            return None
        return sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)


class Unsupported(NotImplementedError):
    """An operator is used in a way that its function does not compute; the text says which."""


TABLE: dict[str, list[Operator]] = {}
"""Operators by name, later versions last."""


def operator(
    name: str, since: int = 1, *, host: Mapping[int, Host] | None = None, many: bool = False
) -> Callable[[_F], _F]:
    """Enter a function into the table as operator `name` from version `since` of the operator set on."""

    def enter(function: _F) -> _F:
        versions = TABLE.setdefault(name, [])
        versions.append(Operator(name, since, function, host or {}, many))
        versions.sort(key=lambda version: version.since)
        return function

    return enter


class Functions:
    """The functions of the table as attributes, by the names that are written."""

    def __init__(self) -> None:
        for versions in TABLE.values():
            for version in versions:
                setattr(self, version.text, version.function)


def find(name: str, opset: int) -> Operator | None:
    """The version of operator `name` that version `opset` of the operator set means; None where there is none."""
    fitting = [version for version in TABLE.get(name, ()) if version.since <= opset]
    return fitting[-1] if fitting else None
