"""Which Python functions are those of the preludes, which stand for builtins."""

from __future__ import annotations

from types import FunctionType

from adaptc.compiler.frontend import list_prelude, prelude

_MODULES = frozenset({prelude.__name__, list_prelude.__name__})
_FILES = frozenset({prelude.__file__, list_prelude.__file__})


def is_prelude(function: FunctionType) -> bool:
    """Whether a function is one of a prelude."""
    return function.__module__ in _MODULES


def is_prelude_file(name: str) -> bool:
    """Whether a file is that of a prelude."""
    return name in _FILES
