"""Regions as one graph: control flow of every form computes what the blocks do."""

from __future__ import annotations

import contextlib
import math
import tempfile
from pathlib import Path
from random import Random

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptc.compiler.artifact import Contents, write_contents
from adaptc.compiler.backends.onnx.graphs.flow import DEEPEST
from adaptc.compiler.ir.host_types import environment
from adaptc.compiler.ir.interpret import interpret
from adaptc.compiler.ir.program import Program, Type
from adaptc.compiler.ir.verify import verify
from adaptc.compiler.plan.exactness import host_reasons
from adaptc.compiler.plan.partition import largest_regions
from adaptc.compiler.plan.region import with_ends
from adaptc.compiler.planned_executable import PlannedExecutable, _difference
from adaptc.compiler.probed import ProbedPlan
from adaptc.runtime import ArtifactError, LoopError, NetworkError, load
from adaptc.runtime.hostprogram import Apply, Branch, Const, Draw, Jump, Let, Read, Ref, Size, Switch

from ..ir.builder import INT, ProgramBuilder, edge, give, make_code, tensor
from ..passes.cases import PAIR, code
from ..passes.random_programs import Maker


def test_equal_numbers_are_not_apart() -> None:
    """Zeros of integers too: of several forms of a plan that with the largest difference is compared with PyTorch."""
    for dtype in (np.bool_, np.int64, np.float32):
        zeros = np.zeros(3, dtype)
        assert _difference(zeros, zeros) == 0
        assert 0 < _difference(zeros, zeros + np.ones(3, dtype)) < math.inf
    assert _difference(np.array([1.0, math.nan]), np.array([1.0, math.nan])) == 0
    assert _difference(np.array([1.0, math.nan]), np.array([1.0, 1.0])) == math.inf


CASES = [torch.tensor(pair) for pair in ([1.0, 2.0], [-1.0, -2.0], [0.0, 0.0], [0.4, -0.1])]


def written(program: Program, folder: Path) -> Contents:
    """The artifact of `program` in `folder`."""
    return write_contents(program, folder, {})


def assert_runs_alike(program: Program, folder: Path, cases: list[torch.Tensor]) -> Contents:
    """The planned artifact gives what the program means, and its probed graphs go the ways of its blocks."""
    contents = written(program, folder)
    with load(folder) as planned, load(folder, by_block=True) as blocks:
        plan = ProbedPlan(planned, contents, folder)
        probed = PlannedExecutable(blocks, plan)
        for case in cases:
            outcome = interpret(program, (case,))
            if outcome.raises:
                with pytest.raises(NetworkError) as caught:
                    planned(case.numpy())
                assert caught.value.exception == outcome.raises
                assert probed.run_forced((case.numpy(),), {}, {}).raises == outcome.raises
                continue
            block, outputs = planned._host(*planned.flat_inputs((case.numpy(),), {}))
            assert block >= 0
            for found, expected in zip(outputs, outcome.outputs, strict=True):
                assert type(found) is (np.ndarray if isinstance(expected, torch.Tensor) else type(expected))
                np.testing.assert_allclose(found, np.asarray(expected), rtol=1e-6)
            trace = probed.run_forced((case.numpy(),), {}, {})
            forced = {}
            for name, value in trace.reads:
                forced.setdefault(name, []).append(value)
            assert probed.run_forced((case.numpy(),), {}, forced).path == trace.path
        probed.finish()
        plan.close()
    return contents


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_random_programs(rng: Random) -> None:
    program = Maker(rng).program()
    verify(program)
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(ArtifactError):  # a loop with two entries
        assert_runs_alike(program, Path(folder), CASES)


def one_input() -> ProgramBuilder:
    builder = ProgramBuilder("net", {"x": PAIR}, entry="b0")
    builder.weight("w", torch.tensor([0.5, 2.0]))
    return builder


def decide(builder: ProgramBuilder, name: str, then: str, orelse: str, params: dict[str, Type], *passed: str) -> None:
    """A block that tests whether x is positive in sum, and goes on with `passed`."""
    builder.block(
        name,
        params,
        Branch(Ref(f"r_{name}"), edge(then, *passed), edge(orelse, *passed)),
        code=code("test"),
        inputs=["x"],
        outputs=["t"],
        steps=[Read(f"r_{name}", "t", "bool", "model.py:1")],
    )


