"""Example inputs for a model, made from the types of its inputs, and its named dimensions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from onnx import ValueInfoProto

from adaptc.compiler.errors import ModelFileError
from adaptc.compiler.onnx_input.dtypes import DTYPES
from adaptc.compiler.onnx_input.model import Model
from adaptc.compiler.onnx_input.network import Argument

SIZES = (2, 3, 5, 7, 11, 13)
"""Sizes of dimensions without a size in the examples that are made: each dimension gets another."""


def dims_of(model: Model, arguments: Sequence[Argument]) -> dict[str, dict[int, str]]:
    """The dimensions of the inputs that have no size: argument -> axis -> name.

    One without a name is called after its input: "x_0". Raises `ModelFileError` for one that is computed from others.
    """
    infos = {info.name: info for info in model.proto.graph.input}
    dims: dict[str, dict[int, str]] = {}
    for argument in arguments:
        for axis, size in enumerate(_sizes(infos[argument.onnx])):
            if isinstance(size, int):
                continue
            if size is not None and re.search(r"[-+*/()]", size):
                raise ModelFileError(
                    f"axis {axis} of input {argument.onnx!r} of {model.file} has the size {size!r}, computed from "
                    f"others: adaptc takes dimensions that vary by themselves; give this one a name of its own"
                )
            name = re.sub(r"\W+", "_", size).strip("_") if size else f"{argument.name}_{axis}"
            dims.setdefault(argument.name, {})[axis] = name if not name[:1].isdigit() else f"d{name}"
    return dims


def example_inputs_of(
    model: Model, arguments: Sequence[Argument], given: Mapping[str, torch.Tensor], seed: int
) -> dict[str, torch.Tensor]:
    """A tensor for each argument: those `given`, and random ones of the types and sizes that the model names.

    Floats are normal, integers 0 or 1. Raises `ModelFileError` where a type names no sizes at all.
    """
    generator = torch.Generator().manual_seed(seed)
    infos = {info.name: info for info in model.proto.graph.input}
    dims = dims_of(model, arguments)
    sizes: dict[str, int] = {}
    for name, tensor in given.items():
        for axis, dim in dims.get(name, {}).items():
            if axis < tensor.dim():
                sizes.setdefault(dim, tensor.shape[axis])
    made: dict[str, torch.Tensor] = {}
    for argument in arguments:
        if argument.name in given:
            made[argument.name] = given[argument.name]
            continue
        info = infos[argument.onnx]
        if not info.type.HasField("tensor_type") or not info.type.tensor_type.HasField("shape"):
            raise ModelFileError(
                f"the type of input {argument.onnx!r} of {model.file} does not tell its sizes, so no example can be "
                f'made: give one, as in --input "{argument.name}=float32[1,8]"'
            )
        shape = []
        for axis, extent in enumerate(_sizes(info)):
            named = dims.get(argument.name, {}).get(axis)
            if named is None:
                shape.append(extent)
            else:
                shape.append(sizes.setdefault(named, SIZES[len(sizes) % len(SIZES)]))
        made[argument.name] = _draw(DTYPES[info.type.tensor_type.elem_type], shape, generator)
    return made


def _sizes(info: ValueInfoProto) -> list[Any]:
    if not info.type.HasField("tensor_type"):
        return []
    return [dim.dim_value if dim.HasField("dim_value") else dim.dim_param for dim in info.type.tensor_type.shape.dim]


def _draw(dtype: torch.dtype, shape: Sequence[int], generator: torch.Generator) -> torch.Tensor:
    if dtype.is_floating_point:
        return torch.randn(list(shape), generator=generator).to(dtype)
    return torch.randint(0, 2, list(shape), generator=generator).to(dtype)
