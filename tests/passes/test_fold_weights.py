"""What fold-weights does for blocks that share code or weights, and what it leaves to be computed."""

from __future__ import annotations

import torch

from adaptc.compiler.ir.interpret import interpret
from adaptc.compiler.ir.program import Program, edges
from adaptc.passes import PassManager
from adaptc.passes.program.fold_weights import FoldWeights
from adaptc.runtime.hostprogram import Jump

from ..ir.builder import ProgramBuilder, edge, give, make_code, tensor
from .cases import PAIR, POSITIVE
from .rule_cases import ROWS, RuleCase

SCALED = make_code("scaled", lambda x, w, s: (x * (w * s),), [PAIR], [PAIR, PAIR])


def chain(weights: list[tuple[str, str]]) -> Program:
    """Blocks with the same code, one after the other, each with two of the weights a, b and c."""
    builder = ProgramBuilder("net", {"x": PAIR})
    for name, values in {"a": [1.0, 2.0], "b": [3.0, 4.0], "c": [5.0, 6.0]}.items():
        builder.weight(name, torch.tensor(values))
    for number, names in enumerate(weights):
        name = f"block{number}" if number else "entry"
        last = number + 1 == len(weights)
        end = give(("y", PAIR)) if last else Jump(edge(f"block{number + 1}", "y"))
        builder.block(name, {"x": PAIR}, end, code=SCALED, inputs=["x"], weights=names, outputs=["y"])
    return builder.build()


def test_each_block_has_its_own_weights() -> None:
    program = chain([("a", "b"), ("c", "b"), ("a", "b")])
    expected = interpret(program, (POSITIVE,)).outputs
    PassManager([FoldWeights()]).run(program)
    blocks = list(program.blocks.values())
    assert {id(block.code) for block in blocks} == {id(blocks[0].code)}
    assert [block.weights for block in blocks] == [["a.folded"], ["c.folded"], ["a.folded"]]
    assert {name: tensor.tolist() for name, tensor in program.weights.items()} == {
        "a.folded": [3.0, 8.0],
        "c.folded": [15.0, 24.0],
    }
    assert len(edges(blocks[0])) == 1
    assert torch.equal(interpret(program, (POSITIVE,)).outputs[0], expected[0])  # type: ignore[arg-type]


def test_weights_do_not_grow() -> None:
    """Nine products of three weights would be stored for the three: more than the limit allows."""
    every = [(left, right) for left in "abc" for right in "abc"]
    program = chain(every)
    (report,) = PassManager([FoldWeights(max_bytes=16)]).run(program)
    assert not report.changed
    (report,) = PassManager([FoldWeights(max_bytes=1024)]).run(program)
    assert report.changed


def test_a_large_result_of_a_small_weight() -> None:
    case = RuleCase("", lambda x, w: (x * w.repeat(2, 1), x + w), ROWS, [tensor(4)])
    (report,) = PassManager([FoldWeights(max_bytes=8)]).run(case.program())
    assert not report.changed
    (report,) = PassManager([FoldWeights(max_bytes=32)]).run(case.program())
    assert report.changed


def test_random_numbers_and_inputs_are_left_alone() -> None:
    case = RuleCase("", lambda x, w: (x * torch.rand_like(w), (x * w).exp()), ROWS, [tensor(4)])
    (report,) = PassManager([FoldWeights()]).run(case.program())
    assert not report.changed
