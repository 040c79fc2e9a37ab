"""Every rule of the IR, broken on purpose, is reported with its block and line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from adaptc.compiler.ir.errors import IRError
from adaptc.compiler.ir.program import Block, Input, Param, Program, TensorType
from adaptc.compiler.ir.verify import verify
from adaptc.compiler.ir.verify_code import code_faults
from adaptc.runtime.hostprogram import (
    Ref,
    Return,
    ValueSpec,
)
from adaptc.runtime.manifest import Argument
from adaptc.runtime.tree import Leaf

from .broken_programs import BROKEN, Change
from .builder import BOOL, INT, give, make_code, tensor
from .programs import SAMPLES, Sample, early_exit, skip_gates


def changed(make: Callable[[], Sample], change: Change) -> IRError:
    program = make().program
    verify(program)
    change(program)
    with pytest.raises(IRError) as caught:
        verify(program)
    return caught.value


def test_samples_are_valid() -> None:
    for make in SAMPLES:
        verify(make().program)


@pytest.mark.parametrize("rule", BROKEN)
def test_broken_rule(rule: str) -> None:
    make, change, message = BROKEN[rule]
    assert message in str(changed(make, change))


def test_all_faults_are_listed() -> None:
    def change(program: Program) -> None:
        program.blocks["deeper"].inputs = ["images"]
        program.blocks["leave"].terminator = give(("lost", tensor(1, 5)), line=13)
        program.weights.pop("stem.bias")

    error = changed(early_exit, change)
    assert [fault.block for fault in error.faults] == ["entry", "leave", "deeper"]
    assert [fault.loc for fault in error.faults] == ["model.py:10", "model.py:13", "model.py:14"]
    assert str(error).startswith("program 'early_exit' breaks 3 rules of the IR:\n  block 'entry' (model.py:10): ")


def test_unreachable_blocks_may_be_admitted() -> None:
    program = skip_gates().program
    program.blocks["orphan"] = replace(program.blocks["skip0"], name="orphan")
    with pytest.raises(IRError, match=r"block 'orphan' .* no path"):
        verify(program)
    verify(program, allow_unreachable=True)


def test_bfloat16_may_leave_as_float32() -> None:
    kind = TensorType(torch.bfloat16, (2,))
    argument = Argument("x", "positional", Leaf(0))
    for dtype, valid in (("bfloat16", True), ("float32", True), ("float16", False)):
        terminator = Return((Ref("x"),), (ValueSpec(dtype, (2,)),), Leaf(0))
        block = Block("entry", [Param("x", kind)], None, [], [], [], [], terminator)
        single = Program("one", (argument,), (Input("x", kind),), "entry", {"entry": block}, {})
        if valid:
            verify(single)
        else:
            with pytest.raises(IRError, match=r"output 0 is bfloat16\[2\]; its spec says float16\[2\]"):
                verify(single)


def test_shared_code_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import adaptc.compiler.ir.verify as module

    seen: list[str] = []
    monkeypatch.setattr(module, "code_faults", lambda code: seen.append(code.name) or iter(()))
    verify(skip_gates(6).program)
    assert seen == ["gate", "layer"]


def test_a_scalar_input_needs_a_0d_placeholder_of_its_kind() -> None:
    code = make_code("add", lambda x, n: (x + n,), [tensor(2), INT])
    assert list(code_faults(code)) == []
    assert list(code_faults(replace(code, inputs=(tensor(2), BOOL)))) == [
        "code 'add': placeholder 'args_1' is int64[] and is declared bool[]"
    ]
