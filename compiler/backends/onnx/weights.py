"""The weights of all units in one file, every distinct tensor once."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from adaptc.compiler.ir.host_types import dtype_name
from adaptc.compiler.options import Progress, no_progress
from adaptc.runtime.errors import AdaptcError
from adaptc.runtime.manifest import Weight

_LARGE = 16384
"""From this size, in bytes, a tensor starts on a cache line: its padding is then below 0.4 %."""

_LINE = 64

_STORED = frozenset(
    (
        *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
        *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
    )
)


@dataclass(frozen=True)
class WeightTable:
    """The rows of ``weights.bin``, and the row of each name of the parameter table."""

    rows: tuple[Weight, ...]
    index: Mapping[str, int]

    def row(self, name: str) -> Weight:
        """The row that holds the parameter called `name`."""
        return self.rows[self.index[name]]


def write_weights(
    weights: Mapping[str, torch.Tensor], used: Iterable[str], file: Path, progress: Progress = no_progress
) -> WeightTable:
    """Write the tensors called `used` to `file`, little-endian, in C order, equal ones once.

    Large tensors come first, each on a cache line; the others are aligned to their elements without padding.
    There is no file where there are no tensors. Raises AdaptcError for a tensor of a type that cannot be stored.
    """
    names: dict[tuple[str, tuple[int, ...], bytes], list[str]] = {}
    wanted = list(dict.fromkeys(used))
    for done, name in enumerate(wanted):
        progress("weights", done, 2 * len(wanted))
        tensor = weights[name]
        digest = hashlib.sha256(_bytes(name, tensor)).digest()
        names.setdefault((dtype_name(tensor.dtype), tuple(tensor.shape), digest), []).append(name)
    rows: list[Weight] = []
    index: dict[str, int] = {}
    offset = 0
    with file.open("wb") as stream:
        for group in sorted(names.values(), key=lambda group: _order(weights[group[0]])):
            tensor = weights[group[0]]
            size = tensor.nbytes
            padding = -offset % (_LINE if size >= _LARGE else max(_element(tensor), 1))
            stream.write(bytes(padding))
            stream.write(_bytes(group[0], tensor))
            offset += padding
            index |= dict.fromkeys(group, len(rows))
            rows.append(Weight(tuple(group), dtype_name(tensor.dtype), tuple(tensor.shape), offset, size))
            offset += size
            progress("weights", len(wanted) + len(index), 2 * len(wanted))
    if not rows:
        file.unlink()
    return WeightTable(tuple(rows), index)


def _element(tensor: torch.Tensor) -> int:
    """The size in bytes of a number: of a complex one, its real part."""
    return tensor.element_size() // (2 if tensor.is_complex() else 1)


def _order(tensor: torch.Tensor) -> tuple[bool, int, int]:
    """Large tensors by size, then small ones by the size of their elements: they need no padding so."""
    if tensor.nbytes >= _LARGE:
        return False, -tensor.nbytes, 0
    return True, -_element(tensor), -tensor.nbytes


def _bytes(name: str, tensor: torch.Tensor) -> memoryview:
    """The elements in C order, little-endian."""
    if dtype_name(tensor.dtype) not in _STORED or tensor.layout is not torch.strided or tensor.is_quantized:
        raise AdaptcError(
            f"the parameter '{name}' is a {tensor.layout} tensor of {tensor.dtype}, which units cannot hold: "
            f"convert it to a dense tensor of a common type"
        )
    flat = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
    flat = flat.as_strided(flat.shape, (1,))  # one element counts as contiguous, whatever its stride
    array: NDArray[np.uint8] = flat.view(torch.uint8).numpy()
    if sys.byteorder == "big":
        array = array.reshape(-1, _element(tensor))[:, ::-1].copy()
    return array.reshape(-1).data
