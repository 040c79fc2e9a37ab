"""What passes leave alone, and the details that the golden texts do not show."""

from __future__ import annotations

import torch

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.interpret import interpret
from adaptc.compiler.ir.program import Program
from adaptc.passes.manager import PassManager, PassReport
from adaptc.passes.registry import load_registry
from adaptc.runtime.hostprogram import Apply, Branch, Const, Edge, Jump, Let, Read, Ref, Size

from ..ir.builder import BOOL, FLOAT, INT, ProgramBuilder, edge, give, make_code, tensor
from ..ir.programs import early_exit, growing, skip_gates
from .cases import PAIR, POSITIVE, code, constant_tensors, one_input, shared_variant


def run(passes: str, program: Program) -> list[PassReport]:
    return PassManager(load_registry().parse(passes)).run(program)


def assert_unchanged(passes: str, program: Program) -> None:
    before = copy_program(program)
    (report,) = run(passes, program)
    assert not report.changed
    assert report.counts == {}
    assert program == before


def add_test(builder: ProgramBuilder, then: Edge, orelse: Edge) -> None:
    """An entry block that goes where its input's sign says."""
    builder.block(
        "entry",
        {"x": PAIR},
        Branch(Ref("go"), then, orelse),
        code=code("test"),
        inputs=["x"],
        outputs=["t"],
        steps=[Read("go", "t", "bool")],
    )


def test_an_empty_entry_is_not_bypassed() -> None:
    builder = one_input()
    builder.block("entry", {"x": PAIR}, Jump(edge("end", "x")))
    builder.block("end", {"x": PAIR}, give(("x", PAIR)))
    assert_unchanged("bypass-empty-blocks", builder.build())


def test_an_endless_loop_is_not_bypassed() -> None:
    builder = one_input()
    builder.block("entry", {"x": PAIR}, Branch(Const(True), edge("end", "x"), edge("loop", "x")))
    builder.block("loop", {"x": PAIR}, Jump(edge("loop", "x")))
    builder.block("end", {"x": PAIR}, give(("x", PAIR)))
    assert_unchanged("bypass-empty-blocks", builder.build())


def test_two_empty_blocks_that_lead_to_each_other_become_one() -> None:
    builder = one_input()
    builder.block("entry", {"x": PAIR}, Branch(Const(True), edge("end", "x"), edge("a", "x")))
    builder.block("a", {"x": PAIR}, Jump(edge("b", "x")))
    builder.block("b", {"x": PAIR}, Jump(edge("a", "x")))
    builder.block("end", {"x": PAIR}, give(("x", PAIR)))
    program = builder.build()
    run("bypass-empty-blocks", program)
    assert list(program.blocks) == ["entry", "b", "end"]
    assert program.blocks["b"].terminator == Jump(edge("b", "x"))


def test_a_block_with_a_step_is_not_empty() -> None:
    builder = one_input()
    size = Let("n", Size("x", 0))
    builder.block("entry", {"x": PAIR}, Branch(Ref("n"), edge("a", "x"), edge("end", "x", Const(0))), steps=[size])
    builder.block("a", {"x": PAIR}, Jump(edge("end", "x", "n")), steps=[size])
    builder.block("end", {"x": PAIR, "n": INT}, give(("x", PAIR), ("n", INT)))
    assert_unchanged("bypass-empty-blocks", builder.build())


def test_numbers_that_only_compare_equal_are_different() -> None:
    """The arms pass 0.0 and -0.0: the branch stays, and the parameter is no constant."""
    builder = one_input()
    add_test(builder, edge("end", Const(0.0)), edge("end", Const(-0.0)))
    builder.block("end", {"f": FLOAT}, give(("f", FLOAT)))
    assert_unchanged("bypass-empty-blocks", builder.build())
    assert_unchanged("propagate-constants", builder.build())


def chain(*, first_code: bool, steps: list[Let | Read], passes: str) -> Program:
    builder = one_input()
    builder.block(
        "entry",
        {"x": PAIR},
        Jump(edge("next", passes)),
        code=code("double") if first_code else None,
        inputs=["x"] if first_code else [],
        outputs=["y"] if first_code else [],
        steps=steps,
    )
    builder.block("next", {"x": PAIR}, give(("z", PAIR)), code=code("double"), inputs=["x"], outputs=["z"])
    return builder.build()


def test_two_codes_are_not_merged() -> None:
    assert_unchanged("merge-chains", chain(first_code=True, steps=[], passes="y"))


def test_code_that_reads_a_step_is_not_moved_before_it() -> None:
    builder = one_input()
    builder.block("entry", {"x": PAIR}, Jump(edge("next", "x", "n")), steps=[Let("n", Size("x", 0))])
    builder.block(
        "next",
        {"x": PAIR, "n": INT},
        give(("z", PAIR)),
        code=code("add_number"),
        inputs=["x", "n"],
        outputs=["z"],
    )
    assert_unchanged("merge-chains", builder.build())


def test_a_block_with_two_ways_in_is_not_merged() -> None:
    program = early_exit().program
    assert_unchanged("merge-chains", program)
    assert_unchanged("merge-chains", skip_gates().program)


def test_a_loop_is_not_merged_into_its_entry() -> None:
    assert_unchanged("merge-chains", growing().program)


def test_reads_of_one_name_are_not_merged() -> None:
    """A read's name stands for a decision; two in one block would clash."""
    builder = one_input()
    read = Read("go", "t", "bool")
    builder.block(
        "entry",
        {"x": PAIR},
        Jump(edge("next", "x", "t", "go")),
        code=code("test"),
        inputs=["x"],
        outputs=["t"],
        steps=[read],
    )
    flag = code("test").outputs[0]
    builder.block("next", {"x": PAIR, "t": flag, "b": BOOL}, give(("go", BOOL), ("b", BOOL)), steps=[read])
    assert_unchanged("merge-chains", builder.build())


