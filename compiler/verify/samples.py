"""The samples that an artifact carries: inputs with what eager PyTorch gave for them, path by path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath

import numpy as np
import torch

from adaptc.compiler.structure import leaf_paths, parts_of
from adaptc.compiler.verify.compare import Array, to_numpy
from adaptc.compiler.verify.inputs import InputSet
from adaptc.runtime.hostprogram import Return, Terminator, ValueSpec
from adaptc.runtime.longpaths import listed
from adaptc.runtime.manifest import ReadValue, Sample
from adaptc.runtime.tree import Leaf, RowsNode, Static, Tree

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
    _runs: set[object] = field(default_factory=set, repr=False)
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

        The inputs of one `InputSet` are stored once, and a run that is a sample already is none again. bfloat16 is
        stored as float32.
        """
        run = (id(inputs), tuple(blocks), tuple(forced))
        if run in self._runs:
            return
        self._runs.add(run)
        if id(inputs) not in self._inputs:
            file = f"{FOLDER}/inputs_{len(self._inputs)}.npz"
            self._inputs[id(inputs)] = (inputs, file)
            arrays = [to_numpy(tensor) for tensor in inputs.tensors.values()]
            self.files[file] = {str(i): array for i, array in enumerate(arrays)}
        expected = f"{FOLDER}/expected_{len(self.records)}.npz"
        self.files[expected] = {} if raises else _flat(output, end)
        reads = tuple(ReadValue(read, value) for read, value in forced)
        _, file = self._inputs[id(inputs)]
        self.records.append(Sample(name, file, expected, listed(blocks), reads, raises))

    def write(self, folder: FilePath) -> None:
        """Write the .npz files under `folder`, the artifact."""
        (folder / FOLDER).mkdir(exist_ok=True)
        for file, arrays in self.files.items():
            np.savez(folder / file, **arrays)  # type: ignore[arg-type]


def _flat(output: object, end: Terminator) -> dict[str, Array]:
    """The leaves of `output` under the indices that the return's own tree gives them."""
    if not isinstance(end, Return):
        raise TypeError(f"an output was given for a path that ends in {type(end).__name__}")
    return {str(index): array for index, array in _by_index(output, end.tree, end.specs)}


def _by_index(output: object, tree: Tree, specs: Sequence[ValueSpec]) -> Iterator[tuple[int, Array]]:
    """The arrays of a result whose structure `tree` describes; the elements of a list of rows are stacked."""
    match tree:
        case Leaf(index=index):
            yield index, to_numpy(output) if isinstance(output, torch.Tensor) else np.asarray(output)
        case RowsNode(items=items):
            rows = [dict(_by_index(element, items[0], specs)) for element in output]  # type: ignore[attr-defined]
            for _, index in leaf_paths(items[0]):
                sizes = [size if isinstance(size, int) else 0 for size in (specs[index].shape or (0,))[1:]]
                nothing = np.zeros((0, *sizes), specs[index].dtype)
                yield index, np.stack([row[index] for row in rows]) if rows else nothing
        case Static():
            return
        case _:
            for part, item in zip(parts_of(output), tree.items):
                yield from _by_index(part, item, specs)
