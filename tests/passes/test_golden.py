"""What each pass makes of a small program, as MLIR text, and that it means the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adaptc.compiler.ir.mlir import to_mlir
from adaptc.passes.manager import PassManager
from adaptc.passes.registry import load_registry

from ..ir.meaning import assert_same_meaning
from ..ir.test_mlir import parse
from .cases import CASES
from .flow_cases import FLOW_CASES

ALL = {**CASES, **FLOW_CASES}

COMMAND = "// python -m pytest tests/passes/test_golden.py -k {name}"


@pytest.mark.parametrize("name", ALL)
def test_pass(name: str, golden: Callable[[str, str], None]) -> None:
    case = ALL[name]
    program = case.build()
    before = to_mlir(program, locations=False)
    manager = PassManager(load_registry().parse(case.passes))
    assert_same_meaning(lambda program: check_changed(manager, program), program, case.inputs)
    after = to_mlir(program, locations=False)
    for text in (before, after):
        parse(text)
    golden(name, f"{COMMAND.format(name=name)}\n{before}// ----- {case.passes}\n{after}")
    assert not any(report.changed for report in manager.run(program)), "a second run changes something"


def check_changed(manager: PassManager, program: object) -> None:
    assert all(report.changed for report in manager.run(program))  # type: ignore[arg-type]
