"""MLIR text as tokens: operations alone, or operations with the types of what they take and give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from adaptc.costmodel.mlir import Operation, read_functions, tensor_type

Detail = Literal["ops", "operands"]
"""What becomes tokens: the names of operations, or also their operands' and results' shapes and element types."""

PADDING, UNKNOWN = 0, 1
FIRST = 2
"""The number of the first token of a vocabulary."""

_SKIPPED = ("torch.constant.", "torch.prim.", "func.", "adaptc.weight")
_EXACT = 16
"""Extents up to this are tokens of their own; larger ones are told by their powers of two and a quarter between."""


@dataclass(frozen=True)
class Vocabulary:
    """The numbers of tokens, from `FIRST` on."""

    numbers: dict[str, int]

    @property
    def size(self) -> int:
        """How many numbers there are, those for padding and for what is not known among them."""
        return FIRST + len(self.numbers)

    def encode(self, tokens: Sequence[str], most: int) -> list[int]:
        """The first `most` tokens as numbers."""
        return [self.numbers.get(token, UNKNOWN) for token in tokens[:most]]


def vocabulary(texts: Sequence[Sequence[str]], fewest: int = 2) -> Vocabulary:
    """The tokens that `texts` have at least `fewest` times."""
    counts = Counter(token for text in texts for token in text)
    known = sorted(token for token, number in counts.items() if number >= fewest)
    return Vocabulary({token: FIRST + place for place, token in enumerate(known)})


def tokens(text: str, detail: Detail) -> list[str]:
    """The tokens of MLIR text in its order; constants and lists of numbers are left out, as in the paper. Raises
    `MlirError`."""
    found: list[str] = []
    for function in read_functions(text):
        for block in function.blocks:
            for operation in block.operations:
                if not operation.name.startswith(_SKIPPED):
                    found.append(operation.name)
                    if detail == "operands":
                        found += _types(operation)
    return found


def _types(operation: Operation) -> Iterator[str]:
    for sign, types in (("<", operation.operand_types), (">", operation.result_types)):
        for text in types:
            tensor = tensor_type(text)
            if tensor is not None:
                yield f"{sign}{tensor.dtype}"
                yield from (_extent(extent) for extent in tensor.shape)


def _extent(extent: int | None) -> str:
    if extent is None:
        return "?"
    if extent <= _EXACT:
        return str(extent)
    power = extent.bit_length() - 3
    return f"{extent >> power}e{power}"
