"""On random programs every pass keeps the meaning, and the default pipeline has nothing left to do."""

from __future__ import annotations

from random import Random

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.interpret import interpret
from adaptc.compiler.ir.verify import verify
from adaptc.passes.flowgraph import is_reducible
from adaptc.passes.manager import PassManager
from adaptc.passes.pipeline import default_pipeline
from adaptc.passes.registry import load_registry

from ..ir.meaning import assert_same_outcome
from .random_programs import Maker

CASES = [torch.tensor(pair) for pair in ([1.0, 2.0], [-1.0, -2.0], [0.0, 0.0])]


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_meaning_is_kept(rng: Random) -> None:
    program = Maker(rng).program()
    verify(program)
    expected = [interpret(program, (case,)) for case in CASES]
    registry = load_registry()
    managers = [PassManager([registry.make(name)]) for name in registry.names()]
    for manager in [*managers, PassManager(default_pipeline(), max_rounds=10)]:
        changed = copy_program(program)
        manager.run(changed)
        assert is_reducible(changed) or not is_reducible(program), "a loop got a second entry"
        for case, outcome in zip(CASES, expected):
            assert_same_outcome(interpret(changed, (case,)), outcome)
        again = manager.run(changed)
        assert not any(report.changed for report in again), [report for report in again if report.changed]
