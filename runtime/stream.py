"""The stream of random numbers of a network: what the draws of one call are, given a seed.

The bits are those of Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) with the
seed as its key and the counter at zero, as NumPy's bit generator of that name gives them; what is made of them is
written here, so that it does not hang on NumPy's own generators, and can be written in any language. The last bit of
normal and exponential numbers is that of the logarithm and cosine at hand. torch's generators give other numbers: equal
seeds do not mean equal draws.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from adaptc.runtime.errors import InputError
from adaptc.runtime.hostprogram import Distribution

Array = npt.NDArray[Any]


def check_seed(seed: int | None) -> None:
    """Raise InputError for what is no seed of a stream."""
    if seed is not None and (type(seed) is not int or not 0 <= seed < 2**64):
        raise InputError(f"random_seed is {seed!r}: it must be an int from 0 to 2**64 - 1")


class Stream:
    """Random numbers in an order that `seed` alone decides; each element takes one or two words of 64 bits."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.Philox(key=seed)

    def draw(self, kind: Distribution, shape: Sequence[int], dtype: str, least: int = 0, end: int = 0) -> Array:
        """An array of `shape` in C order.

        "uniform": [0, 1), a multiple of 2^-24 for float32 and of 2^-53 for float64. "normal": by Box and Muller, two
        words each. "exponential": -log(1 - u). "integers": least + floor(u * (end - least)). "permutation": of 0 to
        the one extent of `shape`, by sorting uniform numbers. u has 53 bits; numbers are rounded to `dtype` last.
        """
        count = int(np.prod(shape, dtype=np.int64))
        values: Array
        if kind == "uniform":
            shift, step = (40, 2.0**-24) if dtype == "float32" else (11, 2.0**-53)
            values = (self._words(count) >> np.uint64(shift)).astype(np.float64) * step
        elif kind == "normal":
            words = self._unit(2 * count).reshape(count, 2)
            values = np.sqrt(-2 * np.log1p(-words[:, 0])) * np.cos(2 * np.pi * words[:, 1])
        elif kind == "exponential":
            values = -np.log1p(-self._unit(count))
        elif kind == "integers":
            values = least + np.floor(self._unit(count) * (end - least)).astype(np.int64)
        else:
            values = np.argsort(self._unit(count), kind="stable")
        return values.astype(dtype).reshape(tuple(shape))

    def copy(self) -> Stream:
        """A stream that goes on from here on its own."""
        return copy.deepcopy(self)

    def _words(self, count: int) -> Array:
        words: Array = self._bits.random_raw(count)
        return words

    def _unit(self, count: int) -> Array:
        """Uniform numbers of 53 bits in [0, 1)."""
        return (self._words(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53
