"""What is timed: a unit with arrays to run it on, and who builds one from a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # the process that times units has no need of torch
    from torch import Tensor, nn


@dataclass(frozen=True)
class BuiltUnit:
    """A unit on disk.

    `mlir` is its code alone, a function without locations; `model` is the ``.onnx`` file, its weights beside it;
    `inputs` are C-contiguous NumPy arrays in the order of its inputs, and `sizes` those of the dimensions that the MLIR
    leaves open, by their names there.
    """

    mlir: str
    model: Path
    inputs: Mapping[str, Any]
    outputs: tuple[str, ...]
    weight_bytes: int
    sizes: Mapping[str, int] = field(default_factory=dict)


class Builder(Protocol):
    """Builds units; can be sent to another process."""

    def build(self, module: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> BuiltUnit:
        """The unit of `module`, written into the new folder `folder`.

        Raises `SampleError` where the network is not exactly one unit, or cannot be compiled.
        """
        ...

    def real_units(self, network: str, folder: Path) -> tuple[list[BuiltUnit], dict[str, int]]:
        """The units of the network in ``FILE.py`` or ``FILE.py:NAME``, written into `folder`, each distinct code once
        and with the arrays of calls of the network; and how many were left out, by reason.

        Raises `SampleError` where it cannot be compiled."""
        ...
