"""The network that a subcommand is about: a model file with the command line's changes to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from adaptc.extras import needs_compiler

if TYPE_CHECKING:
    from adaptc.compiler.ir.program import Program
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


def captured(found: ModelFile, random_seed: int | None = None) -> Program:
    """The program of a model file's network, after the default passes; `random_seed` replaces the file's.

    Raises `CompileError` with every problem.
    """
    with needs_compiler():
        from adaptc.compiler.driver import capture_program, optimise

    program, _ = capture_program(
        found.model,
        found.example_inputs,
        name=found.name,
        dynamic=found.dynamic,
        random_seed=found.random_seed if random_seed is None else random_seed,
    )
    optimise(program)
    return program
