"""Texts made from numbers that depend on data: good for messages, and for choosing among names that are known."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend.signals import Refused
from adaptc.compiler.frontend.symbols import Symbolic

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine


_PERCENT = re.compile(r"%(0?\d*(?:\.\d+)?)([sdifeg])")


@dataclass(frozen=True)
class Hole:
    """Where a text has a symbolic number, formatted by `spec`."""

    number: Any
    spec: str = ""


class SymbolicText(str):
    """A text with holes; as a plain text it shows the kind of number that stands in each."""

    parts: tuple[str | Hole, ...]


def make(parts: Iterable[str | Hole]) -> str:
    """A text from texts and holes: symbolic where it has a hole."""
    flat: list[str | Hole] = []
    for part in parts:
        flat += part.parts if isinstance(part, SymbolicText) else (part,)
    if all(isinstance(part, str) for part in flat):
        return "".join(str(part) for part in flat)
    shown = [f"<{type(part.number).__name__}>" if isinstance(part, Hole) else part for part in flat]
    text = SymbolicText("".join(shown))
    text.parts = tuple(flat)
    return text


def is_symbolic(value: Any) -> bool:
    """Whether a value is a symbolic number or a text with one."""
    return isinstance(value, (SymbolicText, *Symbolic))


def of_value(value: Any, spec: str = "") -> str:
    """``format(value, spec)``"""
    if isinstance(value, SymbolicText):
        return make([value])
    return make([Hole(value, spec)]) if isinstance(value, Symbolic) else format(value, spec)


def formatted(template: str, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
    """``template.format(*args, **kwargs)``"""
    formatter, parts = string.Formatter(), []
    count = 0
    for literal, name, spec, conversion in formatter.parse(template):
        parts.append(literal)
        if name is None:
            continue
        if not name:
            name, count = str(count), count + 1
        value, _ = formatter.get_field(name, args, kwargs)
        parts.append(of_value(formatter.convert_field(value, conversion) if conversion else value, spec or ""))
    return make(parts)


def percent(template: str, values: Any) -> str | None:
    """``template % values`` for ``%s`` and for numbers with a width and a precision, None for anything else."""
    given = values if isinstance(values, tuple) else (values,)
    first, *others = _PERCENT.split(template)
    if len(others) != 3 * len(given) or any("%" in piece for piece in (first, *others[2::3])):
        return None
    parts = [first]
    for value, width, kind, piece in zip(given, others[::3], others[1::3], others[2::3], strict=True):
        if (kind == "s" and width) or (kind in "di" and isinstance(value, torch.SymFloat)):
            return None
        parts += [of_value(value, "" if kind == "s" else f"{width}{'d' if kind == 'i' else kind}"), piece]
    return make(parts)


def choices(machine: Machine, text: SymbolicText, names: Iterable[Any]) -> tuple[torch.SymInt, dict[int, str]]:
    """The number in `text`, and for each value of it with which the text is among `names` that name.

    Raises Refused for texts with several numbers.
    """
    holes = [part for part in text.parts if isinstance(part, Hole)]
    if len(holes) != 1 or not isinstance(holes[0].number, torch.SymInt):
        raise refusal(machine)
    (hole,) = holes
    place = text.parts.index(hole)
    before, after = ("".join(map(str, part)) for part in (text.parts[:place], text.parts[place + 1 :]))
    found: dict[int, str] = {}
    for name in names:
        if isinstance(name, str) and name.startswith(before) and name.endswith(after):
            middle = name[len(before) : len(name) - len(after)]
            if middle.lstrip("-").isdigit() and format(int(middle), hole.spec) == middle:
                found[int(middle)] = name
    return hole.number, found


def refusal(machine: Machine) -> Refused:
    """A text that depends on data is used to find something."""
    return Refused(
        machine.problem(
            "a name that contains a number that depends on data",
            "which attribute or key it means is known only at run time",
            "keep the things in a list or ModuleList and index it with the number",
        )
    )


def texts_in(value: Any) -> Iterator[SymbolicText]:
    """The texts in a nested result that were made from symbolic numbers, keys included."""
    if isinstance(value, SymbolicText):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from texts_in(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts_in(key)
            yield from texts_in(item)