def test_merging_keeps_the_names_of_reads() -> None:
    """What the first block calls by the same name as the second's read makes the merge impossible; any other
    name of the second is replaced."""
    builder = one_input()
    builder.block(
        "entry",
        {"x": PAIR},
        Jump(edge("next", "x", "t", "n")),
        code=code("test"),
        inputs=["x"],
        outputs=["t"],
        steps=[Let("n", Size("x", 0))],
    )
    builder.block(
        "next",
        {"n": PAIR, "t": code("test").outputs[0], "x": INT},
        give(("n", PAIR), ("m", INT)),
        steps=[Read("go", "t", "bool"), Let("m", Apply("add", (Ref("go"), Ref("x"))))],
    )
    program = builder.build()
    expected = interpret(program, (POSITIVE,))
    run("merge-chains", program)
    assert list(program.blocks) == ["entry"]
    assert program.blocks["entry"].steps == [
        Let("n", Size("x", 0)),
        Read("go", "t", "bool"),
        Let("m", Apply("add", (Ref("go"), Ref("n")))),
    ]
    found = interpret(program, (POSITIVE,))
    assert found.outputs[1] == expected.outputs[1] == 3
    assert found.reads == expected.reads


def test_what_raises_is_not_folded() -> None:
    builder = one_input()
    crash = Apply("floordiv", (Const(1), Const(0)))
    builder.block("entry", {"x": PAIR}, Branch(crash, edge("end", "x"), edge("end", "x")))
    builder.block("end", {"x": PAIR}, give(("x", PAIR)))
    assert_unchanged("fold-branches", builder.build())
    assert_unchanged("propagate-constants", builder.build())


def test_large_tensors_are_not_computed() -> None:
    assert_unchanged("propagate-constants{max_bytes=7}", constant_tensors())
    program = constant_tensors()
    run("propagate-constants{max_bytes=8}", program)
    assert set(program.weights) == {"bias", "constant.zero", "constant.shifted"}


def test_random_numbers_are_not_constant() -> None:
    builder = one_input()
    builder.block(
        "entry",
        {"x": PAIR},
        give(("noise", PAIR)),
        code=make_code("noise", lambda: (torch.rand(2),), []),
        outputs=["noise"],
    )
    assert_unchanged("propagate-constants", builder.build())


def test_a_weight_that_is_there_already_is_used() -> None:
    program = constant_tensors()
    program.weights["nothing"] = torch.zeros(2)
    run("propagate-constants", program)
    assert program.blocks["entry"].weights == ["nothing", "constant.shifted"]
    program = constant_tensors()
    program.weights["minus"] = -torch.zeros(2)
    run("propagate-constants", program)
    assert program.blocks["entry"].weights == ["constant.zero", "constant.shifted"]


def test_values_that_differ_are_no_constants() -> None:
    """The same name for two numbers, and for two tensors: neither may be taken for the other."""
    builder = one_input()
    add_test(builder, edge("end", "x", Const(1)), edge("end", "x", Const(2)))
    builder.block("end", {"x": PAIR, "n": INT}, give(("x", PAIR), ("n", INT)))
    assert_unchanged("propagate-constants", builder.build())
    assert_unchanged("forward-copies", builder.build())


def test_equal_tensors_from_two_blocks_are_one_constant() -> None:
    builder = one_input()
    builder.weight("bias", torch.tensor([1.0, -1.0]))
    add_test(builder, edge("a", "x"), edge("b", "x"))
    for name in ("a", "b"):
        builder.block(
            name,
            {"x": PAIR},
            Jump(edge("end", "x", "zero")),
            code=code("start"),
            weights=["bias"],
            outputs=["zero", "shifted"],
        )
    builder.block("end", {"x": PAIR, "h": PAIR}, give(("y", PAIR)), code=code("mix"), inputs=["x", "h"], outputs=["y"])
    program = builder.build()
    run("propagate-constants", program)
    assert program.blocks["end"].inputs == ["x"]
    assert program.blocks["end"].weights == ["constant.zero"]


def test_a_size_that_varies_is_no_constant() -> None:
    state = tensor("n", 4)
    builder = ProgramBuilder("net", {"x": state})
    builder.block("entry", {"x": state}, give((Size("x", 0), INT), (Size("x", 1), INT)))
    program = builder.build()
    run("propagate-constants", program)
    assert program.blocks["entry"].terminator.outputs == (Size("x", 0), Const(4))  # type: ignore[union-attr]


def test_entry_parameters_are_never_dropped_or_taken_for_each_other() -> None:
    builder = ProgramBuilder("net", {"x": PAIR, "y": PAIR})
    builder.block("entry", {"x": PAIR, "y": PAIR}, give(("x", PAIR)))
    assert_unchanged("remove-dead-values", builder.build())
    assert_unchanged("forward-copies", builder.build())


def test_a_read_that_a_test_needs_stays() -> None:
    assert_unchanged("remove-dead-values", skip_gates().program)


def test_variants_are_shared() -> None:
    """Three blocks need one output of a code of two: one variant serves all."""
    program = shared_variant()
    run("remove-dead-values", program)
    second, third = program.blocks["second"].code, program.blocks["third"].code
    assert second is third
    assert second is not None
    assert second.name == "two.out_0"
    assert program.blocks["entry"].code is second
    assert list(program.weights) == ["v"]
