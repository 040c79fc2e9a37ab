"""What an artifact declares about itself: ``manifest.json`` and ``report.json``'s neighbours, as typed data."""

from __future__ import annotations

from typing import Literal

import msgspec

from adaptc.runtime.tree import Tree

SCHEMA = 5
"""The version of the artifact format that this code writes and reads: another one for each change of it."""


class TensorSpec(msgspec.Struct, frozen=True):
    """A tensor: numpy dtype name and shape. A dimension is an int, or a name that stands for one size per call."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


class Argument(msgspec.Struct, frozen=True):
    """One argument of the network's own signature. The leaves of `tree` index the signature's inputs.

    `kind` "positional" can be passed by position or by name, "keyword" by name alone, and "positional_only"
    (an element of ``*args``) by position alone.
    """

    name: str
    kind: Literal["positional", "positional_only", "keyword"]
    tree: Tree


class Signature(msgspec.Struct, frozen=True):
    """How the executable is called: the arguments in order, and the flat tensors they carry."""

    arguments: tuple[Argument, ...]
    inputs: tuple[TensorSpec, ...]


class BlockedForm(msgspec.Struct, frozen=True):
    """The same unit, in `file`, for one kind of processor: its convolutions hand on images whose channels stand in
    blocks of `channels` (ONNX Runtime's NCHWc), by operators of `version` of the engine."""

    file: str
    channels: int
    version: str


class Unit(msgspec.Struct, frozen=True):
    """What an engine runs in one call. `file` is relative to the artifact; `weights` names its rows of the table.

    `blocked` is the unit in another form, which engines take where it fits the machine.
    """

    name: str
    engine: str
    file: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    weights: tuple[str, ...] = ()
    loc: str = ""
    blocked: BlockedForm | None = None


def files_of(unit: Unit) -> tuple[str, ...]:
    """The files of a unit in all its forms, relative to the artifact."""
    return (unit.file,) if unit.blocked is None else (unit.file, unit.blocked.file)


class Weight(msgspec.Struct, frozen=True):
    """A distinct tensor of ``units/weights.bin``: `offset` and `size` in bytes, little-endian, C order.

    `names` are the network's own names for it; tied and equal parameters share one row.
    """

    names: tuple[str, ...]
    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int


class File(msgspec.Struct, frozen=True):
    """A file of the artifact: its size in bytes and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


class ReadValue(msgspec.Struct, frozen=True):
    """The value that a read step is made to return; None leaves it to the data."""

    read: str
    value: bool | int | float | None


class Sample(msgspec.Struct, frozen=True):
    """Inputs with the outputs that eager PyTorch gave for them, along one path.

    `inputs` and `expected` are .npz files with arrays "0", "1", ... in flat order; host scalars among the
    outputs are 0-d arrays. `forced` holds the reads along the path in order of execution; it is empty where the
    data alone decides. `path` lists the blocks in order
    (`adaptc.runtime.longpaths.listed`); `raises` is the exception's name where the path ends so.
    """

    name: str
    inputs: str
    expected: str
    path: tuple[str, ...]
    forced: tuple[ReadValue, ...] = ()
    raises: str = ""


class Manifest(msgspec.Struct, frozen=True):
    """The table of contents of an artifact. `files` covers every file but the manifest itself.

    `checksum` is the SHA-256 in hexadecimal of the manifest's own text with an empty checksum.
    """

    schema: int
    name: str
    engine: str
    signature: Signature
    units: tuple[Unit, ...]
    weights: tuple[Weight, ...]
    samples: tuple[Sample, ...]
    files: dict[str, File]
    provenance: dict[str, str]
    checksum: str = ""
