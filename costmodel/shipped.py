"""Which cost model prices code here: one that was given, one calibrated on this machine, or one that came along."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from adaptc.costmodel.data.machine import this_machine
from adaptc.costmodel.errors import CostModelError
from adaptc.costmodel.model import SUFFIX, CostModel, read_model

SHIPPED = Path(__file__).parent / "shipped"
"""The folder of models that come with adaptc, and of the tables that they were made from."""

BY_VECTORS = {256: "epyc-256", 512: "xeon-512"}
"""The shipped models by the bits of the vectors that their machines have: kernels differ most by these."""

DEFAULT = BY_VECTORS[256]
"""The shipped model that is taken where none is of a machine like this."""

DECISIONS = "xeon-512.decisions.parquet"
"""The decisions that come along."""


@dataclass(frozen=True)
class Chosen:
    """A model, its file, and why it may be off here; empty where it was made on this machine."""

    model: CostModel
    file: Path
    differences: tuple[str, ...]


def choose(file: Path | None = None) -> Chosen:
    """The model in `file`, or else the one that fits this machine best. Raises `CostModelError`."""
    if file is None:
        own = calibrated_file()
        file = own if own.is_file() else SHIPPED / f"{nearest()}{SUFFIX}"
    return _chosen(file, os.stat(file).st_mtime_ns if file.is_file() else 0)


@cache
def _chosen(file: Path, changed: int) -> Chosen:
    model = read_model(file)
    here = this_machine().record()
    made = model.about.get("machine", {})
    differences = [f"{name} {made.get(name)}, here {here[name]}" for name in here if made.get(name) != here[name]]
    engine = _engine_version()
    made_with = model.about.get("versions", {}).get("onnxruntime")
    if made_with != engine:
        differences.append(f"onnxruntime {made_with}, here {engine}")
    return Chosen(model, file, tuple(differences))


def calibrated_file() -> Path:
    """Where the model that is calibrated on this machine lies: in the user's cache."""
    cache_folder = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    name = hashlib.sha256(str(this_machine()).encode()).hexdigest()[:12]
    return Path(cache_folder) / "adaptc" / f"{name}{SUFFIX}"


def nearest(vector_bits: int | None = None) -> str:
    """The name of the shipped model whose machine is most like one with vectors of so many bits, or like this one."""
    return BY_VECTORS.get(this_machine().vector_bits if vector_bits is None else vector_bits, DEFAULT)


def shipped_model(machine: Mapping[str, Any]) -> Path:
    """The shipped model whose machine is most like the one that `machine` records."""
    return SHIPPED / f"{nearest(int(machine['vector_bits']))}{SUFFIX}"


def shipped_table() -> Path:
    """The table that the shipped model for this machine was made from. Raises `CostModelError` where this install has
    none."""
    return _data(f"{nearest()}.parquet", "collect a table of your own")


def shipped_decisions() -> Path:
    """The decisions that come along. Raises `CostModelError` where this install has none."""
    return _data(DECISIONS, "measure some: adaptc costmodel decisions TABLE.parquet --collect 30")


def _data(name: str, instead: str) -> Path:
    file = SHIPPED / name
    if not file.is_file():
        raise CostModelError(f"{file} is missing: this install has no such data; {instead}")
    return file


def _engine_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("onnxruntime")
    except PackageNotFoundError:
        return "none"
