"""Codes that become one, and one that becomes two: what they compute, their types, and when they cannot."""

from __future__ import annotations

import pytest
import torch
from torch import fx
from torch._guards import detect_fake_mode

from adaptc.compiler.ir.program import Code
from adaptc.compiler.ir.verify_code import code_faults
from adaptc.passes.compose import Given, Result, compose, split
from adaptc.passes.fakes import NotComposable

from ..ir.builder import INT, make_code, tensor
from ..ir.programs import early_exit
from .cases import PAIR, code

ROWS = tensor("rows", 4)


def run(made: Code, *args: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return made.graph(*args)  # type: ignore[no-any-return]


def assert_one_mode(made: Code) -> None:
    """All fake tensors belong together, so that later stages can compute with them."""
    assert detect_fake_mode([node.meta["val"] for node in made.graph.graph.nodes if node.op != "output"])


def test_results_inputs_and_weights() -> None:
    program = early_exit().program
    made = compose(program, code("scale"), code("two"), (Result(0), Given(1)))
    x, y, s, v, w = (torch.randn(2) for _ in range(5))
    found = run(made, x, y, s, v, w)
    for ours, theirs in zip(found, (x * s, x * s + v, y * w), strict=True):
        assert torch.equal(ours, theirs)
    assert (made.name, made.inputs, made.weights) == ("scale.then.two", (PAIR, PAIR), (PAIR, PAIR, PAIR))
    assert list(code_faults(made)) == []
    assert_one_mode(made)


def test_equal_requests_give_the_same_code() -> None:
    program = early_exit().program
    shared = compose(program, code("double"), code("mix"), (Result(0), Given(0)))
    assert compose(program, code("double"), code("mix"), (Result(0), Given(0))) is shared
    other = compose(program, code("double"), code("mix"), (Given(0), Result(0)))
    assert other is not shared
    x = torch.randn(2)
    assert torch.equal(run(other, x)[1], x - x * 2)


def test_a_code_can_follow_itself() -> None:
    made = compose(early_exit().program, code("double"), code("double"), (Result(0),))
    x = torch.randn(2)
    assert torch.equal(run(made, x)[1], x * 4)


def test_a_name_gives_way_to_that_of_another_code() -> None:
    program = early_exit().program
    program.blocks["leave"].code = make_code("scale.then.double", lambda x: (x,), [tensor(1)])
    assert compose(program, code("scale"), code("double"), (Result(0),)).name == "scale.then.double.1"


def test_sizes_that_vary_keep_their_names() -> None:
    program = early_exit().program
    first = make_code("first", lambda x: (torch.cat([x, x]), x + 1), [ROWS])
    second = make_code("second", lambda x, y, n: (x + n, y.sum(0)), [tensor("n", 4), tensor("m", 4), INT])
    made = compose(program, first, second, (Result(1), Given(1), Given(2)))
    assert made.inputs == (ROWS, tensor("m", 4), INT)
    assert made.outputs == (tensor("2*rows", 4), ROWS, ROWS, tensor(4))
    assert list(code_faults(made)) == []
    assert_one_mode(made)
    x, y = torch.randn(3, 4), torch.randn(6, 4)
    assert torch.equal(run(made, x, y, torch.tensor(2))[2], x + 1 + 2)


def test_two_names_of_one_spelling_stay_two() -> None:
    second = make_code("second", lambda x, y: (x.sum() + y.sum(),), [ROWS, tensor("cols", 4)])
    made = compose(
        early_exit().program, make_code("first", lambda x: (x * 2,), [tensor("cols", 4)]), second, (Result(0), Given(1))
    )
    assert made.inputs == (tensor("cols", 4), tensor("cols_2", 4))


def test_sizes_that_need_not_be_equal_are_refused() -> None:
    second = make_code("second", lambda x, y: (x + y,), [ROWS, ROWS])
    first = make_code("first", lambda x, y: (x * 2, y * 2), [ROWS, tensor("others", 4)])
    with pytest.raises(NotComposable, match="the sizes 'rows' and 'others' would have to be equal"):
        compose(early_exit().program, first, second, (Result(0), Result(1)))


def test_what_lies_otherwise_in_memory_is_copied() -> None:
    first = make_code("first", lambda x: (x.t(),), [tensor(3, 4)])
    second = make_code("second", lambda x: (x.view(12),), [tensor(4, 3)])
    made = compose(early_exit().program, first, second, (Result(0),))
    x = torch.randn(3, 4)
    assert torch.equal(run(made, x)[1], x.t().reshape(12))


def test_the_copy_in_memory_has_the_sizes_of_the_original() -> None:
    first = make_code("first", lambda x: (x.t(),), [ROWS])
    second = make_code("second", lambda x: (x.sum(0), x.reshape(-1)), [tensor(4, "n")])
    made = compose(early_exit().program, first, second, (Result(0),))
    assert made.outputs == (tensor(4, "rows"), tensor("rows"), tensor("4*rows"))
    assert list(code_faults(made)) == []


def test_sizes_that_data_decides_stay_apart() -> None:
    first = make_code("first", lambda x: (torch.nonzero(x),), [tensor("rows")])
    made = compose(early_exit().program, first, make_code("second", lambda x: (x * 2,), [tensor("n", 1)]), (Result(0),))
    assert made.outputs[0].shape == made.outputs[1].shape
    assert made.outputs[0].shape[0] != "rows"
    mode = detect_fake_mode([node.meta["val"] for node in made.graph.graph.nodes if node.op != "output"])
    assert mode is not None
    assert mode.shape_env is not None
    assert not mode.shape_env.pending_fresh_unbacked_symbols, "torch would ask the next operator for them"


def node(made: Code, name: str) -> fx.Node:
    return next(node for node in made.graph.graph.nodes if node.name == name)


def test_parts_compute_what_the_whole_does() -> None:
    whole = make_code("whole", lambda x, y, w: ((h := torch.exp(x * w)) + y, h, y * 2), [PAIR, PAIR], [PAIR])
    parts = split(early_exit().program, whole, {node(whole, "exp")})
    assert parts.late is not None
    assert (parts.early_inputs, parts.early_weights) == ((0,), (0,))
    assert (parts.late_inputs, parts.late_weights, parts.late_outputs) == ((1,), (), (0, 2))
    assert (parts.passed, parts.results) == ((0,), {1: 0})
    x, y, w = (torch.randn(2) for _ in range(3))
    (h,) = run(parts.early, x, w)
    found = run(parts.late, y, h)
    assert torch.equal(h, torch.exp(x * w))
    assert torch.equal(found[0], h + y)
    assert torch.equal(found[1], y * 2)
    for made in (parts.early, parts.late):
        assert list(code_faults(made)) == []
    again = split(early_exit().program, whole, {node(whole, "exp")})
    assert (again.early, again.late) == (parts.early, parts.late)


def test_all_of_a_code_leaves_nothing() -> None:
    whole = make_code("whole", lambda x: (torch.exp(x),), [PAIR])
    assert split(early_exit().program, whole, {node(whole, "exp")}).late is None


def test_sizes_are_not_passed_between_parts() -> None:
    whole = make_code("whole", lambda x: (torch.exp(x) + 1,), [ROWS])
    with pytest.raises(NotComposable, match="'exp', which the rest takes, is no tensor of known size"):
        split(early_exit().program, whole, {node(whole, "exp")})
