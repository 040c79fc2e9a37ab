"""Small programs for the passes that move code and decisions, with inputs that take every branch."""

from __future__ import annotations

from adaptc.compiler.ir.program import Program
from adaptc.runtime.hostprogram import Apply, Jump, Let, Read, Ref

from ..ir.builder import BOOL, INT, edge, give
from .cases import PAIR, Case, code, one_input


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


FLOW_CASES: dict[str, Case] = {
    "fuse_code_after_code": Case("fuse-chains", code_after_code),
}