def early_exits(count: int) -> Program:
    """As many exits in a row, each with a number of its own."""
    builder = one_input()
    for number in range(count):
        test = [Read(f"r{number}", "t", "bool", f"model.py:{number}")]
        builder.block(
            f"b{number}",
            {"x": PAIR},
            Branch(Ref(f"r{number}"), edge(f"e{number}", "y"), edge(f"b{number + 1}", "y")),
            code=code("test_and_double"),
            inputs=["x"],
            outputs=["t", "y"],
            steps=test,
        )
        builder.block(f"e{number}", {"y": PAIR}, give(("y", PAIR), (Const(number), INT)))
    builder.block(f"b{count}", {"x": PAIR}, give(("x", PAIR), (Const(-1), INT)))
    return builder.build()


def depth(graph: ir.Graph) -> int:
    """How deep graphs nest."""
    inner = (a.as_graph() for node in graph for a in node.attributes.values() if a.type == ir.AttributeType.GRAPH)
    return max((1 + depth(each) for each in inner), default=0)


def test_a_hundred_exits_nest_no_deeper_than_protobuf_reads(tmp_path: Path) -> None:
    contents = assert_runs_alike(early_exits(100), tmp_path, [CASES[0], CASES[1], torch.tensor([-1e-38, 1e-39])])
    (unit,) = contents.planned.units
    model = ir.load(tmp_path / unit.file)
    assert 8 < depth(model.graph) <= DEEPEST
    onnx.checker.check_model(str(tmp_path / unit.file), full_check=True)
    assert contents.planned.parts[0].regions[0].exits == {"e0.end": (0, 1)}


@pytest.mark.parametrize("value", [-2.0, 0.0, 3.0, 7.0, 8.0, 40.0])
def test_a_switch(value: float, tmp_path: Path) -> None:
    builder = one_input()
    keys = (-2, 3, 7, 8, 11)
    builder.block(
        "b0",
        {"x": PAIR},
        Switch(
            Apply("sub", (Ref("n"), Const(0))),
            keys,
            tuple(
                edge(f"c{key}" if key != 11 else "meet", *(["x"] if key != 11 else ["x", Const(11)])) for key in keys
            ),
            edge("other", "x"),
            "model.py:2",
        ),
        code=code("largest"),
        inputs=["x"],
        outputs=["m"],
        steps=[Read("n", "m", "int", "model.py:1")],
    )
    for key in keys[:-1]:
        builder.block(
            f"c{key}",
            {"x": PAIR},
            Jump(edge("meet", "y", Const(key))),
            code=code("double"),
            inputs=["x"],
            outputs=["y"],
        )
    builder.block(
        "other",
        {"x": PAIR},
        Jump(edge("meet", "y", Const(0))),
        code=code("scale"),
        inputs=["x"],
        weights=["w"],
        outputs=["y"],
    )
    builder.block("meet", {"x": PAIR, "k": INT}, give(("x", PAIR), ("k", INT)))
    contents = assert_runs_alike(builder.build(), tmp_path, [torch.tensor([value, -100.0])])
    assert len(contents.planned.units) == 1


