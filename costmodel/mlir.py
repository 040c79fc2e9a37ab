"""Reads MLIR text: functions of blocks of operations, as programs print them and other tools print the generic form.

A whole reader of MLIR takes 20 to 180 ms a file, more than most compiles take to price their blocks. This one reads one
operation a line and knows nothing of what operations mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from adaptc.costmodel.errors import MlirError

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>"(?:[^"\\]|\\.)*")
  | (?P<value>%[\w.$-]+(?:\#\d+)?)
  | (?P<label>\^[\w.$-]+)
  | (?P<type>![\w.$]+(?:<(?:[^<>]|<(?:[^<>]|<[^<>]*>)*>)*>)?)
  | (?P<symbol>@(?:[\w.$-]+|"[^"]*"))
  | (?P<arrow>->)
  | (?P<properties><\{|\}>)
  | (?P<number>[-+]?(?:0x[0-9A-Fa-f]+|\d+(?:\.\d*)?(?:[eE][-+]?\d+)?))
  | (?P<word>[A-Za-z_][\w.$]*(?:<(?:[^<>]|<[^<>]*>)*>)?)
  | (?P<mark>[()\[\]{},:=<>])
    )""",
    re.VERBOSE,
)
_TENSOR = re.compile(r"!torch\.vtensor<\[([^\]]*)\],(.+)>")
_CLOSING = {"(": ")", "[": "]", "{": "}", "<{": "}>"}

Token = tuple[str, str]
"""The kind of a token, and its text."""


@dataclass(frozen=True)
class Tensor:
    """The type of a tensor; an extent that the text leaves open is None. `dtype` is as MLIR writes it ("f32")."""

    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class Operation:
    """One operation: the values that it gives and takes, with their types where the text has them; `literals` are its
    properties and attributes. `line` is that of the text, from 1."""

    name: str
    results: tuple[str, ...]
    operands: tuple[str, ...]
    operand_types: tuple[str, ...]
    result_types: tuple[str, ...]
    literals: Mapping[str, str]
    line: int


@dataclass
class Block:
    """Operations that run one after the other. `arguments` are the types of its arguments by their names, and `shapes`
    the names of their extents where the text has them (``adaptc.shape``)."""

    label: str
    arguments: dict[str, str]
    shapes: dict[str, list[str]] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)


@dataclass(frozen=True)
class Function:
    """A function's name and its blocks, the entry first."""

    name: str
    blocks: Sequence[Block]


def tensor_type(text: str) -> Tensor | None:
    """The tensor type that `text` is; None where it is another type."""
    match = _TENSOR.fullmatch(text)
    if match is None:
        return None
    dims = [dim.strip() for dim in match[1].split(",") if dim.strip()]
    return Tensor(tuple(int(dim) if dim != "?" else None for dim in dims), match[2])


def read_functions(text: str) -> list[Function]:
    """The functions of the module `text`, or of the blocks that it has outside any function as one named "".

    Raises `MlirError` with the line where the text is not MLIR.
    """
    functions: list[Function] = []
    blocks: list[Block] | None = None
    for number, tokens, line in _statements(text):
        first = tokens[0]
        if first[1] in ("module", "}") or tokens == [("mark", "}")]:
            continue
        if first[1] == "func.func":
            name, arguments, shapes = _signature(tokens, number, line)
            blocks = [Block("", arguments, shapes)]
            functions.append(Function(name, blocks))
            continue
        if blocks is None:
            blocks = []
            functions.append(Function("", blocks))
        if first[0] == "label":
            blocks.append(Block(first[1], _arguments(tokens[1:-1], number, line)))
            continue
        if not blocks:
            blocks.append(Block("", {}))
        blocks[-1].operations.append(_operation(tokens, number, line))
    if not any(block.operations for function in functions for block in function.blocks):
        raise MlirError(1, text.strip().split("\n")[0], "there is no operation")
    return functions


def _statements(text: str) -> Iterator[tuple[int, list[Token], str]]:
    """The number, tokens and text of each statement: a line, or as many as its brackets need."""
    tokens: list[Token] = []
    begin, shown, open_brackets = 0, "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or (not tokens and line.lstrip().startswith("//")):
            continue
        if not tokens:
            begin, shown = number, line.strip()
        found = _tokens(line, number)
        tokens += found
        open_brackets += sum(_nesting(token) for token in found)
        opens_region = tokens[-1] == ("mark", "{") and open_brackets == 1
        if open_brackets <= 0 or opens_region:
            yield begin, tokens, shown
            tokens, open_brackets = [], 0
    if tokens:
        raise MlirError(begin, shown, "a bracket is not closed")


def _nesting(token: Token) -> int:
    if token[1] in ("(", "[", "{", "<{"):
        return 1
    return -1 if token[1] in (")", "]", "}", "}>") and token[0] in ("mark", "properties") else 0


