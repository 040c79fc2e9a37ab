"""The units of a network that is compiled, each with arrays that calls of the network give it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from adaptc.compiler.artifact import Contents, write_contents
from adaptc.compiler.costmodel_units import built_unit
from adaptc.compiler.driver import capture_program, optimise
from adaptc.compiler.host import host_program
from adaptc.compiler.ir.program import Block, Program
from adaptc.compiler.model_file import ModelFile, load_model_file
from adaptc.compiler.noted_units import NotedUnits, Shapes, Taken
from adaptc.compiler.signature import Bound, ExampleInputs, bind
from adaptc.compiler.verify.inputs import InputSet, input_set, like, random_inputs
from adaptc.costmodel.data.chunks import network_file
from adaptc.costmodel.data.units import BuiltUnit
from adaptc.passes.pipeline import unpriced_pipeline
from adaptc.runtime.engines import EngineOptions, Units, open_engine
from adaptc.runtime.errors import AdaptcError
from adaptc.runtime.hosted import HostedProgram
from adaptc.runtime.inputs import binder
from adaptc.runtime.placement import Limits
from adaptc.runtime.stream import Stream
from adaptc.runtime.structure import Builders

RANDOM_CALLS = 8
"""Calls with random inputs, beside those with the examples and the samples."""

MOST_ITERATIONS = 200
"""A call in which a loop takes more is left at that."""

SIZES = 3
"""How many combinations of sizes of one code are taken, where its sizes vary."""


def units_of_network(network: str, folder: Path) -> tuple[list[BuiltUnit], dict[str, int]]:
    """The units of the blocks of the network in ``FILE.py`` or ``FILE.py:NAME``, each distinct code once, and how many
    codes were left out, by reason.

    Calls with the examples, the samples and random inputs give the arrays; a code whose sizes vary is taken up to three
    times. Raises `ModelFileError` and `CompileError`.
    """
    file, name = network_file(network)
    found = load_model_file(file, model=name or "model")
    program, bound = capture_program(
        found.model,
        found.example_inputs,
        name="network",
        dynamic=found.dynamic,
        samples=found.samples,
        random_seed=found.random_seed,
    )
    optimise(program, passes=unpriced_pipeline())
    contents = write_contents(program, folder, {}, mode="blocks")
    taken = _arrays(program, contents, folder, _calls(found, bound))
    units: list[BuiltUnit] = []
    dropped: Counter[str] = Counter()
    by_name = {unit.name: unit for unit in contents.units.units}
    for block in _distinct(program.blocks.values(), contents.units.block_units, taken):
        given = taken.get(contents.units.block_units[block.name])
        if not given:
            dropped["no call reaches it"] += 1
            continue
        unit = by_name[contents.units.block_units[block.name]]
        units += [
            built_unit(program, block, unit, contents.units, folder, one.arrays, one.made) for one in _some(given)
        ]
    return units, dict(dropped)


def _calls(found: ModelFile, bound: Bound) -> list[InputSet]:
    samples = cast(Sequence[ExampleInputs], found.samples)
    given = [like(bound, bind(found.model.forward, sample), "a sample") for sample in samples]
    return [input_set("the examples", bound), *given, *random_inputs(bound, found.dynamic, RANDOM_CALLS, seed=0)]


def _arrays(
    program: Program, contents: Contents, folder: Path, calls: Iterable[InputSet]
) -> dict[str, dict[Shapes, Taken]]:
    """The arrays that each unit takes in `calls`, the first of each combination of shapes."""
    manifest = contents.manifest
    engine = open_engine(manifest.engine, EngineOptions(units=len(manifest.units)))
    noted = NotedUnits(Units(engine, manifest.units, folder))
    host = host_program(program, contents.units.block_units)
    hosted = HostedProgram(host, manifest, noted, Limits(iterations=MOST_ITERATIONS), Builders(), host)
    bind_arrays = binder(manifest.signature)
    for call in calls:
        stream = [Stream(program.seed or 0)] if hosted.draws else []
        try:
            hosted.run(*stream, *bind_arrays(call.array_args, call.array_kwargs))
        except AdaptcError:
            continue  # the network raises, or iterates for long: what ran before is noted
    return noted.taken


def _distinct(
    blocks: Iterable[Block], block_units: Mapping[str, str], taken: Mapping[str, Mapping[Shapes, Taken]]
) -> list[Block]:
    """Of the blocks with the same code, the one that was called with most combinations of shapes."""
    with_code = [block for block in blocks if block.code is not None]
    chosen: dict[int, Block] = {}
    for block in sorted(with_code, key=lambda block: -len(taken.get(block_units[block.name], {}))):
        chosen.setdefault(id(block.code), block)
    return list(chosen.values())


def _some(given: Mapping[Shapes, Taken]) -> list[Taken]:
    """The smallest, the largest and one between, of arrays without empty ones."""
    full = [taken for taken in given.values() if all(array.size for array in taken.arrays)]
    full.sort(key=lambda taken: sum(array.nbytes for array in taken.arrays))
    if len(full) <= SIZES:
        return full
    return [full[index] for index in dict.fromkeys(itertools.chain((0, len(full) // 2, len(full) - 1)))]
