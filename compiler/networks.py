"""What may be given as a network: a module, an exported program, an ONNX model, and files of the last two."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.export import ExportedProgram

from adaptc.compiler.errors import ModelFileError
from adaptc.compiler.input_specs import read_input
from adaptc.runtime.errors import AdaptcError, InputError

SUFFIXES = (".onnx", ".pt2")
"""Endings of files that hold networks, besides model files."""


@dataclass(frozen=True)
class Network:
    """A network to compile, the inputs to capture it with and its named dimensions. `folder` is that of its file."""

    model: nn.Module
    example_inputs: object
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    name: str = ""
    folder: Path | None = None


def network_of(
    given: object, example_inputs: object, dynamic: Mapping[str, Mapping[int, str]], seed: int = 0
) -> Network:
    """What `given` means: a module, an ExportedProgram, an onnx.ModelProto, or the path of a file of these.

    `example_inputs` None takes those that an exported program holds, or ones made from the types of a model's inputs;
    of a model, a dict may give some. `dynamic` adds to the dimensions that these name themselves. Raises
    `AdaptcError` where `given` is none of these, or inputs are missing.
    """
    if isinstance(given, nn.Module):
        if example_inputs is None:
            raise AdaptcError("a module is compiled with example inputs: give a tensor, a tuple or a dict of them")
        return Network(given, example_inputs, dynamic, type(given).__name__)
    if isinstance(given, (str, os.PathLike)):
        path = Path(given).expanduser()
        if path.suffix not in SUFFIXES:
            raise ModelFileError(f"{path} is no network: a file of one ends in {' or '.join(SUFFIXES)}")
        if path.suffix == ".pt2":
            from adaptc.compiler.exported_program import load_exported

            return _exported(load_exported(path), example_inputs, dynamic, path)
        return _onnx(path, example_inputs, dynamic, seed)
    if isinstance(given, ExportedProgram):
        return _exported(given, example_inputs, dynamic, None)
    if type(given).__module__.startswith("onnx"):
        return _onnx(given, example_inputs, dynamic, seed)
    raise AdaptcError(
        f"a network of class {type(given).__name__} cannot be compiled: give an nn.Module, an ExportedProgram, an "
        f"onnx.ModelProto, or the path of an .onnx or .pt2 file"
    )


def _exported(
    program: ExportedProgram, example_inputs: object, dynamic: Mapping[str, Mapping[int, str]], path: Path | None
) -> Network:
    from adaptc.compiler.exported_program import dims_of, example_inputs_of, module_of

    inputs = example_inputs_of(program) if example_inputs is None else example_inputs
    dims = _merged(dims_of(program, inputs), dynamic)
    name = path.stem if path is not None else "exported"
    module = module_of(program, str(path.resolve()) if path is not None else "exported.pt2")
    return Network(module, inputs, dims, name, path.resolve().parent if path is not None else None)


def _onnx(given: object, example_inputs: object, dynamic: Mapping[str, Mapping[int, str]], seed: int) -> Network:
    import onnx

    from adaptc.compiler.onnx_input import inputs as onnx_inputs
    from adaptc.compiler.onnx_input.model import read_model
    from adaptc.compiler.onnx_input.network import network_of as read_network

    if not isinstance(given, (onnx.ModelProto, Path)):
        raise AdaptcError(f"{type(given).__name__} is no ONNX model: give an onnx.ModelProto or the path of a file")
    model = read_model(given)
    network, arguments = read_network(model)
    if example_inputs is None or isinstance(example_inputs, dict):
        known = example_inputs or {}
        unknown = [name for name in known if name not in {argument.name for argument in arguments}]
        if unknown:
            names = ", ".join(argument.name for argument in arguments)
            raise InputError(f"there is no input {unknown[0]!r}; the inputs are {names}")
        example_inputs = onnx_inputs.example_inputs_of(model, arguments, known, seed)
    dims = _merged(onnx_inputs.dims_of(model, arguments), dynamic)
    folder = model.path.parent if model.path is not None else None
    return Network(network, example_inputs, dims, model.name, folder)


def _merged(own: Mapping[str, Mapping[int, str]], more: Mapping[str, Mapping[int, str]]) -> dict[str, dict[int, str]]:
    return {name: {**own.get(name, {}), **more.get(name, {})} for name in [*own, *more]}


def given_inputs(specs: tuple[str, ...], seed: int) -> dict[str, torch.Tensor]:
    """The tensors that "name=spec" texts stand for. Raises `InputError`."""
    generator = np.random.default_rng(seed)
    return {name: torch.from_numpy(array) for name, array in (read_input(spec, generator) for spec in specs)}
