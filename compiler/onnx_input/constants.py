"""The tensors of a model that are known when it is read: they become buffers of the network."""

from __future__ import annotations

import re
from itertools import chain, count

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from adaptc.compiler.onnx_input.dtypes import DTYPES, type_name
from adaptc.compiler.onnx_input.registry import Unsupported


class Constants:
    """Buffers by name; each tensor is there once."""

    def __init__(self) -> None:
        self.buffers: dict[str, torch.Tensor] = {}
        self._names: dict[int, str] = {}
        self._kept: list[torch.Tensor] = []

    def name(self, tensor: torch.Tensor, wanted: str) -> str:
        """The buffer of `tensor`, called after `wanted` where there is none yet."""
        if id(tensor) not in self._names:
            stem = re.sub(r"\W+", "_", wanted).strip("_") or "constant"
            stem = f"w_{stem}" if not stem[0].isalpha() or hasattr(torch.nn.Module, stem) else stem
            candidates = chain([stem], (f"{stem}_{number}" for number in count(2)))
            name = next(name for name in candidates if name not in self.buffers)
            self.buffers[name] = tensor
            self._names[id(tensor)] = name
            self._kept.append(tensor)  # an id is only unique while its object lives
        return self._names[id(tensor)]


def to_tensor(proto: onnx.TensorProto, folder: str) -> torch.Tensor:
    """A tensor of the model. Raises `Unsupported` for element types that networks cannot compute with."""
    if proto.data_type not in DTYPES:
        raise Unsupported(f"a tensor of element type {type_name(proto.data_type)}")
    array = numpy_helper.to_array(proto, folder)
    if proto.data_type == onnx.TensorProto.BFLOAT16:
        bits = torch.from_numpy(np.array(array).view(np.int16))
        return bits.view(torch.bfloat16).reshape(list(proto.dims))
    return torch.from_numpy(np.array(array))


def sparse_to_tensor(proto: onnx.SparseTensorProto, folder: str) -> torch.Tensor:
    """A sparse tensor of the model, filled up with zeros."""
    values, places = to_tensor(proto.values, folder), to_tensor(proto.indices, folder)
    dense = torch.zeros(list(proto.dims), dtype=values.dtype)
    if places.dim() == 1:
        dense.view(-1)[places] = values
    else:
        dense[tuple(places.unbind(1))] = values
    return dense
