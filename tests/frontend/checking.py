"""Captures a network and compares the program's meaning with eager PyTorch on inputs that take every path."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from adaptc.compiler.frontend.capture import capture
from adaptc.compiler.ir.interpret import Outcome, interpret
from adaptc.compiler.ir.program import Program
from adaptc.compiler.ir.verify import verify
from adaptc.compiler.signature import bind
from adaptc.compiler.structure import flatten
from adaptc.runtime.structure import Builders
from adaptc.runtime.tree import RowsNode
from adaptc.runtime.treecheck import nodes


def same(ours: Any, eager: Any) -> None:
    """Assert that two leaves are equal: numbers exactly, tensors to rounding."""
    if isinstance(eager, torch.Tensor):
        assert ours.shape == eager.shape
        assert ours.dtype == eager.dtype
        torch.testing.assert_close(ours, eager, rtol=1e-5, atol=1e-6, equal_nan=True)
    else:
        assert type(ours) is type(eager)
        assert ours == eager or (ours != ours and eager != eager)


def check(
    model: nn.Module,
    calls: Sequence[tuple[Any, ...]],
    *,
    paths: int | None = None,
    dims: dict[str, dict[int, str]] | None = None,
) -> Program:
    """Capture `model` with the first of `calls` as example and compare it with eager on all.

    `paths` is the number of different paths that the calls must take.
    """
    model.eval()
    before = copy.deepcopy(model.state_dict())
    program = capture(model, bind(model.forward, calls[0]), dims or {}, type(model).__name__)
    verify(program)
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), "the capture changed the network"
    taken: dict[tuple[str, ...], int] = {}
    for call in calls:
        outcome = compare(program, copy.deepcopy(model), call)
        taken[tuple(outcome.path)] = taken.get(tuple(outcome.path), 0) + 1
    if paths is not None:
        assert len(taken) == paths, f"{len(taken)} paths were taken: {taken}"
    if program.later:
        check_session(program, model, calls)
    return program


def check_session(program: Program, model: nn.Module, calls: Sequence[tuple[Any, ...]]) -> None:
    """Compare `calls` that follow each other, those that raise left out, with eager on one network."""
    eager, current, state = copy.deepcopy(model), program, ()
    for call in calls:
        kept = copy.deepcopy(eager)
        outcome = compare(current, eager, call, state)
        if outcome.raises:
            eager = kept
        elif outcome.next is not None:
            current, state = program.later[outcome.next], outcome.state


def compare(program: Program, model: nn.Module, call: tuple[Any, ...], state: Sequence[Any] = ()) -> Outcome:
    """Compare one call of a program with one of `model`, which it changes as a call does."""
    eager_call, raised, result = copy.deepcopy(call), "", None
    eager_given = flatten(eager_call, "static")[1]
    with torch.no_grad():
        try:
            result = model(*eager_call)
        except Exception as error:  # noqa: BLE001
            raised = type(error).__name__
    outcome = interpret(program, flatten(tuple(call), "static")[1], None, state)
    assert outcome.raises == raised
    if raised:
        return outcome
    tree, leaves = flatten(result, "leaf")
    our_tree, outputs = outcome.tree, outcome.outputs
    if any(isinstance(node, RowsNode) for node in nodes(our_tree)):
        our_tree, outputs = flatten(Builders().builder(our_tree)(outputs), "leaf")
    assert our_tree == tree
    for ours, eager in zip(outputs, leaves, strict=True):
        same(ours, eager)
    given = flatten(tuple(call), "static")[1]
    now = dict(zip(program.changes, outcome.changed, strict=True))
    for number, eager in enumerate(eager_given):
        same(now.get(number, given[number]), eager)
    return outcome


def signs(count: int, *shape: int) -> list[tuple[torch.Tensor]]:
    """`count` inputs of `shape` whose means lie on both sides of zero."""
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(shape, generator=generator) * 0.7 + (-1.5 + 3 * index / max(count - 1, 1)),)
        for index in range(count)
    ]


def network(forward: Callable[..., Any], **modules: Any) -> nn.Module:
    """A module with `forward` (a function of self and inputs) and the given attributes."""
    cls = type("Network", (nn.Module,), {"forward": forward})
    torch.manual_seed(0)
    made = cls()
    for name, value in modules.items():
        setattr(made, name, value)
    return made
