"""Small programs for the passes that move code and decisions, with inputs that take every branch."""

from __future__ import annotations

import torch

from adaptc.compiler.ir.program import Program
from adaptc.runtime.hostprogram import Apply, Branch, Const, Edge, Jump, Let, Read, Ref, Size, Switch

from ..ir.builder import BOOL, INT, ProgramBuilder, edge, give, make_code, tensor
from .cases import PAIR, Case, code, one_input

FLAG = tensor(dtype=torch.bool)
SQUARE = tensor(16, 16)


def entry_test(builder: ProgramBuilder, then: Edge, orelse: Edge, *steps: Let) -> None:
    """An entry block that goes where its input's sign says."""
    builder.block(
        "entry",
        {"x": PAIR},
        Branch(Ref("go"), then, orelse, "model.py:1"),
        code=code("test_and_double"),
        inputs=["x"],
        outputs=["t", "y"],
        steps=[Read("go", "t", "bool", "model.py:1"), *steps],
    )


def doubling(builder: ProgramBuilder, name: str, after: Edge) -> None:
    """A block that doubles its parameter x to y."""
    builder.block(name, {"x": PAIR}, Jump(after), code=code("double"), inputs=["x"], outputs=["y"])


def code_after_code() -> Program:
    """Two blocks with code, a read and arithmetic between them."""
    builder = one_input()
    builder.block(
        "entry",
        {"x": PAIR},
        Jump(edge("next", "y", "x", Apply("not", (Ref("positive"),)))),
        code=code("test_and_double"),
        inputs=["x"],
        outputs=["flag", "y"],
        steps=[Read("positive", "flag", "bool", "model.py:2")],
    )
    builder.block(
        "next",
        {"v": PAIR, "u": PAIR, "b": BOOL},
        give(("y", PAIR), ("b", BOOL), ("m", INT)),
        code=code("mix"),
        inputs=["v", "u"],
        outputs=["y"],
        steps=[Let("m", Apply("int", (Ref("b"),)), "model.py:3")],
    )
    return builder.build()


def known_counter() -> Program:
    """A test of a number that one of the ways to it passes as a constant."""
    builder = one_input()
    entry_test(builder, edge("test", "x", Const(0)), edge("count", "x"))
    builder.block("count", {"x": PAIR}, Jump(edge("test", "x", "n")), steps=[Let("n", Apply("int", (Const(3.5),)))])
    builder.block(
        "test",
        {"x": PAIR, "n": INT},
        Branch(Ref("large"), edge("double", "x"), edge("end", "x", "n")),
        steps=[Let("large", Apply("gt", (Ref("n"), Const(2))))],
    )
    doubling(builder, "double", edge("end", "y", Const(9)))
    builder.block("end", {"x": PAIR, "n": INT}, give(("x", PAIR), ("n", INT)))
    return builder.build()


def asked_again() -> Program:
    """The same number is tested before and after a layer; the second test stands behind code and a read."""
    builder = one_input()
    entry_test(builder, edge("layer", "x", "go"), edge("gate", "x", "go"))
    builder.block(
        "layer", {"x": PAIR, "b": BOOL}, Jump(edge("gate", "y", "b")), code=code("double"), inputs=["x"], outputs=["y"]
    )
    builder.block(
        "gate",
        {"x": PAIR, "b": BOOL},
        Branch(Apply("eq", (Ref("b"), Const(1))), edge("end", "x", "again"), edge("double", "x")),
        code=code("test"),
        inputs=["x"],
        outputs=["t"],
        steps=[Read("again", "t", "bool", "model.py:3")],
    )
    doubling(builder, "double", edge("end", "y", Const(False)))
    builder.block("end", {"x": PAIR, "b": BOOL}, give(("x", PAIR), ("b", BOOL)))
    return builder.build()


