"""One small program for each thing that a pass does, with inputs that take every branch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from adaptc.compiler.ir.program import Code, Program, Type
from adaptc.runtime.hostprogram import Apply, Branch, Const, Jump, Let, Raise, Read, Ref, Size, Switch

from ..ir.builder import BOOL, INT, ProgramBuilder, edge, give, make_code, tensor

PAIR = tensor(2)
POSITIVE, NEGATIVE = torch.tensor([1.0, 2.0]), torch.tensor([-1.0, -2.0])


@functools.cache
def code(name: str) -> Code:
    """Code by name, exported once: nobody edits code."""
    functions: dict[str, tuple[Callable[..., tuple[Tensor, ...]], tuple[Type, ...], int]] = {
        "double": (lambda x: (x * 2,), (PAIR,), 0),
        "test": (lambda x: (x.sum() > 0,), (PAIR,), 0),
        "test_and_double": (lambda x: (x.sum() > 0, x * 2), (PAIR,), 0),
        "scale": (lambda x, w: (x * w,), (PAIR,), 1),
        "two": (lambda x, y, v, w: (x + v, y * w), (PAIR, PAIR), 2),
        "copies": (lambda x: (x, (y := x.exp()), y), (PAIR,), 0),
        "start": (lambda w: (torch.zeros(2), w + 1), (), 1),
        "is_large": (lambda w: (w.sum() > 1,), (), 1),
        "add_number": (lambda x, n: (x + n,), (PAIR, INT), 0),
        "mix": (lambda x, h: (x - h,), (PAIR, PAIR), 0),
        "largest": (lambda x: (x.max().to(torch.int64),), (PAIR,), 0),
    }
    function, inputs, weights = functions[name]
    return make_code(name, function, inputs, [PAIR] * weights)


@dataclass(frozen=True)
class Case:
    """A program to run `passes` on, and input sets."""

    passes: str
    build: Callable[[], Program]
    inputs: tuple[tuple[Tensor, ...], ...] = ((POSITIVE,), (NEGATIVE,))


def one_input() -> ProgramBuilder:
    return ProgramBuilder("net", {"x": PAIR})


def skip_gate() -> Program:
    """One arm does nothing."""
    builder = one_input()
    builder.block(
        "entry",
        {"x": PAIR},
        Branch(Ref("go"), edge("layer", "x"), edge("skip", "x")),
        code=code("test"),
        inputs=["x"],
        outputs=["t"],
        steps=[Read("go", "t", "bool", "model.py:1")],
    )
    builder.block("layer", {"x": PAIR}, Jump(edge("join", "y")), code=code("double"), inputs=["x"], outputs=["y"])
    builder.block("skip", {"a": PAIR}, Jump(edge("join", "a")))
    builder.block("join", {"b": PAIR}, give(("b", PAIR)))
    return builder.build()


def equal_arms() -> Program:
    """Both arms do nothing; the read stays, as only remove-dead-values knows that nothing needs it."""
    program = skip_gate()
    program.blocks["layer"] = program.blocks.pop("skip")
    program.blocks["layer"].name = "layer"
    program.blocks["entry"].terminator = Branch(Ref("go"), edge("layer", "x"), edge("join", "x"))
    return program


def partly_equal_switch() -> Program:
    """One case of a switch does what the default does."""
    builder = one_input()
    builder.block("entry", {"x": PAIR}, Jump(edge("choose", "x", Size("x", 0))))
    builder.block(
        "choose",
        {"x": PAIR, "n": INT},
        Switch(Ref("n"), (1, 2), (edge("end", "x"), edge("layer", "x")), edge("end", "x")),
    )
    builder.block("layer", {"x": PAIR}, Jump(edge("end", "y")), code=code("double"), inputs=["x"], outputs=["y"])
    builder.block("end", {"x": PAIR}, give(("x", PAIR)))
    return builder.build()


def host_after_code() -> Program:
    """A block of host arithmetic after the only block that leads to it; both call something y."""
    builder = one_input()
    builder.block("entry", {"x": PAIR}, Jump(edge("work", "x", Const(1))))
    builder.block(
        "work",
        {"x": PAIR, "i": INT},
        Jump(edge("test", "y", Apply("add", (Ref("i"), Const(1))), Const(3))),
        code=code("test_and_double"),
        inputs=["x"],
        outputs=["flag", "y"],
        steps=[Read("positive", "flag", "bool", "model.py:2")],
    )
    builder.block(
        "test",
        {"v": PAIR, "n": INT, "m": INT},
        Branch(Apply("gt", (Ref("y"), Ref("m"))), edge("big", "v", "n"), edge("small", "v", "y")),
        steps=[Let("y", Apply("mul", (Ref("n"), Ref("n"))), "model.py:3")],
    )
    builder.block("big", {"v": PAIR, "n": INT}, give(("v", PAIR), ("n", INT)))
    builder.block("small", {"v": PAIR, "n": INT}, give(("v", PAIR), ("n", INT)))
    return builder.build()


def code_after_host() -> Program:
    """The entry only jumps; the code after it reads the entry's own parameter."""
    builder = one_input()
    builder.block(
        "entry",
        {"x": PAIR},
        Jump(edge("work", "x", "rows")),
        steps=[Let("rows", Size("x", 0), "model.py:1")],
    )
    builder.block(
        "work",
        {"v": PAIR, "n": INT},
        give(("y", PAIR), ("n", INT)),
        code=code("double"),
        inputs=["v"],
        outputs=["y"],
        line=2,
    )
    return builder.build()


