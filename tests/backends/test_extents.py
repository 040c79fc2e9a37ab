"""Which extents of a network's results are numbers or dimensions of its inputs, on every way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from adaptc.compiler.driver import capture_program, optimise
from adaptc.compiler.ir.program import Program, TensorType
from adaptc.compiler.plan.extents import Extent
from adaptc.compiler.plan.results import with_results

DYNAMIC = {"x": {0: "batch", 1: "width"}, "y": {0: "rows"}}


class Loops(nn.Module):
    """What goes round unchanged, what grows, what comes from two tensors, and what data selects."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
        both = torch.cat([x.sum(1, keepdim=True), y[:, :1]])
        grown = x.new_zeros(1, 3)
        while x.abs().max() > 1:
            x = x / 2
            grown = torch.cat([grown, y])
        return {"halved": x, "both": both, "grown": grown, "chosen": y[y > 0], "total": x.sum(), "outer": x.T @ x}


class Ways(nn.Module):
    """Returns that agree in one extent, that swap two, and of which one lacks a value."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
        if x.sum() > 0:
            return {"same": x.sum(1), "rest": y[1:], "swapped": x, "fixed": y[0]}
        return {"same": x.sum(1) * 2, "rest": y, "swapped": x.T, "fixed": y[-1] * 2, "more": x}


class OfOne(nn.Module):
    """A dimension that is 1 on one of the ways."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
        scale = x.sum(1) if x.shape[0] != 1 else y[:1, 0]
        if scale.sum() > 0:
            return {"scaled": x * scale[:, None], "scale": scale}
        return {"scaled": x, "scale": -scale}


def captured(model: nn.Module) -> Program:
    inputs = torch.randn(4, 5) * 9, torch.randn(6, 3)
    program, _ = capture_program(model.eval(), inputs, name="network", dynamic=DYNAMIC)
    optimise(program)
    return program


def extents(program: Program) -> dict[str, Sequence[Extent] | None]:
    network = with_results(program)
    return dict(zip(network.names, network.extents, strict=True))


def test_of_loops() -> None:
    assert extents(captured(Loops())) == {
        "halved": ["batch", "width"],
        "both": ["batch + rows", 1],
        "grown": [None, 3],
        "chosen": [None],
        "total": [],
        "outer": ["width", "width"],
    }


def test_of_several_returns() -> None:
    assert extents(captured(Ways())) == {
        "form": None,
        "same": ["batch"],
        "rest": [None, 3],
        "swapped": [None, None],
        "fixed": [3],
        "more": [None, None],
    }


def test_of_a_dimension_that_is_tested() -> None:
    assert extents(captured(OfOne())) == {"scaled": ["batch", "width"], "scale": ["batch"]}


def test_names_are_a_blocks_own() -> None:
    """Other names for the dimensions of a block change nothing."""
    program = captured(Loops())
    expected = extents(program)
    for name, block in program.blocks.items():
        if name != program.entry:
            new = {"batch": "rows", "rows": "width", "width": "batch"}
            block.params = [replace(param, type=_renamed(param.type, new)) for param in block.params]
            block.outputs = [replace(output, type=_renamed(output.type, new)) for output in block.outputs]
    assert extents(program) == expected


def _renamed(type_: object, new: dict[str, str]) -> object:
    if not isinstance(type_, TensorType):
        return type_
    return TensorType(type_.dtype, tuple(_term(dim, new) if isinstance(dim, str) else dim for dim in type_.shape))


def _term(dim: str, new: dict[str, str]) -> str:
    return " ".join(new.get(word, word) for word in dim.split(" "))
