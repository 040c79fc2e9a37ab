"""The samples that an artifact carries: inputs with what eager PyTorch gave for them, path by path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath

import numpy as np
import torch

from adaptc.compiler.structure import flatten, leaf_paths
from adaptc.compiler.verify.compare import Array, to_numpy
from adaptc.compiler.verify.inputs import InputSet
from adaptc.runtime.hostprogram import Return, Terminator
from adaptc.runtime.manifest import ReadValue, Sample

LIMIT = 32
"""How many samples with forced reads an artifact carries."""

FOLDER = "samples"


@dataclass
class Samples:
    """Samples as the manifest lists them, and the arrays of the .npz files that they name.

    `files`: file name, relative to the artifact -> arrays "0", "1", ... in flat order.
    """

    records: list[Sample] = field(default_factory=list)
    files: dict[str, dict[str, Array]] = field(default_factory=dict)
    _inputs: dict[int, tuple[InputSet, str]] = field(default_factory=dict, repr=False)

    def add(
        self,
        name: str,
        inputs: InputSet,
        output: object,
        end: Terminator,
        blocks: Sequence[str],
        forced: Sequence[tuple[str, bool | int | float | None]] = (),
        raises: str = "",
    ) -> None:
        """Add a sample: `output` is eager PyTorch's, `end` the terminator of the path's last block.

        The inputs of one `InputSet` are stored once. bfloat16 is stored as float32.
        """
        if id(inputs) not in self._inputs:
            file = f"{FOLDER}/inputs_{len(self._inputs)}.npz"
            self._inputs[id(inputs)] = (inputs, file)
            arrays = [to_numpy(tensor) for tensor in inputs.tensors.values()]
            self.files[file] = {str(i): array for i, array in enumerate(arrays)}
        expected = f"{FOLDER}/expected_{len(self.records)}.npz"
        self.files[expected] = {} if raises else _flat(output, end)
        reads = tuple(ReadValue(read, value) for read, value in forced)
        _, file = self._inputs[id(inputs)]
        self.records.append(Sample(name, file, expected, tuple(blocks), reads, raises))

    def write(self, folder: FilePath) -> None:
        """Write the .npz files under `folder`, the artifact."""
        (folder / FOLDER).mkdir(exist_ok=True)
        for file, arrays in self.files.items():
            np.savez(folder / file, **arrays)  # type: ignore[arg-type]


def _flat(output: object, end: Terminator) -> dict[str, Array]:
    """The leaves of `output` under the indices that the return's own tree gives them."""
    if not isinstance(end, Return):
        raise TypeError(f"an output was given for a path that ends in {type(end).__name__}")
    _, leaves = flatten(output, "leaf")
    arrays = [to_numpy(leaf) if isinstance(leaf, torch.Tensor) else np.asarray(leaf) for leaf in leaves]
    return {str(index): array for (_, index), array in zip(leaf_paths(end.tree), arrays)}
