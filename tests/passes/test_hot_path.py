"""Profiles as probabilities, and the path that most calls take: what is computed early, and that it means the same."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.interpret import interpret
from adaptc.compiler.ir.mlir import to_mlir
from adaptc.compiler.ir.program import Program, edges
from adaptc.compiler.profile import NO_PROFILE, Profile
from adaptc.passes.branch_profile import ITERATIONS, BranchProfile
from adaptc.passes.flowgraph import is_reducible
from adaptc.passes.manager import PassManager
from adaptc.passes.pipeline import default_pipeline, profiled_pipeline
from adaptc.passes.program.specialise_hot_path import SpecialiseHotPath
from adaptc.runtime.hostprogram import Branch, Switch

from ..ir.builder import make_code
from ..ir.meaning import assert_same_meaning, assert_same_outcome
from ..ir.programs import early_exit, growing, rejects, skip_gates
from .cases import NEGATIVE, PAIR, POSITIVE
from .flow_cases import gate_after_a_skipped_layer
from .random_programs import Maker

USUAL = {"entry": (90, 10), "gate": (95, 5)}
"""The layer is skipped in 10 of 100 calls, the last one in 5."""


def profile_of(ways: dict[str, tuple[int, ...]]) -> Profile:
    return Profile("net", "", 100, ways, (), 0)


def code_blocks(program: Program) -> list[str]:
    return [block.name for block in program.blocks.values() if block.code is not None]


def test_the_usual_path_is_one_unit(golden: Callable[[str, str], None]) -> None:
    program = gate_after_a_skipped_layer()
    before = to_mlir(program, locations=False)
    manager = PassManager([SpecialiseHotPath(profile_of(USUAL))])
    assert_same_meaning(lambda program: changed(manager, program), program, [(POSITIVE,), (NEGATIVE,)])
    after = to_mlir(program, locations=False)
    command = "// python -m pytest tests/passes/test_hot_path.py -k usual"
    golden("specialise_hot_path", f"{command}\n{before}// ----- specialise-hot-path, entry 90:10, gate 95:5\n{after}")


def changed(manager: PassManager, program: Program) -> None:
    (report,) = manager.run(program)
    assert report.changed


@pytest.mark.parametrize(
    ("ways", "computing"),
    [
        ({}, ["entry", "layer", "gate", "last"]),
        ({"entry": (50, 50)}, ["entry", "layer", "gate", "last"]),
        ({"entry": (60, 40)}, ["entry", "gate", "last"]),  # and the copy of the gate, whose decision is not known
    ],
)
def test_how_far_it_goes(ways: dict[str, tuple[int, ...]], computing: list[str]) -> None:
    program = gate_after_a_skipped_layer()
    PassManager(profiled_pipeline(profile_of(ways))).run(program)
    assert [name for name in code_blocks(program) if "." not in name] == computing


def test_where_other_ways_meet_the_path_it_has_blocks_of_its_own() -> None:
    program = gate_after_a_skipped_layer()
    PassManager([SpecialiseHotPath(profile_of({"entry": (10, 90), "gate": (90, 10)}))]).run(program)
    assert code_blocks(program) == ["entry", "layer", "gate", "last"]
    assert {"gate.1", "last.1"} <= set(program.blocks)


def test_what_others_would_pay_for_is_not_computed_early() -> None:
    program = gate_after_a_skipped_layer()
    PassManager([SpecialiseHotPath(profile_of({"entry": (60, 40)}), flops_per_us=0.001)]).run(program)
    assert code_blocks(program) == ["entry", "layer", "gate", "last"]


def test_what_may_fail_is_not_computed_early() -> None:
    program = gate_after_a_skipped_layer()
    program.blocks["layer"].code = make_code("pick", lambda x: (x[x.long().view(2) * 0],), [PAIR])
    PassManager([SpecialiseHotPath(profile_of(USUAL))]).run(program)
    assert "layer" in code_blocks(program)


def test_without_a_profile_nothing_changes() -> None:
    program = gate_after_a_skipped_layer()
    before = copy_program(program)
    PassManager([SpecialiseHotPath(NO_PROFILE)]).run(program)
    assert program == before


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_meaning_is_kept(rng: Random) -> None:
    program = Maker(rng).program()
    PassManager(default_pipeline()).run(program)
    ways = {
        block.name: tuple(rng.choice((0, 1, 100)) for _ in edges(block))
        for block in program.blocks.values()
        if isinstance(block.terminator, (Branch, Switch))
    }
    cases = [torch.tensor(pair) for pair in ([1.0, 2.0], [-1.0, -2.0], [0.0, 0.0])]
    expected = [interpret(program, (case,)) for case in cases]
    was_reducible = is_reducible(program)
    PassManager(profiled_pipeline(profile_of(ways))).run(program)
    assert is_reducible(program) or not was_reducible
    for case, outcome in zip(cases, expected):
        assert_same_outcome(interpret(program, (case,)), outcome)


def test_probabilities_of_a_profile() -> None:
    likely = BranchProfile(gate_after_a_skipped_layer(), profile_of(USUAL))
    assert likely.probability("entry", 0) == pytest.approx(90.5 / 101)
    assert likely.visits("layer") == pytest.approx(90.5 / 101)
    assert likely.visits("gate") == pytest.approx(1)
    assert likely.visits("last") == pytest.approx(95.5 / 101)
    assert likely.is_known("gate")
    assert not BranchProfile(gate_after_a_skipped_layer()).is_known("gate")


def test_the_prior() -> None:
    likely = BranchProfile(skip_gates(2).program)
    assert likely.probability("entry", 0) == 0.5
    loop = BranchProfile(growing().program)
    assert loop.probability("header", 1) == pytest.approx(1 / ITERATIONS)
    assert loop.iterations("header") == pytest.approx(ITERATIONS)
    assert BranchProfile(rejects().program).probability("entry", 0) == 0, "errors are not expected"
    assert BranchProfile(early_exit().program).visits("entry") == pytest.approx(1)


def test_counts_for_another_number_of_ways_are_not_used() -> None:
    likely = BranchProfile(early_exit().program, profile_of({"entry": (1, 2, 3)}))
    assert likely.probability("entry", 0) == 0.5
