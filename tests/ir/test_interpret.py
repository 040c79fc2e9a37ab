"""Running programs: forced reads, the path, and what is refused."""

from __future__ import annotations

import pytest
import torch

from adaptc.compiler.ir.errors import IRError
from adaptc.compiler.ir.interpret import interpret
from adaptc.compiler.ir.program import Output, Param, ScalarType
from adaptc.runtime.errors import InputError
from adaptc.runtime.hostprogram import Apply, Branch, Const, Jump, Ref

from .builder import INT, ProgramBuilder, edge, give, make_code, tensor
from .programs import early_exit, growing, patience, rejects, skip_gates


def test_path_and_reads_are_recorded() -> None:
    outcome = interpret(growing().program, (torch.full((1, 4), 3.0),))
    assert outcome.path == ("entry", "header", "end")
    assert outcome.reads == (("large", True),)


def test_forced_reads_steer() -> None:
    sample = skip_gates()
    (case,) = sample.cases[0]
    outcome = interpret(sample.program, (case,), {"open0": [False], "open1": [False], "open2": [False]})
    assert outcome.path == ("entry", "skip0", "gate1", "skip1", "gate2", "skip2", "end")
    assert outcome.reads == (("open0", False), ("open1", False), ("open2", False))
    assert torch.equal(outcome.outputs[0], case)


def test_forced_values_are_consumed_in_order_and_none_leaves_the_data() -> None:
    sample = growing()
    case = torch.full((1, 4), 0.1)
    natural = interpret(sample.program, (case,))
    assert [value for _, value in natural.reads] == [False] * 6
    outcome = interpret(sample.program, (case,), {"large": [False, None, True]})
    assert [value for _, value in outcome.reads] == [False, False, True]
    assert outcome.outputs[1] == 2
    assert torch.equal(outcome.outputs[0], natural.outputs[0][:3])
    assert interpret(sample.program, (case,), {"large": [False]}).path == natural.path


def test_forced_float_takes_an_int() -> None:
    outcome = interpret(rejects().program, (torch.ones(2, 4),), {"level": [3]})
    assert outcome.outputs[1] == 300.0
    assert type(outcome.reads[1][1]) is float


def test_raise_is_an_outcome() -> None:
    outcome = interpret(rejects().program, (-torch.ones(1, 4),))
    assert (outcome.raises, outcome.message, outcome.tree) == ("Rejected", "the mean is negative", None)
    assert outcome.path == ("entry", "fail")


@pytest.mark.parametrize(
    ("forced", "message"),
    [
        ({"nothing": [True]}, "a value is forced on the read 'nothing', which the program does not have"),
        ({"negative": [1]}, "the read 'negative' gives a bool; the value forced on it is 1"),
        ({"level": ["1.0"]}, "the read 'level' gives a float; the value forced on it is '1.0'"),
    ],
)
def test_forced_values_that_do_not_fit(forced: dict[str, list[object]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        interpret(rejects().program, (torch.ones(2, 4),), forced)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((), "program 'early_exit' takes 1 tensors, not 0"),
        (
            (torch.ones(1, 3, 8),),
            r"input 'image' is float32\[1, 3, 8\]; the program takes float32\[1, 3, 8, 8\]",
        ),
        ((torch.ones(1, 3, 8, 9),), r"float32\[1, 3, 8, 9\]"),
        ((torch.ones(1, 3, 8, 8).double(),), r"float64\[1, 3, 8, 8\]"),
    ],
)
def test_inputs_that_do_not_fit(inputs: tuple[torch.Tensor, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        interpret(early_exit().program, inputs)


def test_a_named_dimension_has_one_size() -> None:
    state = tensor("n", 2)
    builder = ProgramBuilder("two", {"x": state, "y": state})
    builder.block("entry", {"x": state, "y": state}, give(("x", state), ("y", state)))
    program = builder.build()
    assert len(interpret(program, (torch.ones(3, 2), torch.ones(3, 2))).outputs) == 2
    with pytest.raises(InputError, match="input 'y': the dimension 'n' is 3 and 4 in one call"):
        interpret(program, (torch.ones(3, 2), torch.ones(4, 2)))


def test_arguments_of_an_edge_are_passed_at_once() -> None:
    """A loop that swaps two values three times."""
    state = tensor(2)
    builder = ProgramBuilder("swap", {"x": state, "y": state})
    builder.block("entry", {"x": state, "y": state}, Jump(edge("loop", "x", "y", Const(0))))
    builder.block(
        "loop",
        {"a": state, "b": state, "i": INT},
        Branch(
            Apply("lt", (Ref("i"), Const(3))),
            edge("loop", "b", "a", Apply("add", (Ref("i"), Const(1)))),
            edge("end", "a", "b"),
        ),
    )
    builder.block("end", {"a": state, "b": state}, give(("a", state), ("b", state)))
    x, y = torch.zeros(2), torch.ones(2)
    outputs = interpret(builder.build(), (x, y)).outputs
    assert torch.equal(outputs[0], y)
    assert torch.equal(outputs[1], x)


@pytest.mark.parametrize(
    ("kind", "value", "dtype"),
    [("bool", True, torch.bool), ("int", 7, torch.int64), ("float", 0.1, torch.float64)],
)
def test_scalars_enter_code_as_tensors(kind: str, value: float, dtype: torch.dtype) -> None:
    scalar = ScalarType(kind)  # type: ignore[arg-type]
    builder = ProgramBuilder("scalar", {"x": tensor(1)})
    builder.block("entry", {"x": tensor(1)}, Jump(edge("next", Const(value))))
    code = make_code("same", lambda s: (s.clone(),), [scalar])
    assert code.outputs == (tensor(dtype=dtype),)
    builder.block("next", {"s": scalar}, give(("t", code.outputs[0])), code=code, inputs=["s"], outputs=["t"])
    (found,) = interpret(builder.build(), (torch.ones(1),)).outputs
    assert torch.equal(found, torch.tensor(value, dtype=dtype))


def test_a_value_that_belies_its_type_is_found() -> None:
    sample = early_exit()
    block = sample.program.blocks["deeper"]
    block.outputs = [Output("final", tensor(1, 6))]
    with pytest.raises(IRError, match=r"'final' is declared float32\[1, 6\] and turned out to be float32\[1, 5\]"):
        interpret(sample.program, (torch.full((1, 3, 8, 8), 0.5),))
    sample = patience()
    block = sample.program.blocks["first"]
    block.params[1] = Param("count", ScalarType("float"))
    with pytest.raises(IRError, match="'count' is declared float and turned out to be 0"):
        interpret(sample.program, sample.cases[0])
