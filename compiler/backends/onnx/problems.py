"""Why a call of a block's graph cannot be compiled to ONNX, with the user's line."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx
from torch._ops import OpOverload

from adaptc.compiler.errors import Problem

_RANDOM_IN_TRAINING = frozenset(
    (
        *("alpha_dropout", "dropout", "feature_alpha_dropout", "feature_dropout", "native_dropout", "rrelu"),
        *("gru", "lstm", "rnn_relu", "rnn_tanh", "scaled_dot_product_attention"),
    )
)
"""Operators that draw random numbers in training only."""


def position(loc: str) -> tuple[str, int]:
    """File and line of a "file:line"."""
    file, _, line = loc.rpartition(":")
    return file or "<unknown>", int(line) if line.isdecimal() else 0


def problem(node: fx.Node, found: str, why: str, instead: str) -> Problem:
    """A problem at the user's line that `node` stands for."""
    return Problem(*position(str(node.meta.get("loc", ""))), found, why, instead)


def refusal(node: fx.Node) -> Problem | None:
    """The problem of a call that must not be translated, though it could be."""
    if not isinstance(node.target, OpOverload):
        return None
    name = node.target.overloadpacket.__name__
    if name.startswith("adaptive_max_pool") and any(user.args[1] == 1 and user.users for user in node.users):
        return problem(
            node,
            f"the indices of {node.target} are used",
            "ONNX has no adaptive pooling that gives indices",
            "use max_pool2d(..., return_indices=True), or the values alone",
        )
    if _draws_random_numbers(node, node.target):
        return problem(
            node,
            f"{node.target} draws random numbers",
            "PyTorch's random generator does not exist outside PyTorch, so results would differ from eager's",
            "pass the random numbers as an input of the network",
        )
    return None


def complex_border(node: fx.Node) -> Problem | None:
    """The problem of a complex input or output of a block."""
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor) or not value.dtype.is_complex:
        return None
    return problem(
        node,
        f"a complex tensor ({value.dtype}) is live across a branch, or an input or output of the network",
        "ONNX Runtime has no complex tensors; they exist inside a unit only",
        "carry torch.view_as_real(x) across the branch and take torch.view_as_complex of it afterwards",
    )


def untranslated(node: fx.Node) -> Problem:
    """The problem of a call that has neither a translation nor a decomposition."""
    return _impossible(node, "neither it nor simpler operators that it consists of have an ONNX translation")


def failure(node: fx.Node, error: Exception, what: str) -> Problem:
    """The problem of a call at which `what` happened, with `error` as the reason."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    first = (str(cause).strip() or type(cause).__name__).splitlines()[0]  # torch adds advice for its own compiler
    return _impossible(node, f"{what}: {first}")


def _impossible(node: fx.Node, why: str) -> Problem:
    reads = [read.meta.get("val") for read in node.all_input_nodes]
    types = dict.fromkeys(str(value.dtype) for value in reads if isinstance(value, torch.Tensor))
    return problem(
        node,
        f"operator {node.target} on {', '.join(types) or 'no tensors'} cannot be compiled to ONNX",
        why,
        "compute this with other tensor operations",
    )


def _draws_random_numbers(node: fx.Node, target: OpOverload) -> bool:
    if torch.Tag.nondeterministic_seeded not in target.tags:
        return False
    if target.overloadpacket.__name__ not in _RANDOM_IN_TRAINING:
        return True
    arguments = _arguments(node, target)
    rate = arguments.get("dropout_p", arguments.get("dropout", arguments.get("p", 1.0)))
    training = arguments.get("train", arguments.get("training", "dropout_p" in arguments))
    return bool(training) and rate != 0.0


def _arguments(node: fx.Node, target: OpOverload) -> dict[str, Any]:
    """The call's arguments by name, defaults included."""
    names = [argument.name for argument in target._schema.arguments]
    defaults = {argument.name: argument.default_value for argument in target._schema.arguments}
    return {**defaults, **dict(zip(names, node.args)), **node.kwargs}
