"""Random control flow: the synthesized function does what the reference says, on every block of the path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptc.runtime.errors import NetworkError
from adaptc.runtime.hostprogram import HostProgram
from adaptc.runtime.placement import Limits
from adaptc.runtime.probing import Probe
from adaptc.runtime.synthesis import host_function, host_source

from .graphs import INPUTS, host_programs, scalars
from .reference import interpret

TIGHT = [
    Limits(),
    Limits(nested_blocks=1, nested_loops=1, deep_jump=1, wide_switch=2),
    Limits(nested_blocks=4, nested_loops=0, deep_jump=0, wide_switch=1, small_exit=0),
    Limits(nested_blocks=50, nested_loops=15, deep_jump=0, small_exit=3),
    Limits(nested_blocks=3, nested_loops=2, deep_jump=50),
]


def outcome(run: Any, *inputs: Any) -> tuple[Any, ...]:
    try:
        return tuple(run(*inputs)[:2])
    except NetworkError as error:
        return error.exception, error.message, error.loc


@pytest.mark.parametrize("limits", TIGHT, ids=lambda limits: f"{limits.nested_blocks}-{limits.nested_loops}")
@settings(max_examples=60, deadline=None)
@given(program=host_programs(), seeds=st.lists(st.integers(-50, 50), min_size=3, max_size=6))
def test_synthesis_equals_reference(limits: Limits, program: HostProgram, seeds: list[int]) -> None:
    plain = host_function(host_source(program, (), INPUTS, limits=limits), (), {})
    probed: Any = host_function(host_source(program, (), INPUTS, probed=True, limits=limits), (), {})
    for seed in seeds:
        inputs = scalars(seed, 12)
        expected = outcome(lambda *args: interpret(program, args, {}), *inputs)
        assert outcome(plain, *inputs) == expected
        probe = Probe()
        assert outcome(probed, probe, *inputs) == expected
        if not isinstance(expected[0], str):
            assert probe.blocks == interpret(program, inputs, {})[2]
