"""The pass manager: reports, and what it says of passes that fail or break programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.errors import IRError
from adaptc.compiler.ir.program import Program
from adaptc.passes.errors import PassError
from adaptc.passes.manager import PassManager
from adaptc.passes.pipeline import default_pipeline
from adaptc.passes.program.remove_unreachable import RemoveUnreachable
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import load_registry
from adaptc.passes.rewriter import Rewriter
from adaptc.runtime.hostprogram import Jump, Raise

from ..ir.builder import edge
from ..ir.programs import early_exit, skip_gates
from .cases import dead_around_a_loop, skip_gate


def make_pass(run: Callable[[Program, Rewriter], None]) -> ProgramPass:
    """A pass that does `run`."""

    @dataclass(frozen=True)
    class Custom(ProgramPass):
        name = "custom"

        def run(self, program: Program, rw: Rewriter) -> None:
            run(program, rw)

    return Custom()


def test_reports() -> None:
    program = skip_gates(3).program
    reports = PassManager(default_pipeline()).run(program)
    assert [report.name for report in reports] == [pass_.name for pass_ in default_pipeline()]
    changed = next(report for report in reports if report.changed)
    assert changed.name == "bypass-empty-blocks"
    assert changed.counts == {"terminators replaced": 3, "blocks removed": 3}
    assert (changed.blocks_before, changed.blocks_after) == (10, 7)
    assert changed.seconds > 0


def test_counts() -> None:
    program = dead_around_a_loop()
    (report,) = PassManager(load_registry().parse("remove-dead-values")).run(program)
    assert report.counts == {
        "outputs dropped": 1,
        "codes replaced": 1,
        "parameters dropped": 3,
        "weights dropped": 1,
    }


def test_rounds_end_when_nothing_changes() -> None:
    reports = PassManager(load_registry().parse("bypass-empty-blocks"), max_rounds=5).run(skip_gate())
    assert [report.changed for report in reports] == [True, False]

    def flip(program: Program, rw: Rewriter) -> None:
        block = program.blocks["fail"]
        assert isinstance(block.terminator, Raise)
        rw.set_terminator("fail", replace_message(block.terminator))

    from ..ir.programs import rejects

    reports = PassManager([make_pass(flip)], max_rounds=4).run(rejects().program)
    assert [report.changed for report in reports] == [True] * 4


def replace_message(terminator: Raise) -> Raise:
    return Raise(terminator.exception, terminator.message + "!", terminator.loc)


def test_blocks_that_a_pass_cuts_off_are_removed() -> None:
    def cut(program: Program, rw: Rewriter) -> None:
        rw.set_terminator("entry", Jump(edge("leave", "logits")))

    program = early_exit().program
    (report,) = PassManager([make_pass(cut)]).run(program)
    assert list(program.blocks) == ["entry", "leave"]
    assert report.counts == {"terminators replaced": 1, "blocks removed": 1}


def test_a_program_that_is_not_valid_is_not_touched() -> None:
    program = skip_gates().program
    program.blocks["orphan"] = replace(program.blocks["skip0"], name="orphan")
    with pytest.raises(IRError, match="no path from the entry"):
        PassManager(load_registry().parse("fold-branches,remove-unreachable")).run(program)
    assert "orphan" in program.blocks
    PassManager([RemoveUnreachable()]).run(program)
    assert "orphan" not in program.blocks


def test_a_pass_that_breaks_the_program() -> None:
    def break_it(program: Program, rw: Rewriter) -> None:
        rw.set_terminator("entry", Jump(edge("leave", "lost")))

    program = early_exit().program
    before = copy_program(program)
    with pytest.raises(PassError) as caught:
        PassManager([make_pass(break_it)]).run(program)
    message = str(caught.value)
    assert message.startswith("pass 'custom' left a program that is not valid.\nprogram 'early_exit' breaks 1 rule")
    assert "block 'entry' (model.py:10): the edge to 'leave': 'lost' is read but not defined in the block" in message
    text_before, text_after = message.split("before the pass:")[1].split("after the pass:")
    assert "cf.cond_br %confident, ^leave(%logits : !torch.vtensor<[1,5],f32>)" in text_before
    assert 'cf.br ^leave(%undefined.lost : !adaptc.undefined) loc("model.py":10:0)' in text_after
    assert "^deeper" not in text_after
    assert program == before, "the program is as it was before the pass"


def test_code_that_cannot_be_printed_is_still_explained() -> None:
    def break_it(program: Program, rw: Rewriter) -> None:
        code = program.blocks["deeper"].code
        assert code is not None
        outputs = program.blocks["deeper"].outputs
        rw.set_code("deeper", replace(code, outputs=()), ["features"], ["lost", "last.bias"], outputs)

    with pytest.raises(PassError, match=r"the weight 'lost' is not in the parameter table(?s:.*)no MLIR: KeyError"):
        PassManager([make_pass(break_it)]).run(early_exit().program)


def test_a_pass_that_fails() -> None:
    def fail(program: Program, rw: Rewriter) -> None:
        rw.set_terminator("entry", Jump(edge("leave", "logits")))
        raise KeyError("lost")

    program = early_exit().program
    before = copy_program(program)
    with pytest.raises(PassError, match=r"^pass 'custom' failed: KeyError: 'lost'$"):
        PassManager([make_pass(fail)]).run(program)
    assert program == before


def test_a_pass_that_goes_past_its_rewriter() -> None:
    def sneak(program: Program, rw: Rewriter) -> None:
        program.blocks["leave"].loc = "model.py:99"

    program = early_exit().program
    with pytest.raises(PassError, match=r"^pass 'custom' changed the program past its rewriter$"):
        PassManager([make_pass(sneak)]).run(program)
    assert program.blocks["leave"].loc == "model.py:13"
