"""How artifacts, reports and MLIR name lines of source: without the folders in which this machine keeps the files."""

from __future__ import annotations

import copy
import linecache
import os
import re
import site
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from torch import fx

from adaptc.compiler.errors import CompileError, Problem
from adaptc.compiler.ir.program import Block, Code, Program, Terminator
from adaptc.runtime.hostprogram import Jump


class Locations:
    """Shortens a "file:line", alone or within a text: a file of a package begins at its site-packages, one below
    `folder` (the model file's) there, and any other at the entry of ``sys.path`` that holds it."""

    def __init__(self, folder: Path | None = None) -> None:
        schemes = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages()]
        roots = [*_longest_first([*site.getsitepackages(), *schemes])]
        roots += [] if folder is None else [os.path.abspath(folder)]
        roots += _longest_first(sys.path)
        folders = "|".join(re.escape(root) for root in roots if root != os.sep)
        self._above = re.compile(rf"(?<![^\s\"'(\[])(?:{folders}){re.escape(os.sep)}")
        self._files: dict[str, str] = {}

    def short(self, text: str) -> str:
        """`text` with each of its files shortened."""
        return self._above.sub("", text)

    def shortened(self, value: Any) -> Any:
        """The JSON value `value` with all its texts shortened."""
        match value:
            case str():
                return self.short(value)
            case dict():
                return {key: self.shortened(item) for key, item in value.items()}
            case list() | tuple():
                return [self.shortened(item) for item in value]
            case _:
                return value

    def shortened_program(self, program: Program) -> Program:
        """`program` with short locations throughout. It is for writing and printing: verification and the messages
        of errors need the files themselves."""
        return self._program(program, {})

    def _program(self, program: Program, codes: dict[int, Code]) -> Program:
        return replace(
            program,
            blocks={name: self._block(block, codes) for name, block in program.blocks.items()},
            notes=[self.short(note) for note in program.notes],
            loops={self.short(loc): treated for loc, treated in program.loops.items()},
            later=tuple(self._program(part, codes) for part in program.later),
            no_session=self.short(program.no_session),
        )

    @contextmanager
    def problems_in_full(self) -> Iterator[None]:
        """Around code that is given a shortened program: the problems that it raises name the files in full."""
        try:
            yield
        except CompileError as error:
            raise CompileError([self._in_full(problem) for problem in error.problems]) from error

    def _in_full(self, problem: Problem) -> Problem:
        return replace(problem, file=self._files.get(problem.file, problem.file))

    def _block(self, block: Block, codes: dict[int, Code]) -> Block:
        code = block.code
        if code is not None:
            code = codes.get(id(code)) or codes.setdefault(id(code), self._code(code))
        steps = [msgspec.structs.replace(step, loc=self._loc(step.loc)) for step in block.steps]
        return replace(
            block, code=code, steps=steps, terminator=self._terminator(block.terminator), loc=self._loc(block.loc)
        )

    def _terminator(self, terminator: Terminator) -> Terminator:
        if isinstance(terminator, Jump):
            return terminator
        return msgspec.structs.replace(terminator, loc=self._loc(terminator.loc))

    def _code(self, code: Code) -> Code:
        graph = copy.deepcopy(code.graph.graph)
        for node in graph.nodes:
            if "loc" in node.meta:
                node.meta["loc"] = self._loc(node.meta["loc"])
        return replace(code, graph=fx.GraphModule(code.graph, graph))

    def _loc(self, loc: str) -> str:
        short = self.short(loc)
        self._files[short.rpartition(":")[0]] = loc.rpartition(":")[0]
        return short


def source_line(loc: str) -> str:
    """The text of the line at "file:line", without indentation; "" where the file is not at hand."""
    file, _, line = loc.rpartition(":")
    return linecache.getline(file, int(line)).strip() if line.isdecimal() else ""


def _longest_first(folders: list[str]) -> list[str]:
    return sorted({os.path.abspath(folder) for folder in folders}, key=len, reverse=True)
