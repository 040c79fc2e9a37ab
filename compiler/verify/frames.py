"""Which line of the user's code a value is read at, as seen from the running interpreter's frames."""

from __future__ import annotations

import ast
import linecache
import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

import torch

import adaptc


@dataclass(frozen=True)
class Line:
    """A line of a file, and the first and last line of its statement (without the body of one)."""

    file: str
    line: int
    first: int
    last: int

    @property
    def loc(self) -> str:
        """The line as "file:line"."""
        return f"{self.file}:{self.line}"

    def matches(self, loc: str) -> bool:
        """Whether `loc` ("file:line") lies in the same statement.

        A statement may stretch over lines; which of them stands for an expression in it is a convention.
        """
        file, _, line = loc.rpartition(":")
        same = file == self.file or os.path.realpath(file) == os.path.realpath(self.file)
        return same and line.isdigit() and self.first <= int(line) <= self.last


class UserLines:
    """Finds lines of the user's code on the stack; remembers what it has parsed."""

    def __init__(self) -> None:
        # In a source checkout the folders of adaptc stand side by side, so each is asked for its own.
        here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        folders = [os.path.dirname(str(torch.__file__)), here, *adaptc.__path__]
        self._libraries = tuple(os.path.realpath(folder) + os.sep for folder in folders)
        self._standard = os.path.realpath(sysconfig.get_path("stdlib")) + os.sep
        self._of_user: dict[str, bool] = {}
        self._statements: dict[str, list[tuple[int, int]]] = {}

    def current(self) -> Line:
        """The innermost line on the stack that is not PyTorch's, adaptc's or the standard library's."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and not self.is_users(frame.f_code.co_filename):
            frame = frame.f_back
        if frame is None:
            return Line("", 0, 0, 0)
        file, line = frame.f_code.co_filename, frame.f_lineno
        if file not in self._statements:
            self._statements[file] = _statements(file)
        around = [span for span in self._statements[file] if span[0] <= line <= span[1]]
        first, last = min(around, key=lambda span: span[1] - span[0], default=(line, line))
        return Line(file, line, first, last)

    def is_users(self, file: str) -> bool:
        """Whether `file` is none of PyTorch's, adaptc's or the standard library's."""
        if file not in self._of_user:
            path = os.path.realpath(file)
            standard = path.startswith(self._standard) and "site-packages" not in path
            library = path.startswith(self._libraries) or file.startswith("<frozen ")
            self._of_user[file] = not standard and not library
        return self._of_user[file]


def _statements(file: str) -> list[tuple[int, int]]:
    """The first and last lines of all statements of `file`; none where its source is not to be had."""
    linecache.checkcache(file)
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return []
    return [span for node in ast.walk(tree) if isinstance(node, ast.stmt) for span in _own_lines(node)]


def _own_lines(node: ast.stmt) -> Iterator[tuple[int, int]]:
    inner = [n.lineno for n in ast.iter_child_nodes(node) if isinstance(n, (ast.stmt, ast.excepthandler))]
    last = min(inner) - 1 if inner else node.end_lineno or node.lineno
    yield node.lineno, max(node.lineno, last)
