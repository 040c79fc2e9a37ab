"""What the passes that move code and decisions leave alone."""

from __future__ import annotations

import torch

from adaptc.compiler.ir.program import Output
from adaptc.runtime.hostprogram import Apply, Branch, Const, Jump, Let, Read, Ref, Size

from ..ir.builder import INT, ProgramBuilder, edge, give, make_code, tensor
from ..ir.programs import growing
from .cases import PAIR, code, one_input
from .flow_cases import (
    SQUARE,
    asked_again,
    counting_arms,
    counting_loop,
    doubling,
    entry_test,
    equal_blocks,
    gate_after_a_skipped_layer,
    invariant,
    policy,
    reading_loop,
)
from .test_refusals import assert_unchanged, run

CRASH = Apply("floordiv", (Const(1), Const(0)))


def test_code_that_takes_what_the_host_computes_is_not_fused() -> None:
    builder = one_input()
    builder.block(
        "entry",
        {"x": PAIR},
        Jump(edge("next", "y", "n")),
        code=code("double"),
        inputs=["x"],
        outputs=["y"],
        steps=[Let("n", Size("x", 0))],
    )
    builder.block(
        "next", {"x": PAIR, "n": INT}, give(("z", PAIR)), code=code("add_number"), inputs=["x", "n"], outputs=["z"]
    )
    assert_unchanged("fuse-chains", builder.build())


def test_code_that_takes_the_number_of_a_read_is_not_fused() -> None:
    """Forcing the read would leave the code with the element itself."""
    builder = one_input()
    total = make_code("total", lambda x: (x.sum(),), [PAIR])
    scale = make_code("scale_by", lambda x, s: (x * s.view(()),), [PAIR, tensor()])
    builder.block(
        "entry",
        {"x": PAIR},
        Jump(edge("next", "x", "s", "level")),
        code=total,
        inputs=["x"],
        outputs=["s"],
        steps=[Read("level", "s", "float", "model.py:1")],
    )
    from ..ir.builder import FLOAT

    builder.block(
        "next",
        {"x": PAIR, "s": tensor(), "f": FLOAT},
        give(("y", PAIR), ("f", FLOAT)),
        code=scale,
        inputs=["x", "s"],
        outputs=["y"],
    )
    assert_unchanged("fuse-chains", builder.build())


def test_a_loop_is_entered_by_its_header_alone() -> None:
    """The test is known where the loop begins, but a second way leads to its header."""
    builder = one_input()
    entry_test(builder, edge("header", "x", Const(0)), edge("header", "x", "n"), Let("n", Size("x", 0)))
    builder.block(
        "header",
        {"x": PAIR, "i": INT},
        Branch(Apply("lt", (Ref("i"), Const(2))), edge("body", "x", "i"), edge("end", "x")),
    )
    builder.block(
        "body",
        {"x": PAIR, "i": INT},
        Jump(edge("header", "y", Apply("add", (Ref("i"), Const(1))))),
        code=code("double"),
        inputs=["x"],
        outputs=["y"],
    )
    builder.block("end", {"x": PAIR}, give(("x", PAIR)))
    program = builder.build()
    program.blocks["entry"].steps[1] = Let("n", Apply("int", (Ref("go"),)))
    assert_unchanged("thread-jumps", program)


def test_large_code_is_not_duplicated() -> None:
    assert_unchanged("thread-jumps{max_nodes=1}", asked_again())
    assert_unchanged("duplicate-tails{max_nodes=1}", gate_after_a_skipped_layer())


def test_meetings_outside_loops_may_be_left() -> None:
    left = "duplicate-tails{in_loops_only=true}"
    assert_unchanged(left, gate_after_a_skipped_layer())
    looping = gate_after_a_skipped_layer()
    looping.blocks["last"].terminator = Jump(edge("gate", "y"))
    (report,) = run(left, looping)
    assert report.changed


def test_large_weights_are_not_duplicated() -> None:
    program = gate_after_a_skipped_layer()
    program.weights["w"] = torch.ones(2)
    block = program.blocks["gate"]
    block.code = make_code("weighted", lambda x, w: ((x * w).sum() > 0,), [PAIR], [PAIR])
    block.weights = ["w"]
    assert_unchanged("duplicate-tails{max_bytes=7}", program)


def test_code_that_takes_the_number_of_its_own_read_stays_with_it() -> None:
    """Whoever looks for what can be forced looks at one block."""
    program = gate_after_a_skipped_layer()
    block = program.blocks["gate"]
    block.code = make_code("scaled", lambda x: ((t := x.sum() > 0), x * t.view(())), [PAIR])
    block.outputs = [*block.outputs, Output("scaled", PAIR)]
    assert_unchanged("duplicate-tails", program)


