"""Searching for inputs: what is tried stays what the network takes, and is the same in every run."""

from __future__ import annotations

import pytest
import torch

from adaptc.compiler.driver import capture_program, optimise
from adaptc.compiler.ir.tied import tied_reads
from adaptc.compiler.verify.inputs import input_set
from adaptc.compiler.verify.paths import paths
from adaptc.compiler.verify.reach import Search, _changed
from adaptc.compiler.verify.runs import Caller
from adaptc.compiler.verify.symbolic import Walker

from .networks import Scored, Sifts, TiesItsTest
from .standin import Interpreted


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor([[1.5, -2.0], [0.0, 7.0]]),
        torch.tensor([1.5, -2.0]).bfloat16(),
        torch.tensor([3, 5, 9]),
        torch.tensor([0, 255], dtype=torch.uint8),
        torch.tensor([True, False, True]),
        torch.tensor([1 + 2j, 3j]),
        torch.tensor(2.5),
        torch.zeros(0, 3),
    ],
)
def test_changed_inputs_keep_dtype_shape_and_the_range_of_integers(tensor: torch.Tensor) -> None:
    generator = torch.Generator().manual_seed(0)
    seen = [_changed(tensor, generator) for _ in range(60)]
    assert all(other.dtype == tensor.dtype and other.shape == tensor.shape for other in seen)
    if tensor.dtype in (torch.int64, torch.uint8):
        assert all(tensor.min() <= other.min() and other.max() <= tensor.max() for other in seen)
    if tensor.numel() > 1:
        assert len({str(other) for other in seen}) > 3


def test_a_search_finds_the_same_inputs_again() -> None:
    model, example = Sifts(), (torch.rand(6) + 1,)
    program, bound = capture_program(model, example, name="network", dynamic={})
    optimise(program)
    inputs = input_set("the example inputs", bound)
    few = next(path for path in paths(program, shapes=inputs.shapes).paths if path.decisions[0].taken is False)
    caller = Caller(program, model, Interpreted(program))
    first, second = (next(Search(caller, bound, [inputs], 3).inputs_for(few, "few")) for _ in range(2))
    assert torch.equal(first.tensors["x"], second.tensors["x"])
    assert (first.tensors["x"] > 0).sum() <= 3
    assert first.label == "inputs found by search for few"


def test_reads_that_their_own_block_computes_with_are_tied() -> None:
    for kind, tied in ((TiesItsTest, True), (Scored, False)):
        program, _ = capture_program(kind(), (torch.rand(2, 4),), name="network", dynamic={})
        optimise(program)
        entry = program.blocks[program.entry]
        assert bool(tied_reads(entry)) == tied
        reads = Walker(program, {}, {}).start().executed.reads
        assert [(read.free, read.dtype) for read in reads] == [(not tied, torch.float32)]
