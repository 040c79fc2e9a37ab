"""A network made ready: captured, its inputs drawn, run by eager PyTorch, and grouped by the path that they take."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from adaptc.compiler.driver import capture_program, optimise
from adaptc.compiler.ir.interpret import interpret
from adaptc.compiler.ir.program import Program
from adaptc.compiler.signature import bind
from adaptc.compiler.verify.inputs import InputSet, input_set
from adaptc.runtime.errors import AdaptcError
from contest.networks import Network


@dataclass(frozen=True)
class Way:
    """One path with inputs of one size: the input that stands for it, how many `inputs` take it, eager's outputs.

    `blocks` are those of the captured program; there are none where it could not be captured.
    """

    given: InputSet
    inputs: int
    blocks: tuple[str, ...]
    expected: Any


@dataclass(frozen=True)
class Case:
    """A network with the ways that its inputs take. `uncaptured` says why there is no `program`."""

    name: str
    model: nn.Module
    example: Any
    dynamic: Mapping[str, Mapping[int, str]]
    random_seed: int | None
    ways: tuple[Way, ...]
    program: Program | None
    uncaptured: str = ""


def make_case(name: str, network: Network, count: int | None = None) -> Case:
    """Load, capture and run the network on `count` inputs, by default its own number of them."""
    file = network.load()
    calls = list(network.calls(count or network.count))
    example = file.example_inputs if network.dynamic is None else calls[-1]
    dynamic = file.dynamic if network.dynamic is None else network.dynamic
    program: Program | None = None
    uncaptured = ""
    try:
        program, _ = capture_program(file.model, example, name=name, dynamic=dynamic, random_seed=file.random_seed)
        optimise(program)
    except AdaptcError as error:
        program, uncaptured = None, str(error)
    groups: dict[tuple[tuple[str, ...], tuple[object, ...]], list[InputSet]] = {}
    for number, call in enumerate(calls):
        given = input_set(f"input {number}", bind(file.model.forward, call))
        tensors = list(given.tensors.values())
        blocks = interpret(program, tensors).path if program is not None else (given.label,)
        groups.setdefault((blocks, tuple(given.shapes.values())), []).append(given)
    ways = []
    reference = copy.deepcopy(file.model)  # a call may leave something behind, which contestants should not find
    with torch.inference_mode():
        for (blocks, _), members in groups.items():
            expected = reference(*members[0].args, **members[0].kwargs)
            ways.append(Way(members[0], len(members), blocks if program is not None else (), expected))
    return Case(name, file.model, example, dynamic, file.random_seed, tuple(ways), program, uncaptured)
