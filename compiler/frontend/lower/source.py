"""Finding the syntax tree of a code object, in files and in sources registered with linecache."""

from __future__ import annotations
import __future__

import ast
import dis
import linecache
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from types import CodeType

from adaptc.compiler.frontend.instructions import Span
from adaptc.runtime.errors import AdaptcError

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.GeneratorExp
Position = tuple[int, int]

FUTURE_FLAGS = reduce(or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names))


class SourceUnavailable(AdaptcError):
    """The source of a function cannot be read, or is not the source of the code that runs."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A function's node and the name of the class whose private names it uses."""

    node: FunctionNode
    private: str | None


def code_name(node: ast.AST) -> str | None:
    """The name CPython gives the code object of `node`, None where `node` has none of its own."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name
    if isinstance(node, ast.Lambda):
        return "<lambda>"
    return "<genexpr>" if isinstance(node, ast.GeneratorExp) else None


def first_line(node: FunctionNode) -> int:
    """The 1-based line that CPython gives a code object: that of the first decorator, if there is one."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.decorator_list:
        return node.decorator_list[0].lineno
    return node.lineno


def code_constants(code: CodeType) -> Iterator[CodeType]:
    """The code objects directly inside `code`."""
    return (constant for constant in code.co_consts if isinstance(constant, CodeType))


class SourceFile:
    """One source text: its tree, its functions by name and line, and the code objects it compiles to.

    Raises SyntaxError where the text does not parse.
    """

    def __init__(self, filename: str, lines: list[str], flags: int) -> None:
        self.filename = filename
        self.lines = lines
        self.is_ascii = all(map(str.isascii, lines))
        self.tree = ast.parse("".join(lines), filename)
        module = compile(self.tree, filename, "exec", flags & FUTURE_FLAGS, dont_inherit=True)
        self.definitions: dict[tuple[str, int], list[Definition]] = {}
        self._index(self.tree, None)
        self.codes: dict[tuple[str, int], list[CodeType]] = {}
        self._index_codes(module)

    def _index(self, node: ast.AST, private: str | None) -> None:
        pending: list[tuple[ast.AST, str | None]] = [(node, private)]
        while pending:
            node, private = pending.pop()
            name = code_name(node)
            if name is not None:
                assert isinstance(node, FunctionNode)
                self.definitions.setdefault((name, first_line(node)), []).append(Definition(node, private))
            inner = node.name if isinstance(node, ast.ClassDef) else private
            pending += [(child, inner) for child in ast.iter_child_nodes(node)]

    def _index_codes(self, module: CodeType) -> None:
        pending = [module]
        while pending:
            code = pending.pop()
            self.codes.setdefault((code.co_name, code.co_firstlineno), []).append(code)
            pending += code_constants(code)

    def find(self, code: CodeType) -> Definition | None:
        """The definition that compiles to `code`, None where this text does not contain it."""
        key = code.co_name, code.co_firstlineno
        if is_rewritten(code):
            if not any(same_signature(code, other) for other in self.codes.get(key, ())):
                return None
        elif code not in self.codes.get(key, ()):
            return None
        return self.owner(code)

    def owner(self, code: CodeType) -> Definition | None:
        """The definition that stands where `code` says it comes from."""
        definitions = self.definitions.get((code.co_name, code.co_firstlineno), [])
        if len(definitions) > 1:
            definitions = innermost(definitions, code)
        return definitions[0] if len(definitions) == 1 else None

    def span(self, node: ast.AST) -> Span:
        """Where `node` stands, in characters (the tree counts UTF-8 bytes)."""
        line, column = node.lineno, node.col_offset  # type: ignore[attr-defined]
        end_line, end_column = node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]
        if self.is_ascii:
            return Span(line, column, end_line, end_column)
        return Span(line, self._characters(line, column), end_line, self._characters(end_line, end_column))

    def _characters(self, line: int, column: int) -> int:
        # Python 3.11 gives some expressions in f-strings positions that do not fall between two characters.
        return len(self.lines[line - 1].encode()[:column].decode(errors="ignore"))


def is_rewritten(code: CodeType) -> bool:
    """Whether pytest rewrote an assert in `code` or inside it, so that it differs from its own source."""
    names = (*code.co_names, *code.co_varnames, *code.co_cellvars)
    return any(name.startswith("@py") for name in names) or any(map(is_rewritten, code_constants(code)))