def _tokens(line: str, number: int) -> list[Token]:
    tokens: list[Token] = []
    position, end = 0, len(line.rstrip())
    while position < end:
        match = _TOKEN.match(line, position)
        if match is None:
            raise MlirError(number, line[position:].strip(), "this is not MLIR")
        position = match.end()
        kind = match.lastgroup
        assert kind is not None
        if match[kind] == "loc" and line[position:].startswith("("):
            break  # a location ends an operation
        tokens.append((kind, match[kind]))
    return tokens


def _signature(tokens: Sequence[Token], number: int, line: str) -> tuple[str, dict[str, str], dict[str, list[str]]]:
    place = next((place for place, token in enumerate(tokens) if token[0] == "symbol"), None)
    if place is None or place + 1 >= len(tokens) or tokens[place + 1][1] != "(":
        raise MlirError(number, line, "a function needs a name and arguments")
    end = _closing(tokens, place + 1, number, line)
    inside = tokens[place + 1 : end + 1]
    return tokens[place][1][1:], _arguments(inside, number, line), _shapes(inside)


def _shapes(tokens: Sequence[Token]) -> dict[str, list[str]]:
    """The names of the extents of arguments, from attributes like {adaptc.shape = [1, "n"]}."""
    found: dict[str, list[str]] = {}
    argument = ""
    for place, token in enumerate(tokens):
        if token[0] == "value":
            argument = token[1]
        if token[1] == "adaptc.shape":
            rest = iter(tokens[place + 3 :])
            found[argument] = []
            for kind, text in rest:
                if text == "]":
                    break
                if kind in ("string", "number"):
                    found[argument].append(text.strip('"'))
    return found


def _arguments(tokens: Sequence[Token], number: int, line: str) -> dict[str, str]:
    """The arguments in "(%a: type, %b: type {attributes})"."""
    found: dict[str, str] = {}
    for place, token in enumerate(tokens):
        if token[0] == "value":
            if place + 2 >= len(tokens) or tokens[place + 1][1] != ":":
                raise MlirError(number, line, f"the argument {token[1]} has no type")
            found[token[1]] = tokens[place + 2][1]
    return found


def _closing(tokens: Sequence[Token], start: int, number: int, line: str) -> int:
    """The place of the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(tokens)):
        depth += _nesting(tokens[place])
        if depth == 0:
            return place
    raise MlirError(number, line, "a bracket is not closed")


def _operation(tokens: Sequence[Token], number: int, line: str) -> Operation:
    equals = next((place for place, token in enumerate(tokens) if token == ("mark", "=")), None)
    results: tuple[str, ...] = ()
    if tokens[0][0] == "value":
        if equals is None:
            raise MlirError(number, line, "values stand where an operation begins")
        results = tuple(token[1] for token in tokens[:equals] if token[0] == "value")
        tokens = tokens[equals + 1 :]
    if not tokens or tokens[0][0] not in ("string", "word"):
        raise MlirError(number, line, "there is no operation")
    kind, name = tokens[0]
    if kind == "word":
        if "." not in name:
            raise MlirError(number, line, f"'{name}' is no operation of a dialect")
        operands = tuple(token[1] for token in tokens[1:] if token[0] == "value")
        return Operation(name, results, operands, (), (), {}, number)
    return _generic(name[1:-1], results, tokens, number, line)


def _generic(name: str, results: tuple[str, ...], tokens: Sequence[Token], number: int, line: str) -> Operation:
    if len(tokens) < 2 or tokens[1][1] != "(":
        raise MlirError(number, line, f"the operands of {name} are missing")
    end = _closing(tokens, 1, number, line)
    operands = tuple(token[1] for token in tokens[2:end] if token[0] == "value")
    literals: dict[str, str] = {}
    place = end + 1
    while place < len(tokens) and tokens[place][1] in ("<{", "{", "["):
        close = _closing(tokens, place, number, line)
        literals |= _literals(tokens[place + 1 : close])
        place = close + 1
    if place >= len(tokens) or tokens[place][1] != ":":
        raise MlirError(number, line, f"the types of {name} are missing")
    arrow = next((at for at in range(place, len(tokens)) if tokens[at][0] == "arrow"), None)
    if arrow is None:
        raise MlirError(number, line, f"the types of the results of {name} are missing")
    taken = tuple(token[1] for token in tokens[place + 1 : arrow] if token[0] in ("type", "word"))
    given = tuple(token[1] for token in tokens[arrow + 1 :] if token[0] in ("type", "word"))
    if len(taken) != len(operands) or len(given) != len(results):
        raise MlirError(number, line, f"{name} has other numbers of values and of types")
    return Operation(name, results, operands, taken, given, literals, number)


def _literals(tokens: Sequence[Token]) -> dict[str, str]:
    """The entries "key = value : type" of a dictionary; a value is kept as it is written."""
    found: dict[str, str] = {}
    for place, token in enumerate(tokens):
        if token == ("mark", "=") and 0 < place < len(tokens) - 1:
            found[tokens[place - 1][1]] = tokens[place + 1][1].strip('"')
    return found
