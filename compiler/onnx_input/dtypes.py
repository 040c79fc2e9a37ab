"""The element types of ONNX that networks may compute with, as torch's."""

from __future__ import annotations

import torch
from onnx import TensorProto

DTYPES: dict[int, torch.dtype] = {
    TensorProto.FLOAT: torch.float32,
    TensorProto.DOUBLE: torch.float64,
    TensorProto.FLOAT16: torch.float16,
    TensorProto.BFLOAT16: torch.bfloat16,
    TensorProto.INT8: torch.int8,
    TensorProto.INT16: torch.int16,
    TensorProto.INT32: torch.int32,
    TensorProto.INT64: torch.int64,
    TensorProto.UINT8: torch.uint8,
    TensorProto.BOOL: torch.bool,
}
"""ONNX's number of a type -> torch's type. torch lacks most operators for the others (uint16, float8, strings)."""


def type_name(number: int) -> str:
    """ONNX's name of an element type: "FLOAT16"."""
    return TensorProto.DataType.Name(number) if number in TensorProto.DataType.values() else str(number)