def counting_arms() -> Program:
    """Both arms pass the same tensor and different numbers, one of them by way of a block of arithmetic."""
    builder = one_input()
    entry_test(builder, edge("count", "y", Const(4)), edge("end", "y", Const(0), "go"))
    builder.block(
        "count",
        {"y": PAIR, "n": INT},
        Jump(edge("end", "y", "more", Const(False))),
        steps=[Let("more", Apply("add", (Ref("n"), Const(1))))],
    )
    builder.block("end", {"y": PAIR, "n": INT, "b": BOOL}, give(("y", PAIR), ("n", INT), ("b", BOOL)))
    return builder.build()


def counting_switch() -> Program:
    """A switch that only chooses a number."""
    builder = one_input()
    chosen = Let("k", Apply("int", (Ref("go"),)))
    entry_test(builder, edge("choose", "y", "k"), edge("choose", "x", "k"), chosen)
    cases = (edge("end", "x", Const(5)), edge("end", "x", Const(6)))
    builder.block("choose", {"x": PAIR, "k": INT}, Switch(Ref("k"), (1, 7), cases, edge("end", "x", "k")))
    builder.block("end", {"x": PAIR, "n": INT}, give(("x", PAIR), ("n", INT)))
    return builder.build()


def two_tests() -> Program:
    """A counter that is raised, and tested, on one way only; both ways go on alike."""
    builder = one_input()
    entry_test(builder, edge("test", "y", Const(1)), edge("go_on", "y", Const(0)))
    builder.block(
        "test",
        {"y": PAIR, "n": INT},
        Branch(Apply("ge", (Ref("n"), Apply("neg", (Ref("n"),)))), edge("leave", "y"), edge("go_on", "y", "n")),
    )
    builder.block("leave", {"x": PAIR}, give(("x", PAIR), (Const(-1), INT)))
    doubling(builder, "go_on", edge("leave", "y"))
    builder.blocks["go_on"].params.append(builder.blocks["test"].params[1])
    builder.blocks["go_on"].terminator = give(("y", PAIR), ("n", INT))
    return builder.build()


def equal_blocks() -> Program:
    """Two arms that do the same under other names, and lead to two ends that are the same too."""
    builder = one_input()
    entry_test(builder, edge("a", "x"), edge("b", "x"))
    doubling(builder, "a", edge("end_a", "y"))
    builder.block("b", {"u": PAIR}, Jump(edge("end_b", "v")), code=code("double"), inputs=["u"], outputs=["v"])
    for name in ("end_a", "end_b"):
        builder.block(name, {name: PAIR}, give((name, PAIR), ("n", INT)), steps=[Let("n", Const(3))])
    return builder.build()


def gate_after_a_skipped_layer() -> Program:
    """The second gate stands where the layer and the way past it meet."""
    builder = one_input()
    entry_test(builder, edge("layer", "x"), edge("gate", "x"))
    doubling(builder, "layer", edge("gate", "y"))
    builder.block(
        "gate",
        {"u": PAIR},
        Branch(Ref("again"), edge("last", "u"), edge("end", "u")),
        code=code("test"),
        inputs=["u"],
        outputs=["t"],
        steps=[Read("again", "t", "bool", "model.py:2")],
    )
    doubling(builder, "last", edge("end", "y"))
    builder.block("end", {"x": PAIR}, give(("x", PAIR)))
    return builder.build()


def policy() -> Program:
    """All decisions come from one tensor; the second gate takes its element out of it."""
    flags = tensor(2, dtype=torch.bool)
    builder = one_input()
    builder.block(
        "entry",
        {"x": PAIR},
        Branch(Ref("go"), edge("layer", "x", "flags"), edge("gate", "x", "flags")),
        code=make_code("decide", lambda x: (x > 0, (x > 0)[0]), [PAIR]),
        inputs=["x"],
        outputs=["flags", "t"],
        steps=[Read("go", "t", "bool", "model.py:1")],
    )
    builder.block(
        "layer",
        {"x": PAIR, "f": flags},
        Jump(edge("gate", "y", "f")),
        code=code("double"),
        inputs=["x"],
        outputs=["y"],
    )
    builder.block(
        "gate",
        {"x": PAIR, "f": flags},
        Branch(Ref("again"), edge("end", "y"), edge("end", "x")),
        code=make_code("second", lambda x, f: (f[1], x + 1), [PAIR, flags]),
        inputs=["x", "f"],
        outputs=["t", "y"],
        steps=[Read("again", "t", "bool", "model.py:2")],
    )
    builder.block("end", {"x": PAIR}, give(("x", PAIR)))
    return builder.build()


