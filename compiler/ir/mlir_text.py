"""The pieces of MLIR text: types, literals, locations, unique names, and lines of operations."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from adaptc.compiler.ir.program import TensorType, Type
from adaptc.runtime.hostprogram import Scalar

SCALAR_TYPES: Mapping[Scalar, str] = {"bool": "i1", "int": "i64", "float": "f64"}

_DTYPES: Mapping[torch.dtype, str] = {
    torch.float32: "f32",
    torch.float64: "f64",
    torch.float16: "f16",
    torch.bfloat16: "bf16",
    torch.float8_e4m3fn: "f8E4M3FN",
    torch.float8_e5m2: "f8E5M2",
    torch.int64: "si64",
    torch.int32: "si32",
    torch.int16: "si16",
    torch.int8: "si8",
    torch.uint8: "ui8",
    torch.uint16: "ui16",
    torch.uint32: "ui32",
    torch.uint64: "ui64",
    torch.bool: "i1",
    torch.complex64: "complex<f32>",
    torch.complex128: "complex<f64>",
}


def vtensor(dtype: torch.dtype, shape: Iterable[object]) -> str:
    """The torch dialect's type of a tensor; every extent that is not a number prints as "?"."""
    dims = ",".join(str(dim) if isinstance(dim, int) else "?" for dim in shape)
    return f"!torch.vtensor<[{dims}],{_DTYPES[dtype]}>"


def mlir_type(type_: Type) -> str:
    """The MLIR type of a value: a vtensor, or i1, i64 or f64."""
    if isinstance(type_, TensorType):
        return vtensor(type_.dtype, type_.shape)
    return SCALAR_TYPES[type_.kind]


def quoted(text: str) -> str:
    """`text` as an MLIR string."""
    escaped = (chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\' else f"\\{byte:02X}" for byte in text.encode())
    return f'"{"".join(escaped)}"'


def identifier(text: str) -> str:
    """`text` with everything that an MLIR identifier cannot hold replaced."""
    cleaned = re.sub(r"[^A-Za-z0-9_.$]", "_", text)
    return cleaned if re.match(r"[A-Za-z]|_[^0-9]", cleaned) else f"v{cleaned}"


def location(loc: str) -> str:
    """A "file:line" or "file:line:column" as an MLIR location."""
    match = re.fullmatch(r"(.+?):(\d+)(?::(\d+))?", loc)
    return f"loc({quoted(match[1])}:{match[2]}:{match[3] or 0})" if match else "loc(unknown)"


def float_literal(value: float) -> str:
    """A float64 as an MLIR literal that reads back bit by bit."""
    if not math.isfinite(value):
        return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    text = repr(value)
    if "." not in text:
        mantissa, _, exponent = text.partition("e")
        text = f"{mantissa}.0e{exponent}" if exponent else f"{mantissa}.0"
    return text


@dataclass(frozen=True)
class Operand:
    """A value in the text: its name with the percent sign, and its type."""

    name: str
    type: str


class Names:
    """Hands out names that are unique in one scope, as close as can be to what is asked for."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def fresh(self, hint: str) -> str:
        """`hint` itself if it is free, else with a number after it.

        A number that it ends in gives way, as readers of MLIR take it for one that was added like this.
        """
        base = re.sub(r"(_\d+)+$", "", identifier(hint))
        name = base
        while name in self._taken:
            self._next[base] = self._next.get(base, 0) + 1
            name = f"{base}_{self._next[base]}"
        self._taken.add(name)
        return name


class Lines:
    """The lines of one function; every operation stands on its own line and carries its location."""

    def __init__(self, locations: bool) -> None:
        self.text: list[str] = []
        self.values = Names()
        self._locations = locations

    def raw(self, line: str, loc: str) -> None:
        """Add a line as it is, indented as an operation, with its location."""
        self.text.append(f"    {line}{f' {location(loc)}' if self._locations else ''}")

    def operation(
        self,
        name: str,
        operands: Sequence[Operand],
        results: Sequence[tuple[str, str]],
        loc: str,
        *,
        properties: Mapping[str, str] | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> list[Operand]:
        """Add an operation in generic form; `results` are (name hint, type) pairs. Gives the results."""
        made = [Operand(f"%{self.values.fresh(hint)}", type_) for hint, type_ in results]
        line = f"{quoted(name)}({', '.join(operand.name for operand in operands)})"
        if properties:
            line += f" <{_dictionary(properties)}>"
        if attributes:
            line += f" {_dictionary(attributes)}"
        types = [result.type for result in made]
        outer = types[0] if len(types) == 1 else f"({', '.join(types)})"
        line += f" : ({', '.join(operand.type for operand in operands)}) -> {outer}"
        if made:
            line = f"{', '.join(result.name for result in made)} = {line}"
        self.raw(line, loc)
        return made

    def one(
        self,
        name: str,
        operands: Sequence[Operand],
        hint: str,
        type_: str,
        loc: str,
        *,
        properties: Mapping[str, str] | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> Operand:
        """Add an operation of one result in generic form; gives the result."""
        made = self.operation(name, operands, [(hint, type_)], loc, properties=properties, attributes=attributes)
        return made[0]

    def custom(self, text: str, hint: str, type_: str, loc: str) -> Operand:
        """Add an operation of one result in its dialect's own form, given without its result."""
        name = f"%{self.values.fresh(hint)}"
        self.raw(f"{name} = {text}", loc)
        return Operand(name, type_)


def _dictionary(entries: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{key} = {value}' for key, value in entries.items())}}}"
