"""The network that a subcommand is about: a model file with the command line's changes to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from adaptc.extras import needs_compiler

if TYPE_CHECKING:
    from adaptc.compiler.model_file import ModelFile


def load_model(file: Path, name: str, inputs: Sequence[str], dynamic: Sequence[str], seed: int = 0) -> ModelFile:
    """The model file at `file`; `inputs` replace its example inputs, `dynamic` adds to its dynamic dimensions."""
    with needs_compiler():
        from adaptc.compiler.model_file import load_model_file
        from adaptc.compiler.signature import parse_dims

    more = parse_dims(list(dynamic))
    found = load_model_file(file, model=name, inputs=inputs, seed=seed)
    merged = {key: {**found.dynamic.get(key, {}), **more.get(key, {})} for key in [*found.dynamic, *more]}
    return replace(found, dynamic=merged)
