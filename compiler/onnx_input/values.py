"""What stands for a value of the graph in the Python that is written for it.

Sizes are Python numbers there, as in networks that people write: ``x.shape[0]`` and what is computed with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from onnx import TensorProto

from adaptc.compiler.onnx_input.registry import Host

Kind = Literal["tensor", "constant", "int", "ints", "bool", "sequence", "optional"]

LARGEST_LITERAL = 64
"""Elements of a constant that may be written as a list of numbers."""


@dataclass(frozen=True)
class Value:
    """A value: `text` is a Python expression without side effects, usually a name.

    "int", "ints" and "bool" are Python numbers, of the element type `dtype`; `length` is the number of "ints", and of
    the dimensions of a "tensor", where it is known. `size` tells that integers are sizes or made of them by sums and
    products: they are not negative and stay far from overflow. A "constant" is a tensor that is known when the model
    is read.
    """

    kind: Kind
    text: str
    dtype: int = TensorProto.INT64
    length: int | None = None
    size: bool = False
    constant: torch.Tensor | None = None
    fixed: tuple[int | None, ...] | None = None
    """The sizes of a "tensor", or the numbers of "ints", where they are known now (None: that one is not)."""

    @property
    def is_host(self) -> bool:
        """Whether it is made of Python numbers, or may be."""
        return self.kind in ("int", "ints", "bool")

    def named(self, name: str) -> Value:
        """The same value under a name that has been assigned to it."""
        return replace(self, text=name)


def constant(tensor: torch.Tensor) -> Value:
    """A tensor that is known now."""
    return Value("constant", "", constant=tensor)


def truth(value: Value | None) -> bool | None:
    """The truth of a constant; None where it is not known now. A value that is left out is true."""
    if value is None:
        return True
    return bool(value.constant) if value.constant is not None and value.constant.numel() == 1 else None


def known_truth() -> torch.Tensor:
    """The tensor True."""
    return torch.tensor(True)


def as_numbers(value: Value) -> Value | None:
    """A constant of int64 or int32 as Python integers, other values of those as they are; None for the rest."""
    if value.kind in ("int", "ints"):
        return value
    held = value.constant
    if held is None or held.dtype not in (torch.int64, torch.int32) or held.dim() > 1 or held.numel() > LARGEST_LITERAL:
        return None
    dtype = TensorProto.INT64 if held.dtype == torch.int64 else TensorProto.INT32
    numbers = held.reshape(-1).tolist()
    small = all(0 <= number < 2**31 for number in numbers)
    if held.dim() == 0:
        return Value("int", literal(numbers[0]), dtype, size=small, constant=held)
    return Value("ints", literal(numbers), dtype, len(numbers), small, held)


def host_text(value: Value, wanted: Host) -> str:
    """Python for `value` as the numbers that an operator wants; a tensor is read."""
    many = wanted in ("ints", "floats")
    if value.constant is not None and value.kind == "constant":
        numbers = value.constant.reshape(-1).tolist()
        return literal(numbers if many else numbers[0])
    if value.kind == "ints":
        return value.text if many else f"{value.text}[0]"
    if value.kind in ("int", "bool"):
        return f"[{value.text}]" if many else value.text
    return f"{value.text}.tolist()" if many else f"{value.text}.item()"


def literal(number: object) -> str:
    """A number, text or list of them as Python source; floats are the shortest ones that float32 takes for the same."""
    if isinstance(number, list | tuple):
        return "[" + ", ".join(literal(item) for item in number) + "]"
    if isinstance(number, float):
        if not math.isfinite(number):
            return f'float("{number}")'
        short = float(f"{number:.8g}")
        single = torch.tensor(number, dtype=torch.float32)
        return repr(short if torch.tensor(short, dtype=torch.float32) == single == number else number)
    return repr(number)
