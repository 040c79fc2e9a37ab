"""Inputs written on a command line: ``x=float32[1,3,32,32]``, ``ids=int64[1,16]:0..1000``, ``x=digits.npy``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptc.runtime.errors import InputError

Array = NDArray[Any]

_DTYPES = frozenset(
    ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]  # what ONNX Runtime takes
)
_RANDOM = re.compile(
    r"(?P<dtype>[a-z]+[0-9]*)\[(?P<shape>[0-9,\s]*)\](?::(?P<low>-?[0-9.e]+?)\.\.(?P<high>-?[0-9.e]+))?"
)
_FORMS = '"x=float32[1,3,32,32]" (random), "ids=int64[1,16]:0..1000" (random, 0 to 999) or "x=file.npy"'


@dataclass(frozen=True)
class RandomSpec:
    """A random array: floats are standard normal, or uniform in [low, high); ints lie in [low, high)."""

    dtype: str
    shape: tuple[int, ...]
    low: float | None = None
    high: float | None = None

    def draw(self, generator: np.random.Generator) -> Array:
        """An array of this dtype and shape."""
        dtype = np.dtype(self.dtype)
        if dtype.kind == "b":
            return generator.integers(0, 2, self.shape).astype(dtype)
        if self.low is None or self.high is None:
            return generator.standard_normal(self.shape).astype(dtype)
        if dtype.kind == "f":
            return generator.uniform(self.low, self.high, self.shape).astype(dtype)
        return generator.integers(int(self.low), int(self.high), self.shape, dtype=dtype)


def split_name(spec: str) -> tuple[str, str]:
    """The input's name and the text after "=". Raises `InputError` where there is none."""
    name, equals, text = spec.partition("=")
    if not equals or not name.strip() or not text.strip():
        raise InputError(f"--input {spec!r} has no name and value: write {_FORMS}")
    return name.strip(), text.strip()


def parse_random(name: str, text: str) -> RandomSpec | None:
    """`text` as a random array, or None if it is not written as one. Raises `InputError` if it is, but wrongly."""
    match = _RANDOM.fullmatch(text)
    if match is None:
        return None
    dtype = match["dtype"]
    if dtype not in _DTYPES:
        raise InputError(f"--input {name}: unknown dtype {dtype!r}; known are {', '.join(sorted(_DTYPES))}")
    shape = tuple(int(size) for size in match["shape"].split(",") if size.strip())
    if match["low"] is None:
        if np.dtype(dtype).kind in "iu":
            raise InputError(
                f"--input {name}: random {dtype} values need a range, for example {name}={text}:0..1000 (0 to 999)"
            )
        return RandomSpec(dtype, shape)
    try:
        low, high = float(match["low"]), float(match["high"])
    except ValueError:
        raise InputError(f"--input {name}: {match['low']}..{match['high']} is not a range of numbers") from None
    if np.dtype(dtype).kind in "iu":
        bounds = np.iinfo(dtype)
        if low != int(low) or high != int(high) or low < bounds.min or high - 1 > bounds.max:
            raise InputError(f"--input {name}: the range {text.rpartition(':')[2]} does not fit {dtype}")
    if not low < high:
        raise InputError(f"--input {name}: the range {text.rpartition(':')[2]} is empty")
    return RandomSpec(dtype, shape, low, high)


def load_npy(name: str, file: Path) -> Array:
    """The array of a .npy file. Raises `InputError` where it is missing or is not one."""
    if not file.is_file():
        raise InputError(f"--input {name}: there is no file {file}")
    try:
        array: Array = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"--input {name}: {file} cannot be read as a .npy file: {error}") from error
    return array


def load_npz(name: str, file: Path) -> dict[str, Array]:
    """The arrays of a .npz file by name. Raises `InputError` where it is missing or is not one."""
    if not file.is_file():
        raise InputError(f"--input {name}: there is no file {file}")
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise InputError(f"--input {name}: {file} cannot be read as a .npz file: {error}") from error


def read_input(spec: str, generator: np.random.Generator) -> tuple[str, Array]:
    """The name and the array that one --input stands for. Raises `InputError` saying what is wrong with it."""
    name, text = split_name(spec)
    random = parse_random(name, text)
    if random is not None:
        return name, random.draw(generator)
    if text.endswith(".npy"):
        return name, load_npy(name, Path(text).expanduser())
    raise InputError(f"--input {spec!r} cannot be read: write {_FORMS}")
