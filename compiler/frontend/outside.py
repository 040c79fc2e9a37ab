"""What a network must not change: global variables' containers and attributes of classes, in the user's own files.

A compiled network keeps nothing outside itself. Python code changes such things unseen, so they are compared at the end
of each call with what they were.
"""

from __future__ import annotations

import ast
import collections
import linecache
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch

from adaptc.compiler.errors import Problem
from adaptc.compiler.frontend.heap import contents, same, same_contents
from adaptc.compiler.frontend.sources import is_library_file

_CONTAINERS = (list, dict, set, collections.deque)


@dataclass(frozen=True)
class _Watched:
    """A container, a class or a module with what it held; `name` is how the user's `file` writes it."""

    file: str
    name: str
    item: Any
    held: Any

    def changed(self) -> str:
        """The name of what has changed, "" if nothing has."""
        if not isinstance(self.item, (type, ModuleType)):
            return "" if same_contents(contents(self.item), self.held) else self.name
        now = _own(self.item)
        for attribute in {**self.held, **now}:
            if not same(self.held.get(attribute, self), now.get(attribute, self)):
                return f"{self.name}.{attribute}".lstrip(".")
        return ""


class Outside:
    """The global containers and the classes of the files that a network's modules are written in."""

    def __init__(self, model: torch.nn.Module) -> None:
        names = dict.fromkeys(type(module).__module__ for module in model.modules())
        modules = [sys.modules[name] for name in names if name in sys.modules]
        self._watched = [watched for module in modules if _is_users(module) for watched in _of_module(module)]

    def problem(self) -> Problem | None:
        """The first thing that a call has changed, at the line that changes it."""
        for watched in self._watched:
            name = watched.changed()
            if name:
                line = _line_of(watched.file, name)
                what = "class attribute" if isinstance(watched.item, type) else "global variable"
                return Problem(
                    watched.file,
                    line,
                    f"the {what} {name} is changed by a call",
                    "a compiled network keeps nothing outside itself from call to call",
                    "keep it in an attribute of the module (sessions go on with it), or return it",
                )
        return None


def _is_users(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if not file or is_library_file(file):
        return False
    return not any(file.startswith(sysconfig.get_path(kind)) for kind in ("purelib", "platlib"))


def _of_module(module: ModuleType) -> Iterator[_Watched]:
    file = str(module.__file__)
    yield _Watched(file, "", module, _own(module))
    for name, value in vars(module).items():
        if name.startswith("__"):
            continue
        if isinstance(value, _CONTAINERS):
            yield _Watched(file, name, value, contents(value))
        elif isinstance(value, type) and value.__module__ == module.__name__:
            yield _Watched(file, value.__qualname__, value, _own(value))
            for attribute, item in _own(value).items():
                if isinstance(item, _CONTAINERS):
                    yield _Watched(file, f"{value.__qualname__}.{attribute}", item, contents(item))


def _own(owner: type | ModuleType) -> dict[str, Any]:
    return {name: value for name, value in vars(owner).items() if not name.startswith("__")}


def _line_of(file: str, name: str) -> int:
    """The first line within a function that uses what is called `name`, a line that changes it before others."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return 0
    last = name.rpartition(".")[2]
    found: list[tuple[int, int]] = []
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        for node in ast.walk(function):
            named = (isinstance(node, ast.Name) and node.id == last) or (
                isinstance(node, ast.Attribute) and node.attr == last
            )
            if named and isinstance(node, ast.expr):
                found.append((0 if _is_change(function, node) else 1, node.lineno))
    return min(found, default=(0, 0))[1]


def _is_change(function: ast.AST, used: ast.AST) -> bool:
    """Whether a use is the target of an assignment, or the owner of a method or element that is written."""
    for node in ast.walk(function):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
            targets = [node.target]
        elif isinstance(node, ast.Delete):
            targets = node.targets
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            targets = [node.func.value]
        if any(inner is used for target in targets for inner in ast.walk(target)):
            return True
    return False