def dead_around_a_loop() -> Program:
    """A counter and a tensor that only feed themselves, in a loop that another value ends."""
    builder = one_input()
    builder.weight("v", torch.tensor([0.5, 0.5]))
    builder.weight("w", torch.tensor([3.0, 3.0]))
    builder.block("entry", {"x": PAIR}, Jump(edge("loop", "x", "x", Const(0), Const(0))))
    builder.block(
        "loop",
        {"x": PAIR, "dead": PAIR, "i": INT, "count": INT},
        Branch(
            Apply("lt", (Ref("i"), Const(3))),
            edge(
                "loop",
                "x2",
                "dead2",
                Apply("add", (Ref("i"), Const(1))),
                Apply("sub", (Ref("count"), Const(2))),
            ),
            edge("end", "x2", "dead2"),
        ),
        code=code("two"),
        inputs=["x", "dead"],
        weights=["v", "w"],
        outputs=["x2", "dead2"],
    )
    builder.block("end", {"x": PAIR, "dead": PAIR}, give(("x", PAIR)))
    return builder.build()


def shared_variant() -> Program:
    """Three blocks share a code; two of them need one output of it and get the same variant."""
    builder = one_input()
    builder.weight("v", torch.tensor([0.5, 0.5]))
    builder.weight("w", torch.tensor([3.0, 3.0]))
    for name, after in (("entry", "second"), ("second", "third")):
        first, second = ("x", "x") if name == "entry" else ("p", "q")
        params = {"x": PAIR} if name == "entry" else {"p": PAIR, "q": PAIR}
        builder.block(
            name,
            params,
            Jump(edge(after, "a", "b")) if name == "entry" else Jump(edge(after, "a", "a")),
            code=code("two"),
            inputs=[first, second],
            weights=["v", "w"],
            outputs=["a", "b"],
        )
    builder.block(
        "third",
        {"p": PAIR, "q": PAIR},
        give(("a", PAIR)),
        code=code("two"),
        inputs=["p", "q"],
        weights=["v", "w"],
        outputs=["a", "b"],
    )
    return builder.build()


def dead_steps() -> Program:
    """A read, which stays, and arithmetic on it that no test and no result needs."""
    builder = one_input()
    builder.block(
        "entry",
        {"x": PAIR},
        give(("y", PAIR)),
        code=code("test_and_double"),
        inputs=["x"],
        outputs=["flag", "y"],
        steps=[
            Read("positive", "flag", "bool", "model.py:1"),
            Let("number", Apply("int", (Ref("positive"),)), "model.py:2"),
        ],
    )
    return builder.build()


def orphans() -> Program:
    """Two blocks that only lead to each other and to the end."""
    builder = one_input()
    builder.block("entry", {"x": PAIR}, Jump(edge("end", "x")))
    builder.block("end", {"x": PAIR}, give(("x", PAIR)))
    builder.block("orphan", {"x": PAIR}, Branch(Const(True), edge("end", "x"), edge("other")))
    builder.block("other", {}, Raise("Lost", "", "model.py:9"))
    return builder.build()


def constant_numbers() -> Program:
    """A step size that is the same around a loop, a size that is known, a test that only goes one way."""
    builder = one_input()
    builder.block("entry", {"x": PAIR}, Jump(edge("loop", "x", Const(0), Const(2))))
    builder.block(
        "loop",
        {"x": PAIR, "i": INT, "step": INT},
        Branch(
            Apply("lt", (Ref("i"), Apply("mul", (Ref("step"), Size("x", 0))))),
            edge("body", "x", "i", "step"),
            edge("end", "x", "i", "step"),
        ),
    )
    builder.block(
        "body",
        {"x": PAIR, "i": INT, "step": INT},
        Branch(
            Apply("gt", (Ref("step"), Const(1))),
            edge("loop", "y", Apply("add", (Ref("i"), Ref("step"))), "step"),
            edge("loop", "y", "i", Const(7)),
        ),
        code=code("add_number"),
        inputs=["x", "step"],
        outputs=["y"],
    )
    builder.block("end", {"x": PAIR, "i": INT, "step": INT}, give(("x", PAIR), ("i", INT), ("step", INT)))
    return builder.build()


