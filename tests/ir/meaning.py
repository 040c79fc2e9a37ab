"""Compares what programs mean: with eager PyTorch, and with each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch

from adaptc.compiler.ir.interpret import Forced, Outcome, interpret
from adaptc.compiler.ir.program import Program, edges
from adaptc.passes.duplicates import forced_on_copies
from adaptc.runtime.hostprogram import Read
from adaptc.runtime.tree import DictNode, Leaf, ListNode, NamedTupleNode, RecordNode, Static, Tree, TupleNode

from .programs import Rejected, Sample


def assert_means_eager(sample: Sample) -> None:
    """Every case gives what the eager network gives: values, structure, exceptions."""
    for case in sample.cases:
        outcome = interpret(sample.program, case)
        if outcome.raises:
            with pytest.raises(Rejected, match=f"^{re.escape(outcome.message)}$") as caught:
                sample.eager(*case)
            assert outcome.raises == caught.type.__name__
            continue
        expected = sample.eager(*case)
        assert outcome.tree is not None
        assert_fits(outcome.tree, outcome.outputs, expected)


def assert_fits(tree: Tree, outputs: Sequence[Any], expected: Any) -> None:
    """The outputs in the structure `tree` are `expected`."""
    match tree:
        case Leaf(index=index):
            assert_equal(outputs[index], expected)
        case Static(value=value):
            assert (type(value), value) == (type(expected), expected)
        case TupleNode(items=items) | ListNode(items=items):
            assert type(expected) is (tuple if isinstance(tree, TupleNode) else list)
            assert len(items) == len(expected)
            for item, part in zip(items, expected):
                assert_fits(item, outputs, part)
        case DictNode(keys=keys, items=items):
            assert list(expected) == list(keys)
            for name, item in zip(keys, items):
                assert_fits(item, outputs, expected[name])
        case NamedTupleNode(name=name, fields=fields, items=items) | RecordNode(name=name, fields=fields, items=items):
            assert type(expected).__name__ == name
            for field, item in zip(fields, items):
                assert_fits(item, outputs, getattr(expected, field))


def assert_equal(found: Any, expected: Any) -> None:
    """Two values are the same: tensors in dtype, shape and every bit, scalars in type and value."""
    if isinstance(expected, torch.Tensor):
        assert isinstance(found, torch.Tensor)
        assert found.dtype == expected.dtype
        torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    else:
        assert (type(found), repr(found)) == (type(expected), repr(expected))


def assert_same_outcome(found: Outcome, expected: Outcome) -> None:
    """Two runs end alike; the blocks on the way may differ."""
    assert (found.raises, found.message, found.tree) == (expected.raises, expected.message, expected.tree)
    assert len(found.outputs) == len(expected.outputs)
    for left, right in zip(found.outputs, expected.outputs):
        assert_equal(left, right)


def edges_taken(program: Program, cases: Sequence[Sequence[torch.Tensor]]) -> set[tuple[str, str]]:
    """The pairs of blocks that follow each other in some case."""
    paths = [interpret(program, case).path for case in cases]
    return {pair for path in paths for pair in pairwise(path)}


def all_edges(program: Program) -> set[tuple[str, str]]:
    """The pairs of blocks that an edge leads between."""
    return {(block.name, edge.block) for block in program.blocks.values() for edge in edges(block)}


def assert_same_meaning(
    change: Callable[[Program], None], program: Program, cases: Sequence[Sequence[torch.Tensor]]
) -> None:
    """`change` leaves the meaning of `program`: on the cases, and along paths that forced reads open."""
    runs: list[tuple[Sequence[torch.Tensor], Forced]] = [(case, {}) for case in cases]
    reads = [step for block in program.blocks.values() for step in block.steps if isinstance(step, Read)]
    for read in reads:
        if read.kind == "bool":
            runs += [(cases[0], {read.name: [value] * 4}) for value in (True, False)]
    before = [interpret(program, case, forced) for case, forced in runs]
    change(program)
    left = {step.name for block in program.blocks.values() for step in block.steps if isinstance(step, Read)}
    for (case, forced), expected in zip(runs, before):
        # A read that was found to be constant, or to decide nothing, can no longer be forced.
        if set(forced) <= left:
            assert_same_outcome(interpret(program, case, forced_on_copies(forced, left)), expected)
