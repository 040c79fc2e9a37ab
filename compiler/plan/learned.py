"""The learned cost of running code (`adaptc.costmodel`), as the plan asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adaptc.compiler.ir.block_text import block_mlir
from adaptc.compiler.ir.program import Block, Code, Program
from adaptc.costmodel.shipped import Chosen


class LearnedCost:
    """Prices blocks by their MLIR with the model that was chosen. Each code is priced once."""

    def __init__(self, chosen: Chosen) -> None:
        self._chosen = chosen
        self._model = chosen.model
        self._prices: dict[tuple[int, int], tuple[Code, float]] = {}
        self._doubts: dict[str, None] = {}

    @property
    def call(self) -> float:
        """A call of a unit by the host, without its kernels and what goes in and comes out."""
        return self._model.control.call

    @property
    def value(self) -> float:
        """An array that goes into a unit or comes out of it."""
        return self._model.control.value

    @property
    def branch(self) -> float:
        """An `If` in a graph, without what its arm does."""
        return self._model.control.branch

    @property
    def iteration(self) -> float:
        """An iteration of a `Loop` in a graph, without what its body does."""
        return self._model.control.iteration

    @property
    def number(self) -> float:
        """An operator on numbers in a graph, which has a kernel for it."""
        return self._model.number

    def of(self, program: Program, block: Block, unknown: int = 1) -> float:
        """The kernels of one run of a unit that is made of the code of `block`, in which an extent that varies is
        `unknown`."""
        code = block.code
        assert code is not None
        key = id(code), unknown
        if key not in self._prices:
            found = self._model.predict_text(block_mlir(program, block), unknown)
            for prediction in found.values():
                self._doubts.update(dict.fromkeys(prediction.warnings))
            self._prices[key] = code, sum(prediction.kernels_us for prediction in found.values())
        return self._prices[key][1]

    def copy(self, size: float) -> float:
        """A copy of `size` bytes, as an arm makes of what it hands on unchanged."""
        return self._model.control.byte * size

    def record(self) -> Mapping[str, Any]:
        """Which model it is, how this machine differs from the one that it was made on, and why it may be off."""
        return {
            "model": self._chosen.file.name,
            "machine": self._model.about.get("machine", {}),
            "differences": list(self._chosen.differences),
            "doubts": list(self._doubts),
        }
