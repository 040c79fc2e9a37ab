"""The paths that are found are those that programs take when their reads are forced."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adaptc.compiler.ir.interpret import interpret
from adaptc.compiler.verify.paths import paths
from adaptc.compiler.verify.runs import by_name
from adaptc.compiler.verify.solve import values_of

from ..ir.programs import SAMPLES, Sample


@pytest.mark.parametrize("make", SAMPLES, ids=lambda make: make.__name__)
def test_forced_values_lead_along_their_path(make: Callable[[], Sample]) -> None:
    sample = make()
    inputs = sample.cases[0]
    shapes = {entry.name: tuple(t.shape) for entry, t in zip(sample.program.inputs, inputs)}
    hints = dict(interpret(sample.program, inputs).reads)
    found = paths(sample.program, shapes=shapes, hints=hints)
    assert found.paths
    for path in found.paths:
        if path.forceable:
            reads = [read.variable.name for read in path.reads]
            forced = path.forced(values_of(path.facts))
            outcome = interpret(sample.program, inputs, by_name(list(zip(reads, forced))))
            assert (outcome.path, outcome.raises) == (path.blocks, path.raises)
    # What the data decides on real inputs is among the paths, unless a loop is longer than those tried.
    taken = {interpret(sample.program, case).path for case in sample.cases if _fits(sample, case, shapes)}
    assert not found.complete or taken <= {path.blocks for path in found.paths}


def _fits(sample: Sample, case: object, shapes: dict[str, tuple[int, ...]]) -> bool:
    assert isinstance(case, tuple)
    return [tuple(t.shape) for t in case] == list(shapes.values())
