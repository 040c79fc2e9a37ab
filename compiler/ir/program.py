"""The IR: a program is a control-flow graph of conditional-free blocks (the HCFG of DyCL, ISSTA 2023, section 4).

A block holds tensor code, steps that the host takes after it, and one terminator. Values cross blocks only as
block arguments: a block reads its own parameters, the outputs of its own code and the names of its own steps,
nothing else. Host expressions, steps and terminators are the runtime's own classes (`adaptc.runtime.hostprogram`),
so what a program says is what the artifact's host does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import fx

from adaptc.runtime.hostprogram import Branch, Draw, Edge, Jump, Let, Raise, Read, Return, Scalar, Switch
from adaptc.runtime.manifest import Argument

Dim = int | str
"""An extent: a number, or the name of a symbol ("batch"); an expression over names where one is derived."""


@dataclass(frozen=True)
class TensorType:
    """A tensor: torch dtype and shape."""

    dtype: torch.dtype
    shape: tuple[Dim, ...]


@dataclass(frozen=True)
class ScalarType:
    """A host scalar."""

    kind: Scalar


Type = TensorType | ScalarType


@dataclass(frozen=True)
class Param:
    """A block argument."""

    name: str
    type: Type


@dataclass(frozen=True)
class Output:
    """A value that a block's code computes."""

    name: str
    type: TensorType


@dataclass
class Code:
    """Conditional-free tensor code, shared by all blocks of the same structure.

    `graph` is an ``fx.GraphModule`` of functional ATen operators after ``torch.export``. Its placeholders are the
    inputs, then the weights; its output node returns a flat tuple of tensors. Placeholders and nodes carry
    ``meta["val"]`` (a fake tensor) and ``meta["loc"]`` (the user's "file:line").
    A host scalar enters as a 0-d tensor (bool, int64 or float64).
    """

    name: str
    graph: fx.GraphModule
    inputs: tuple[Type, ...]
    weights: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]


@dataclass
class Block:
    """`params` in; `code` applied to `inputs` (names of params) and `weights` (names of the parameter table) gives
    `outputs`; then `steps` by the host; then `terminator`. `code` is None where there is nothing to compute."""

    name: str
    params: list[Param]
    code: Code | None
    inputs: list[str]
    weights: list[str]
    outputs: list[Output]
    steps: list[Let | Read | Draw]
    terminator: Terminator
    loc: str = ""


Terminator = Jump | Branch | Switch | Return | Raise


@dataclass(frozen=True)
class Input:
    """A flat tensor input of the network. A named dimension has one size per call, at least 1."""

    name: str
    type: TensorType


@dataclass
class Program:
    """The captured network.

    `inputs` are the parameters of the `entry` block, in order; `arguments` say how the network's own signature
    carries them. `weights` is the parameter table: each distinct tensor once, under its first name.
    `notes` are facts that the user should know (attributes that a call changes, prints that are left out), `loops`
    tells for the user's lines ("file:line") how each loop is treated that data ends or in which data decides.

    Of a program that is called again and again in a session, the entry's parameters after the inputs are `state`: what
    the call before left behind. The outputs of every `Return` are the leaves of its tree, then the new values of the
    inputs that are in `changes`, then the state for the program in `later` that its `next` names. `fixed` are the
    dimensions that have one size in a whole session; `no_session` says why calls cannot follow each other.
    Random numbers come from the stream of `seed`.
    """

    name: str
    arguments: tuple[Argument, ...]
    inputs: tuple[Input, ...]
    entry: str
    blocks: dict[str, Block]
    weights: dict[str, torch.Tensor]
    notes: list[str] = field(default_factory=list)
    loops: dict[str, str] = field(default_factory=dict)
    state: tuple[Param, ...] = ()
    changes: tuple[int, ...] = ()
    later: tuple[Program, ...] = ()
    fixed: tuple[str, ...] = ()
    no_session: str = ""
    seed: int | None = None


def programs(program: Program) -> tuple[Program, ...]:
    """`program`, and those with which a session goes on."""
    return (program, *program.later)


def edges(block: Block) -> tuple[Edge, ...]:
    """The edges out of `block`."""
    from adaptc.runtime.hostprogram import successors

    return successors(block.terminator)