def same_signature(code: CodeType, other: CodeType) -> bool:
    """Whether two code objects agree in all that rewriting an assert leaves alone."""

    def signature(code: CodeType) -> tuple[object, ...]:
        arguments = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
        variables = {name for name in code.co_varnames if not name.startswith("@py")}
        return code.co_name, arguments, variables, code.co_freevars, code.co_cellvars, code.co_flags

    return signature(code) == signature(other)


def extent(code: CodeType) -> tuple[Position, Position] | None:
    """Where the body of `code` begins and ends (columns in UTF-8 bytes), None where Python left it out."""
    starts: list[Position] = []
    ends: list[Position] = []
    for line, end_line, column, end_column in code.co_positions():
        if line is None or end_line is None or column is None or end_column is None:
            continue
        if (line, column) != (
            end_line,
            end_column,
        ):  # an instruction that stands for no text has an empty span
            starts.append((line, column))
            ends.append((end_line, end_column))
    return (min(starts), max(ends)) if starts else None


def innermost(definitions: list[Definition], code: CodeType) -> list[Definition]:
    """Of definitions that begin on one line the one that `code` comes from; empty if none can be told."""
    position = extent(code)
    if position is None:
        return [definition for definition in definitions if is_constant(definition.node, code)][:1]
    start, end = position

    def bounds(definition: Definition) -> tuple[Position, Position]:
        node = definition.node
        body = node.body if isinstance(node, ast.Lambda) else node
        return (body.lineno, body.col_offset), (body.end_lineno or 0, body.end_col_offset or 0)

    around = [given for given in definitions if bounds(given)[0] <= start and end <= bounds(given)[1]]
    return [max(around, key=lambda given: bounds(given)[0])] if around else []


def is_constant(node: FunctionNode, code: CodeType) -> bool:
    """Whether `node` and `code` are lambdas that return the same constant (Python 3.12 gives those no columns)."""
    if not isinstance(node, ast.Lambda):
        return False
    found = returned_constant(code)
    if found is None or found != returned_constant(compile(ast.Expression(node.body), "", "eval")):
        return False
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    return [argument.arg for argument in arguments if argument is not None] == list(code.co_varnames)


def returned_constant(code: CodeType) -> tuple[type, object] | None:
    """The type and value of the constant that `code` returns, None where it does anything else."""
    steps = list(dis.get_instructions(code))
    if not {step.opname for step in steps} <= {"RESUME", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}:
        return None
    (value,) = [step.argval for step in steps if step.opname.endswith("_CONST")]
    return type(value), value


class Sources:
    """The source texts that one capture reads, each parsed once."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, int], SourceFile] = {}

    def locate(self, code: CodeType) -> tuple[SourceFile, Definition]:
        """The text and definition of `code`; raises SourceUnavailable where no text compiles to it."""
        filename, flags = code.co_filename, code.co_flags & FUTURE_FLAGS
        for refresh in (False, True):
            if refresh:  # the text may have been read before the module was imported again
                linecache.checkcache(filename)
                self._files.pop((filename, flags), None)
            source = self._read(filename, flags)
            definition = None if source is None else source.find(code)
            if source is not None and definition is not None:
                return source, definition
        raise SourceUnavailable(f"the source of {code.co_qualname} ({filename}:{code.co_firstlineno}) {reason(code)}")

    def _read(self, filename: str, flags: int) -> SourceFile | None:
        """The text of a file, None where there is none or it does not parse."""
        key = filename, flags
        if key not in self._files:
            lines = linecache.getlines(filename)
            if not lines:
                return None
            try:
                self._files[key] = SourceFile(filename, lines, flags)
            except SyntaxError:
                return None
        return self._files[key]


def reason(code: CodeType) -> str:
    """Why the source of `code` cannot be used, and what to do."""
    if not linecache.getlines(code.co_filename):
        return "is not available; define it in a file, or register its text with linecache"
    if extent(code) is None and code.co_name in ("<lambda>", "<genexpr>"):
        return (
            "cannot be told from others on its line, because Python runs without column positions "
            "(-X no_debug_ranges); put them on lines of their own"
        )
    return (
        "is not what runs: the file changed after it was imported, or an import hook rewrote it; import it again "
        "unchanged"
    )


def optimized() -> bool:
    """Whether Python runs with -O, which leaves asserts out."""
    return sys.flags.optimize > 0
