"""Steps of statements that have no instruction of their own: functions that lowered code calls by value.

Each does what one or two CPython instructions do, on any objects, and calls nothing but the special methods that
those call.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

SEQUENCE_FLAG = 1 << 5  # Py_TPFLAGS_SEQUENCE
MAPPING_FLAG = 1 << 6  # Py_TPFLAGS_MAPPING
MATCH_SELF_FLAG = 1 << 22  # _Py_TPFLAGS_MATCH_SELF


def special_method(obj: object, name: str) -> Any:
    """The bound special method of a context manager; raises TypeError where its type has none."""
    for base in type(obj).__mro__:
        if name in vars(base):
            method = vars(base)[name]
            get = getattr(type(method), "__get__", None)
            return method if get is None else get(method, obj, type(obj))
    kind = type(obj)
    missed = " (missed __exit__ method)" if name == "__exit__" else ""
    raise TypeError(f"'{kind.__qualname__}' object does not support the context manager protocol{missed}")


def merge_keywords(keywords: dict[str, Any], mapping: Any) -> dict[str, Any]:
    """`keywords` and the ``**mapping`` after them; raises TypeError for no mapping, or a keyword that comes twice."""
    if not hasattr(type(mapping), "keys"):
        raise TypeError(f"argument after ** must be a mapping, not {type(mapping).__name__}")
    merged = {**keywords}
    for name in mapping.keys():  # noqa: SIM118 (a mapping may iterate over something else)
        if name in merged:
            raise TypeError(f"got multiple values for keyword argument {name!r}")
        merged[name] = mapping[name]
    return merged


def import_from(module: Any, name: str) -> Any:
    """The object `name` of ``from module import name``; raises ImportError where there is none."""
    try:
        return getattr(module, name)
    except AttributeError:
        package = getattr(module, "__name__", "<unknown module name>")
        if f"{package}.{name}" in sys.modules:
            return sys.modules[f"{package}.{name}"]
        path = getattr(module, "__file__", None)
        raise ImportError(
            f"cannot import name {name!r} from {package!r} ({path or 'unknown location'})",
            name=package,
            path=path,
        ) from None


def is_sequence(subject: object) -> bool:
    """Whether a sequence pattern can match `subject`."""
    return bool(type(subject).__flags__ & SEQUENCE_FLAG)


def is_mapping(subject: object) -> bool:
    """Whether a mapping pattern can match `subject`."""
    return bool(type(subject).__flags__ & MAPPING_FLAG)


def match_keys(subject: Any, keys: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """The values of `keys`, None where one is missing; raises ValueError where two keys are equal."""
    missing = object()
    seen: set[Any] = set()
    values = []
    get = subject.get
    for key in keys:
        if key in seen:
            raise ValueError(f"mapping pattern checks duplicate key ({key!r})")
        seen.add(key)
        value = get(key, missing)
        if value is missing:
            return None
        values.append(value)
    return tuple(values)


def rest_of_mapping(subject: Any, keys: Iterable[Any]) -> dict[Any, Any]:
    """A dict of `subject` without `keys`."""
    rest = dict(subject)
    for key in keys:
        del rest[key]
    return rest


def require_class(kind: object) -> None:
    """Raises TypeError where the name of a class pattern is not a class."""
    if not isinstance(kind, type):
        raise TypeError("called match pattern must be a class")


def match_attributes(subject: Any, kind: type, count: int, names: tuple[str, ...]) -> tuple[Any, ...] | None:
    """The attributes that a class pattern with `count` positional and the keyword patterns `names` looks at.

    `subject` is an instance of `kind`. None where an attribute is missing; raises TypeError where `kind` takes
    fewer positional patterns, or an attribute is named twice.
    """
    positional: list[str] = []
    values: list[Any] = []
    if count:
        allowed = getattr(kind, "__match_args__", None)
        if allowed is None and kind.__flags__ & MATCH_SELF_FLAG:
            if count > 1:
                raise TypeError(f"{kind.__name__}() accepts 1 positional sub-pattern ({count} given)")
            values.append(subject)
        else:
            if allowed is None:
                allowed = ()
            if not isinstance(allowed, tuple):
                found = type(allowed).__name__
                raise TypeError(f"{kind.__name__}.__match_args__ must be a tuple (got {found})")
            if count > len(allowed):
                plural = "" if len(allowed) == 1 else "s"
                accepts = f"accepts {len(allowed)} positional sub-pattern{plural} ({count} given)"
                raise TypeError(f"{kind.__name__}() {accepts}")
            positional += allowed[:count]
    seen: set[str] = set()
    for name in (*positional, *names):
        if not isinstance(name, str):
            raise TypeError(f"__match_args__ elements must be strings (got {type(name).__name__})")
        if name in seen:
            raise TypeError(f"{kind.__name__}() got multiple sub-patterns for attribute {name!r}")
        seen.add(name)
        try:
            values.append(getattr(subject, name))
        except AttributeError:
            return None
    return tuple(values)
