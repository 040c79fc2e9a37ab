"""Functions that ask for the type of a value, as in ``type(x) == torch.Tensor``.

Native code would be told the type of the fake tensor that stands for a value, so these functions are interpreted from
the beginning, and those that may call them, by the names that they use.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

import torch

from adaptc.compiler.frontend.sources import is_library_file

_CALLED = ("forward", "__call__")
"""What calling a module runs: no name tells which module that is."""


def asking(model: torch.nn.Module) -> set[CodeType]:
    """The functions of the files that the network's modules are written in which ask for a type, and their callers."""
    names = dict.fromkeys(type(module).__module__ for module in model.modules())
    codes = [code for name in names if name in sys.modules for code in _functions(sys.modules[name])]
    found = {code for code in codes if _asks(code)}
    while True:
        reached = {code.co_name for code in found}
        called = not reached.isdisjoint(_CALLED)
        callers = {
            code for code in codes if not reached.isdisjoint(code.co_names) or (called and code.co_name in _CALLED)
        }
        if callers <= found:
            break
        found |= callers
    if found:
        found.add(torch.nn.Sequential.forward.__code__)
    return found


def _functions(module: ModuleType) -> Iterator[CodeType]:
    """The code of the functions of a file and of its classes' methods, decorated ones and those inside others too."""
    file = getattr(module, "__file__", None)
    if not file or is_library_file(file):
        return
    values: list[Any] = list(vars(module).values())
    values += [value for cls in values if isinstance(cls, type) for value in vars(cls).values()]
    for value in values:
        value = getattr(value, "fget", None) or getattr(value, "__func__", value)
        while isinstance(value, FunctionType):
            if value.__code__.co_filename == file:
                yield from _nested(value.__code__)
            value = getattr(value, "__wrapped__", None)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


@cache
def _asks(code: CodeType) -> bool:
    return any(i.argval == "type" and i.opname in ("LOAD_GLOBAL", "LOAD_NAME") for i in dis.get_instructions(code))