def invariant() -> Program:
    """Each iteration multiplies the same two matrices."""
    builder = ProgramBuilder("net", {"x": SQUARE})
    builder.weight("w", torch.eye(16) * 0.5)
    builder.block("entry", {"x": SQUARE}, Jump(edge("loop", "x", "x", Const(0))))
    builder.block(
        "loop",
        {"h": SQUARE, "x": SQUARE, "i": INT},
        Branch(
            Apply("lt", (Ref("i"), Const(2))),
            edge("loop", "next", "x", Apply("add", (Ref("i"), Const(1)))),
            edge("end", "next"),
        ),
        code=make_code("step", lambda h, x, w: (h + torch.tanh(x @ w),), [SQUARE, SQUARE], [SQUARE]),
        inputs=["h", "x"],
        weights=["w"],
        outputs=["next"],
    )
    builder.block("end", {"h": SQUARE}, give(("h", SQUARE)))
    return builder.build()


def counting_loop() -> Program:
    """A loop whose header only asks whether there is another row."""
    builder = one_input()
    builder.block("entry", {"x": PAIR}, Jump(edge("head", "x", Const(0), Size("x", 0))))
    builder.block(
        "head",
        {"h": PAIR, "i": INT, "n": INT},
        Branch(Apply("lt", (Ref("i"), Ref("n"))), edge("body", "h", "i", "n"), edge("end", "h", "i"), "model.py:3"),
    )
    builder.block(
        "body",
        {"h": PAIR, "i": INT, "n": INT},
        Jump(edge("head", "y", Apply("add", (Ref("i"), Const(1))), "n")),
        code=code("double"),
        inputs=["h"],
        outputs=["y"],
    )
    builder.block("end", {"h": PAIR, "i": INT}, give(("h", PAIR), ("i", INT)))
    return builder.build()


def reading_loop() -> Program:
    """A loop whose header reads whether to go on."""
    builder = one_input()
    builder.block("entry", {"x": PAIR}, Jump(edge("head", "x")))
    builder.block(
        "head",
        {"x": PAIR},
        Branch(Ref("go"), edge("body", "y"), edge("end", "x"), "model.py:2"),
        code=code("test_and_double"),
        inputs=["x"],
        outputs=["t", "y"],
        steps=[Read("go", "t", "bool", "model.py:2")],
    )
    less = make_code("decrease", lambda x: (x - 3,), [PAIR])
    builder.block("body", {"x": PAIR}, Jump(edge("head", "y")), code=less, inputs=["x"], outputs=["y"])
    builder.block("end", {"x": PAIR}, give(("x", PAIR)))
    return builder.build()


FLOW_CASES: dict[str, Case] = {
    "fuse_code_after_code": Case("fuse-chains", code_after_code),
    "thread_known_counter": Case("thread-jumps", known_counter),
    "thread_test_again": Case("thread-jumps", asked_again),
    "select_counting_arms": Case("select-cheap-branch", counting_arms),
    "select_counting_switch": Case("select-cheap-branch", counting_switch),
    "combine_two_tests": Case("combine-branches", two_tests),
    "merge_equal_blocks": Case("merge-equal-blocks", equal_blocks),
    "duplicate_gate": Case("duplicate-tails", gate_after_a_skipped_layer),
    "decide_policy": Case("decide-early", policy, ((torch.tensor([1.0, -1.0]),), (torch.tensor([-1.0, 1.0]),))),
    "rotate_counting": Case("rotate-loops", counting_loop),
    "rotate_reading": Case("rotate-loops", reading_loop),
    "hoist_product": Case("hoist-loop-invariants", invariant, ((torch.ones(16, 16),),)),
}