def constant_tensors() -> Program:
    """Code without inputs: what it computes becomes weights, also where it is passed on."""
    builder = one_input()
    builder.weight("bias", torch.tensor([1.0, -1.0]))
    builder.block(
        "entry",
        {"x": PAIR},
        Jump(edge("use", "x", "zero", "shifted")),
        code=code("start"),
        weights=["bias"],
        outputs=["zero", "shifted"],
    )
    builder.block(
        "use",
        {"x": PAIR, "h": PAIR, "s": PAIR},
        give(("y", PAIR), ("s", PAIR)),
        code=code("mix"),
        inputs=["x", "h"],
        outputs=["y"],
    )
    return builder.build()


def constant_read() -> Program:
    """A decision that depends on a parameter alone."""
    builder = one_input()
    builder.weight("scale", torch.tensor([3.0, 3.0]))
    builder.block(
        "entry",
        {"x": PAIR},
        Branch(Ref("large"), edge("layer", "x"), edge("end", "x", Const(False))),
        code=code("is_large"),
        weights=["scale"],
        outputs=["flag"],
        steps=[Read("large", "flag", "bool", "model.py:1")],
    )
    builder.block(
        "layer",
        {"x": PAIR},
        Jump(edge("end", "y", Const(True))),
        code=code("scale"),
        inputs=["x"],
        weights=["scale"],
        outputs=["y"],
    )
    builder.block("end", {"x": PAIR, "scaled": BOOL}, give(("x", PAIR), ("scaled", BOOL)))
    return builder.build()


def constant_tests() -> Program:
    """A branch and a switch on constants."""
    builder = one_input()
    builder.block(
        "entry",
        {"x": PAIR},
        Branch(Apply("gt", (Const(3), Const(2))), edge("choose", "x"), edge("never", "x")),
    )
    builder.block(
        "choose",
        {"x": PAIR},
        Switch(Const(5), (4, 5), (edge("never", "x"), edge("end", "x")), edge("never", "x")),
    )
    builder.block("never", {"x": PAIR}, Raise("Never", ""))
    builder.block("end", {"x": PAIR}, give(("x", PAIR)))
    return builder.build()


def copies() -> Program:
    """Outputs that repeat an input and each other, a renamed number, and twins around a loop."""
    builder = one_input()
    builder.block(
        "entry",
        {"x": PAIR},
        Jump(edge("loop", "same", "x", "y", "again", "n", Const(0))),
        code=code("copies"),
        inputs=["x"],
        outputs=["same", "y", "again"],
        steps=[Let("rows", Size("same", 0), "model.py:1"), Let("n", Ref("rows"), "model.py:2")],
    )
    builder.block(
        "loop",
        {"p": PAIR, "q": PAIR, "y": PAIR, "z": PAIR, "n": INT, "i": INT},
        Branch(
            Apply("lt", (Ref("i"), Ref("n"))),
            edge("loop", "s", "s", "z", "y", "n", Apply("add", (Ref("i"), Const(1)))),
            edge("end", "p", "q", "y", "z"),
        ),
        code=code("mix"),
        inputs=["p", "z"],
        outputs=["s"],
    )
    names = ("p", "q", "y", "z")
    builder.block("end", dict.fromkeys(names, PAIR), give(*((name, PAIR) for name in names)))
    return builder.build()


CASES: dict[str, Case] = {
    "bypass_skip_gate": Case("bypass-empty-blocks", skip_gate),
    "bypass_equal_arms": Case("bypass-empty-blocks", equal_arms),
    "bypass_switch": Case("bypass-empty-blocks", partly_equal_switch),
    "merge_host_after_code": Case("merge-chains", host_after_code),
    "merge_code_after_host": Case("merge-chains", code_after_host),
    "dead_loop": Case("remove-dead-values", dead_around_a_loop),
    "dead_shared_variant": Case("remove-dead-values", shared_variant),
    "dead_steps": Case("remove-dead-values", dead_steps),
    "unreachable": Case("remove-unreachable", orphans),
    "constant_numbers": Case("propagate-constants", constant_numbers),
    "constant_tensors": Case("propagate-constants", constant_tensors),
    "constant_read": Case("propagate-constants", constant_read),
    "fold_constant_tests": Case("fold-branches", constant_tests),
    "copies": Case("forward-copies", copies),
}
