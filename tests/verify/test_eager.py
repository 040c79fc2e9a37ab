"""Forcing the reads of an unmodified network in eager PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from adaptc.compiler.verify.eager import EagerRun, ExpectedRead, Number, run_eager_forced
from adaptc.runtime.hostprogram import Scalar

Plain = tuple[str, Scalar, Number | None]
X = torch.tensor([1.0, 2.0, 3.0])
LINES = Path(__file__).read_text().splitlines()


def here(mark: str) -> str:
    """The "file:line" of the line that ends in "# <mark>"."""
    return f"{__file__}:{next(i + 1 for i, line in enumerate(LINES) if line.endswith('# ' + mark))}"


def run(model: Callable[..., Any], *reads: ExpectedRead | Plain, x: Tensor = X) -> EagerRun:
    return run_eager_forced(model, (x,), {}, [ExpectedRead(*read) for read in reads])


def every_way(x: Tensor) -> list[Any]:
    zero = x.sum() * 0
    index = torch.tensor(1)
    return [
        bool(zero),  # way 1
        zero.item(),  # way 2
        int(zero),  # way 3
        float(zero),  # way 4
        torch.is_nonzero(zero),  # way 5
        torch.equal(x, x),  # way 6
        torch.allclose(x, x),  # way 7
        zero.tolist(),  # way 8
        ["a", "b", "c"][index],  # way 9
        2.0 in x,  # way 10
        "yes" if zero > 1 else "no",  # way 11
        not zero,  # way 12
        x.long().tolist(),  # way 13
    ]


def test_every_way_in_which_data_becomes_a_python_value_is_forced() -> None:
    locs = {number: here(f"way {number}") for number in range(1, 14)}
    natural = run(every_way)
    assert natural.output == [False, 0.0, 0, 0.0, False, True, True, 0.0, "b", True, "no", True, [1, 2, 3]]
    values = [True, 2.5, 7, 1.5, True, False, False, 9.0, 2, False, True, True]
    kinds = ["float"] * 5 + ["bool", "bool", "float", "int", "bool", "bool", "float"]
    reads: list[Plain] = [(locs[i + 1], kind, value) for i, (kind, value) in enumerate(zip(kinds, values, strict=True))]
    reads += [(locs[13], "int", value) for value in (7, None, 9)]
    forced = run(every_way, *reads)
    assert forced.output == [True, 2.5, 7, 1.5, True, False, False, 9.0, "c", False, "yes", False, [7, 2, 9]]
    assert forced.consumed == 15
    assert [read.loc for read in forced.matched[:3]] == [locs[1], locs[2], locs[3]]
    assert [read.natural for read in forced.matched[:4]] == [False, 0.0, 0, 0.0]
    assert [read.kind for read in forced.matched[:4]] == ["float"] * 4


def truncated(x: Tensor) -> int:
    return int(x[0])  # truncated


def test_the_forced_value_has_the_type_that_python_asks_for() -> None:
    output = run(truncated, (here("truncated"), "float", 4.75)).output
    assert output == 4
    assert type(output) is int


def test_what_python_converts_is_the_number_of_the_tensor() -> None:
    """The program reads 2.75, and truncates or tests it then."""
    for convert in (bool, int, torch.is_nonzero):
        (read,) = run(lambda x: convert(x[1]), x=X + 0.75).reads  # noqa: B023 (called at once)
        assert (read.kind, read.natural, read.value) == ("float", 2.75, 2.75)
    (read,) = run(lambda x: float(x.long()[1])).reads
    assert (read.kind, read.natural) == ("int", 2)


def loop(x: Tensor) -> tuple[Tensor, int]:
    count = 0
    while x.sum() < 100:  # again
        if torch.rand(()) > 2:  # never
            count -= 100
        x = x * 2
        count += 1
    return x, count


def test_reads_are_matched_in_order_and_others_pass() -> None:
    reads: list[Plain] = [(here("again"), "bool", True)] * 2 + [(here("again"), "bool", False)]
    result = run(loop, *reads)
    assert result.output[1] == 2
    assert [read.expected for read in result.reads] == [0, None, 1, None, 2]
    assert result.consumed == 3
    # Left to the data: 6 doubles to 192 in five steps.
    assert run(loop, (here("again"), "bool", None)).output[1] == 5


def test_expected_reads_that_never_come_are_told() -> None:
    result = run(loop, (here("again"), "bool", False), (here("again"), "bool", True))
    assert (result.consumed, result.output[1]) == (1, 0)
    assert run(loop, (here("way 1"), "bool", True)).consumed == 0


# fmt: off
def stretched(x: Tensor) -> str:
    if (  # stretched
        x.sum() > 0
        and
        x[0]
        > 5
    ):
        return "both"
    return "not both"
# fmt: on


def test_a_statement_over_several_lines_is_one_place() -> None:
    first, second = here("stretched"), f"{__file__}:{int(here('stretched').rpartition(':')[2]) + 3}"
    for loc in (first, second):
        result = run(stretched, (loc, "bool", True), (loc, "bool", True))
        assert (result.output, result.consumed) == ("both", 2)
    body = f"{__file__}:{int(first.rpartition(':')[2]) + 6}"
    assert run(stretched, (body, "bool", True)).consumed == 0


def test_exceptions_are_results() -> None:
    def fails(x: Tensor) -> Tensor:
        if x.sum() > 100:  # fails
            raise KeyError("too much")
        return x

    result = run(fails, (here("fails"), "bool", True))
    assert (result.raises, result.output, result.consumed) == ("KeyError", None, 1)
    assert run(fails).raises == ""


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.register_buffer("mean", torch.zeros(3))
        self.calls = 0
        self.cache: dict[str, list[Tensor]] = {"seen": []}

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.cache["seen"].append(x)
        self.mean.mul_(0.5).add_(x)
        self.last = x
        x *= 2
        return self.mean


def test_state_and_inputs_are_as_before() -> None:
    model, x = Counting(), X.clone()
    seen = model.cache["seen"]
    first, second = run(model, x=x), run(model, x=x)
    assert torch.equal(first.output, X)
    assert torch.equal(second.output, X)
    assert torch.equal(x, X)
    assert model.calls == 0
    assert model.cache["seen"] is seen
    assert seen == []
    assert torch.equal(model.mean, torch.zeros(3))
    assert not hasattr(model, "last")
    assert not first.output.requires_grad


def test_a_changed_parameter_is_refused() -> None:
    class Changing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))

        def forward(self, x: Tensor) -> Tensor:
            self.weight.add_(1)
            return x

    with pytest.raises(Exception, match="changes its parameter 'weight' in place"):
        run(Changing())


def gated(x: Tensor) -> list[Any]:
    near = x.sum() * (1 + 1e-7)
    return [
        bool(near > 6.0),  # near
        bool(((x > 1.5) & (x < 100)).any()),  # any
        int((x > 2.5).sum()),  # count
        x.argmax().item(),  # best
        float(x[0]),  # plain
        x.reshape(1, 3).topk(2, -1).indices[0, 0].item(),  # topk
        x.reshape(1, 3).min(1, True)[1].item(),  # least
        bool(torch.tensor([True, False]).any()),  # exact
    ]


def test_margins_of_decisions_made_by_tensor_code() -> None:
    margins = {read.loc: read.margin for read in run(gated).reads}
    near = margins[here("near")]
    assert near is not None
    assert near < 1e-6
    assert margins[here("any")] == pytest.approx(0.25)  # 2 against 1.5
    assert margins[here("count")] == pytest.approx(1 / 6)  # 3 against 2.5
    assert margins[here("best")] == pytest.approx(1 / 3)  # 3 against 2
    assert margins[here("topk")] == pytest.approx(1 / 3)  # 3 against 2, and 2 against 1
    assert margins[here("least")] == pytest.approx(1 / 2)  # 1 against 2
    assert margins[here("plain")] is None
    assert margins[here("exact")] is None


def test_a_model_of_transformers_runs_under_the_mode() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=10
    )
    model = transformers.BertModel(config).eval()
    ids = torch.tensor([[1, 2, 3]])
    result = run_eager_forced(model, (ids,), {}, [])
    assert result.exception is None
    with torch.no_grad():
        assert torch.equal(result.output.last_hidden_state, model(ids).last_hidden_state)


def test_margin_of_zero_is_relative_to_a_hundredth() -> None:
    from adaptc.compiler.verify.margins import relative_difference

    assert relative_difference(0.0, 1e-8) == pytest.approx(1e-6)
    assert relative_difference(2.0, 1.0) == 0.5
    assert relative_difference(math.inf, math.inf) == 0.0


def counting(x: Tensor) -> list[bool]:
    seen = []
    total, limit = torch.zeros(()), torch.ones_like(x).sum() * 10
    view = total.view(1)
    for _ in range(3):
        seen.append(bool((view + total < limit).all()))  # counting
        view += x.sum()  # reaches `total` through its view
    return seen


def test_a_read_that_no_input_reaches_is_not_taken_for_one_of_data() -> None:
    loc = here("counting")
    result = run(counting, ExpectedRead(loc, "bool", False, data=True), ExpectedRead(loc, "bool", True, data=True))
    assert result.output == [True, False, True]
    assert [read.expected for read in result.reads] == [None, 0, 1]
    # Where the program may read a constant too, the first is the first.
    result = run(counting, (loc, "bool", False))
    assert result.output == [False, True, True]


def fixed_numbers(x: Tensor) -> str:
    start, end = torch.zeros(()), torch.ones(()) * 3
    return f"{start} {end} {start + 0.5}"  # fixed numbers


def test_fixed_numbers_that_the_program_has_without_a_read_are_told_by_their_values() -> None:
    loc = here("fixed numbers")
    reads = [ExpectedRead(loc, "float", None, ours=ours) for ours in (0.0, 0.50001)]
    assert [read.expected for read in run(fixed_numbers, *reads).reads] == [0, None, 1]
    wrong = [ExpectedRead(loc, "float", None, ours=ours) for ours in (0.0, 0.6)]
    assert run(fixed_numbers, *wrong).consumed == 1


def from_data(x: Tensor) -> list[bool]:
    rows = torch.zeros(3)
    rows[0] = x[0]
    stacked = torch.tensor([x[0], 1.0])
    shared = torch.zeros(2)
    shared.data.copy_(x[:2])
    return [bool(t.sum() > 100) for t in (rows, stacked, shared, torch.add(rows, 0, out=torch.zeros(3)))]  # from data


def test_memory_that_an_input_has_reached_is_data() -> None:
    reads = [ExpectedRead(here("from data"), "bool", True, data=True)] * 4
    assert run(from_data, *reads).output == [True] * 4