NUMBERS = [(7, 2), (-7, 2), (0, 5), (-1, 1 << 30), (2**40, 3)]
EXPRESSIONS = {
    "floordiv": Apply("floordiv", (Ref("a"), Const(3))),
    "mod": Apply("mod", (Ref("a"), Const(3))),
    "truediv": Apply("truediv", (Ref("a"), Const(4))),
    "min": Apply("min", (Ref("a"), Ref("b"))),
    "max": Apply("max", (Ref("f"), Apply("float", (Ref("a"),)))),
    "and": Apply("and", (Ref("a"), Ref("b"))),
    "or": Apply("or", (Ref("a"), Ref("b"))),
    "select": Apply("select", (Apply("lt", (Ref("a"), Ref("b"))), Ref("a"), Ref("b"))),
    "neg": Apply("neg", (Apply("lt", (Ref("a"), Ref("b"))),)),
    "abs": Apply("abs", (Ref("a"),)),
    "bitand": Apply("bitand", (Ref("a"), Ref("b"))),
    "bitxor": Apply("bitxor", (Apply("lt", (Ref("a"), Ref("b"))), Apply("ge", (Ref("a"), Ref("b"))))),
    "mul": Apply("mul", (Ref("a"), Const(-5))),
    "compare": Apply("gt", (Ref("f"), Ref("a"))),
    "not": Apply("not", (Ref("a"),)),
    "ne": Apply("ne", (Ref("a"), Ref("b"))),
    "size": Apply("add", (Size("x", 0), Ref("a"))),
    "float": Apply("float", (Ref("a"),)),
    "int": Apply("int", (Apply("lt", (Ref("a"), Ref("b"))),)),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_host_expressions_are_pythons(name: str, tmp_path: Path) -> None:
    expr = EXPRESSIONS[name]
    builder = ProgramBuilder("net", {"x": PAIR, "n": tensor(2, dtype=torch.int64)}, entry="b0")
    ints = tensor(2, dtype=torch.int64)
    split = make_code("split", lambda x, n: (x[0], n[0], n[1], x.sum() > 0), (PAIR, ints), [])
    builder.block(
        "b0",
        {"x": PAIR, "n": ints},
        Branch(Ref("t"), edge("yes", "x", "v"), edge("no", "x", "v")),
        code=split,
        inputs=["x", "n"],
        outputs=["x0", "n0", "n1", "test"],
        steps=[
            Read("f", "x0", "float", "model.py:1"),
            Read("a", "n0", "int", "model.py:1"),
            Read("b", "n1", "int", "model.py:1"),
            Read("t", "test", "bool", "model.py:1"),
            Let("v", expr),
        ],
    )
    kind = environment(builder.blocks["b0"])["v"]
    builder.block(
        "yes", {"x": PAIR, "v": kind}, Jump(edge("end", "y", "v")), code=code("double"), inputs=["x"], outputs=["y"]
    )
    builder.block("no", {"x": PAIR, "v": kind}, Jump(edge("end", "x", "v")))
    builder.block("end", {"y": PAIR, "v": kind}, give(("y", PAIR), ("v", kind)))
    program = builder.build()
    assert not host_reasons(with_ends(program))
    contents = written(program, tmp_path)
    assert len(contents.planned.units) == 1
    executable = load(tmp_path)
    for numbers in NUMBERS:
        for first in (0.5, -3.25, float("nan"), 0.0):
            x, n = torch.tensor([first, 1.0]), torch.tensor(numbers)
            _, expected = interpret(program, (x, n)).outputs
            _, found = executable(x.numpy(), n.numpy())
            assert type(found) is type(expected)
            assert found == expected or (found != found and expected != expected)


def test_what_only_python_does_right_stays_with_the_host(tmp_path: Path) -> None:
    for function, args, reason in (
        ("pow", (Ref("n"), Const(2)), "'pow'"),
        ("truediv", (Const(1), Ref("n")), "'truediv'"),
        ("mul", (Ref("n"), Ref("n")), "'mul'"),
        ("floor", (Ref("f"),), "'floor'"),
    ):
        builder = one_input()
        steps = [
            Read("n", "m", "int", "model.py:1"),
            Let("f", Apply("truediv", (Ref("n"), Const(3)))),
            Let("k", Apply(function, args)),
        ]
        builder.block(
            "b0", {"x": PAIR}, Jump(edge("b1", "x")), code=code("largest"), inputs=["x"], outputs=["m"], steps=steps
        )
        builder.block("b1", {"x": PAIR}, give(("x", PAIR)))
        assert reason in host_reasons(with_ends(builder.build()))["b0"]


def test_random_numbers_part_regions(tmp_path: Path) -> None:
    builder = one_input()
    decide(builder, "b0", "b1", "b1", {"x": PAIR}, "x")
    builder.block(
        "b1",
        {"x": PAIR},
        Jump(edge("b2", "x", "noise")),
        steps=[Draw("noise", "normal", (Const(2),), "float32", (), "model.py:2")],
    )
    builder.block(
        "b2", {"x": PAIR, "n": PAIR}, Jump(edge("b3", "y")), code=code("mix"), inputs=["x", "n"], outputs=["y"]
    )
    decide(builder, "b3", "b4", "b5", {"x": PAIR}, "x")
    builder.block("b4", {"x": PAIR}, Jump(edge("b5", "y")), code=code("double"), inputs=["x"], outputs=["y"])
    builder.block("b5", {"x": PAIR}, give(("x", PAIR)))
    program = builder.build()
    program.seed = 3
    regions = [sorted(region.blocks) for region in largest_regions(with_ends(program))]
    assert regions == [["b0"], ["b2", "b3", "b4"]]
    written(program, tmp_path)
    with load(tmp_path) as planned, load(tmp_path, by_block=True) as blocks:
        for case in CASES:
            np.testing.assert_array_equal(planned(case.numpy()), blocks(case.numpy()))


def test_a_loop_hands_on_only_what_changes(tmp_path: Path) -> None:
    builder = one_input()
    builder.block("b0", {"x": PAIR}, Jump(edge("loop", "x", "x", Const(0))))
    builder.block(
        "loop",
        {"x": PAIR, "kept": PAIR, "i": INT},
        Branch(Apply("lt", (Ref("i"), Const(5))), edge("body", "x", "kept", "i"), edge("end", "x", "kept", "i")),
    )
    builder.block(
        "body",
        {"x": PAIR, "kept": PAIR, "i": INT},
        Jump(edge("loop", "y", "kept", Apply("add", (Ref("i"), Const(1))))),
        code=code("mix"),
        inputs=["x", "kept"],
        outputs=["y"],
    )
    builder.block("end", {"x": PAIR, "kept": PAIR, "i": INT}, give(("x", PAIR), ("kept", PAIR), ("i", INT)))
    contents = assert_runs_alike(builder.build(), tmp_path, CASES)
    (unit,) = contents.planned.units
    (loop,) = (node for node in ir.load(tmp_path / unit.file).graph if node.op_type == "Loop")
    assert len(loop.outputs) == 2
    assert contents.planned.parts[0].regions[0].exits["end"][1] == "x"


def test_a_weight_of_several_arms_stands_around_them(tmp_path: Path) -> None:
    builder = one_input()
    decide(builder, "b0", "yes", "no", {"x": PAIR}, "x")
    for name in ("yes", "no"):
        builder.block(
            name, {"x": PAIR}, Jump(edge("end", "y")), code=code("scale"), inputs=["x"], weights=["w"], outputs=["y"]
        )
    builder.block("end", {"x": PAIR}, give(("x", PAIR)))
    contents = assert_runs_alike(builder.build(), tmp_path, CASES)
    (unit,) = contents.planned.units
    assert unit.weights == ("w",)
    weights = [value.shape for value in ir.load(tmp_path / unit.file).graph.initializers.values()]
    assert weights.count(ir.Shape([2])) == 1


def test_a_decision_by_a_weight(tmp_path: Path) -> None:
    """Such as the first test of a loop that was moved to behind each iteration, where the values before are known."""
    builder = one_input()
    builder.weight("go", torch.tensor(True))
    builder.block(
        "b0",
        {"x": PAIR},
        Branch(Ref("r0"), edge("yes", "x"), edge("end", "x")),
        code=make_code("hand_on", lambda go: (go.clone(),), [], [tensor(dtype=torch.bool)]),
        weights=["go"],
        outputs=["t"],
        steps=[Read("r0", "t", "bool", "model.py:1")],
    )
    builder.block("yes", {"x": PAIR}, Jump(edge("end", "y")), code=code("double"), inputs=["x"], outputs=["y"])
    builder.block("end", {"x": PAIR}, give(("x", PAIR)))
    assert_runs_alike(builder.build(), tmp_path, CASES)


def test_a_limit_of_iterations_runs_block_by_block(tmp_path: Path) -> None:
    builder = one_input()
    builder.block("b0", {"x": PAIR}, Branch(Const(True), edge("b0b", "x"), edge("b0b", "x")))
    builder.block("b0b", {"x": PAIR}, Jump(edge("b0b", "y")), code=code("double"), inputs=["x"], outputs=["y"])
    program = builder.build()
    written(program, tmp_path)
    with load(tmp_path, max_iterations=10) as executable, pytest.raises(LoopError):
        executable(CASES[0].numpy())