def test_a_meeting_of_decisions_keeps_its_code() -> None:
    """No block before it could take the code into its own."""
    builder = one_input()
    entry_test(builder, edge("end", "x"), edge("end", "y"))
    builder.block("end", {"x": PAIR}, give(("z", PAIR)), code=code("double"), inputs=["x"], outputs=["z"])
    assert_unchanged("duplicate-tails", builder.build())


def test_arithmetic_that_may_raise_is_not_selected() -> None:
    program = counting_arms()
    program.blocks["count"].steps.append(Let("crash", CRASH))
    assert_unchanged("select-cheap-branch", program)
    assert_unchanged("combine-branches", program)


def test_arms_that_pass_different_tensors_stay() -> None:
    builder = one_input()
    entry_test(builder, edge("end", "x", Const(1)), edge("end", "y", Const(2)))
    builder.block("end", {"x": PAIR, "n": INT}, give(("x", PAIR), ("n", INT)))
    assert_unchanged("select-cheap-branch", builder.build())


def test_long_arithmetic_is_not_selected() -> None:
    assert_unchanged("select-cheap-branch{max_operators=0}", counting_arms())


def test_blocks_that_differ_in_a_number_are_not_equal() -> None:
    program = equal_blocks()
    program.blocks["end_b"].steps = [Let("n", Const(3.0))]
    program.blocks["end_b"].terminator = give(("end_b", PAIR), (Const(3), INT))
    assert_unchanged("merge-equal-blocks", program)


def test_code_that_may_fail_is_not_computed_early() -> None:
    program = policy()
    block = program.blocks["gate"]
    table = torch.ones(2, dtype=torch.bool)
    program.weights["table"] = table
    flags = tensor(2, dtype=torch.bool)
    block.code = make_code("look_up", lambda x, f, t: (t[f.sum().view(1)][0], x + 1), [PAIR, flags], [flags])
    block.weights = ["table"]
    assert_unchanged("decide-early", program)


def test_a_gate_that_may_not_be_asked_is_not_computed_early() -> None:
    program = policy()
    program.blocks["entry"].terminator = Branch(Ref("go"), edge("layer", "x", "flags"), edge("end", "x"))
    assert_unchanged("decide-early", program)


def test_little_work_stays_in_its_loop() -> None:
    assert_unchanged("hoist-loop-invariants{min_flops=100000}", invariant())


def test_loops_that_decide_at_their_end_stay() -> None:
    assert_unchanged("rotate-loops", invariant())


def test_a_loop_that_begins_another_stays() -> None:
    """The body's first block is the header of an inner loop: one loop would be made of the two."""
    program = counting_loop()
    body = program.blocks["body"]
    body.terminator = Branch(
        Apply("lt", (Ref("i"), Const(0))),
        edge("body", "y", "i", "n"),
        edge("head", "y", Apply("add", (Ref("i"), Const(1))), "n"),
    )
    assert_unchanged("rotate-loops", program)


def test_a_header_with_much_code_stays() -> None:
    assert_unchanged("rotate-loops{max_nodes=0}", reading_loop())


def test_what_may_not_run_is_not_moved_before_the_loop() -> None:
    builder = ProgramBuilder("net", {"x": SQUARE})
    builder.weight("w", torch.eye(16) * 0.5)
    builder.block("entry", {"x": SQUARE}, Jump(edge("header", "x", "x", Size("x", 0))))
    builder.block(
        "header",
        {"h": SQUARE, "x": SQUARE, "i": INT},
        Branch(Apply("lt", (Ref("i"), Const(2))), edge("body", "h", "x", "i"), edge("end", "h")),
    )
    builder.block(
        "body",
        {"h": SQUARE, "x": SQUARE, "i": INT},
        Jump(edge("header", "next", "x", Apply("add", (Ref("i"), Const(1))))),
        code=make_code("step", lambda h, x, w: (h + torch.tanh(x @ w),), [SQUARE, SQUARE], [SQUARE]),
        inputs=["h", "x"],
        weights=["w"],
        outputs=["next"],
    )
    builder.block("end", {"h": SQUARE}, give(("h", SQUARE)))
    assert_unchanged("hoist-loop-invariants", builder.build())
    assert_unchanged("hoist-loop-invariants", growing().program)


def test_an_arm_of_code_is_no_arithmetic() -> None:
    builder = one_input()
    entry_test(builder, edge("arm", "x"), edge("end", "x", Const(1)))
    doubling(builder, "arm", edge("end", "x", Const(2)))
    builder.block("end", {"x": PAIR, "n": INT}, give(("x", PAIR), ("n", INT)))
    assert_unchanged("select-cheap-branch", builder.build())
