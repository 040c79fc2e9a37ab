"""What translations write ONNX with."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
from onnxscript.onnx_opset import opset23

op: Any = opset23
"""The operators of the ONNX operator set of the units; a call adds a node and gives its value."""


def ints(*values: int) -> Any:
    """A constant vector of int64."""
    return op.Constant(value_ints=list(values))


def constant(array: Any) -> Any:
    """A constant tensor of a numpy array's type."""
    return op.Constant(value=ir.tensor(array))


def like(number: float, tensor: Any) -> Any:
    """A constant 0-d tensor of the type of `tensor`."""
    return op.Constant(value=ir.tensor(number, dtype=tensor.dtype))
