"""Model files: Python files that give a network (`model`) and the inputs to capture it with (`example_inputs`)."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import cast

import numpy as np
import torch
from torch import nn

from adaptc.compiler.errors import ModelFileError
from adaptc.compiler.input_specs import read_input
from adaptc.compiler.networks import SUFFIXES, given_inputs, network_of
from adaptc.compiler.signature import ExampleInputs, bind
from adaptc.compiler.structure import rebuild
from adaptc.compiler.user_code import call, execute, importable
from adaptc.runtime.errors import InputError
from adaptc.runtime.stream import check_seed

_EXAMPLE = "example_inputs = (torch.randn(1, 3, 32, 32),)"


@dataclass(frozen=True)
class ModelFile:
    """What a model file gives. `name` is a name for the artifact, made from the file's."""

    path: Path
    name: str
    model: nn.Module
    example_inputs: object
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    samples: tuple[object, ...] = ()
    random_seed: int | None = None

    @property
    def folder(self) -> Path:
        """The folder that the file lies in."""
        return self.path.resolve().parent


def load_model_file(path: Path, *, model: str = "model", inputs: Sequence[str] = (), seed: int = 0) -> ModelFile:
    """Run the file at `path` and take the network called `model`, its example inputs, `dynamic`, `samples` and
    `random_seed`.

    `inputs` are "name=spec" texts (`adaptc.compiler.input_specs`) that replace example inputs; random ones are
    drawn from `seed`. The file's folder is importable meanwhile. Raises `ModelFileError`, and `InputError` for
    `inputs`.
    """
    path = path.expanduser()
    if path.is_dir():
        raise ModelFileError(f"{path} is a folder: name the Python file in it that defines `model`")
    if not path.is_file():
        raise ModelFileError(f"there is no file {path}")
    if path.suffix in SUFFIXES:
        return _of_network(path, inputs, seed)
    if path.suffix != ".py":
        raise ModelFileError(
            f"{path} is not a Python file: a model file ends in .py, and files of networks in {' and '.join(SUFFIXES)}"
        )
    file = path.resolve()
    with importable(file.parent):
        module = execute(file)
        network = _find_model(module, file, model)
        examples = _find_examples(module, file, bool(inputs))
        dynamic = _find_dynamic(module, file)
        samples = _find_samples(module, file)
        random_seed = _find_random_seed(module, file)
    if inputs:
        examples = _replace(network, examples, inputs, seed)
    name = model if model != "model" else file.parent.name if file.stem == "model" else file.stem
    return ModelFile(path, name, network, examples, dynamic, samples, random_seed)


def _of_network(path: Path, inputs: Sequence[str], seed: int) -> ModelFile:
    """An ONNX model or an exported program as a model file that gives it."""
    given = given_inputs(tuple(inputs), seed)
    if path.suffix == ".onnx":
        found = network_of(path, given or None, {}, seed)
    else:
        found = network_of(path, None, {}, seed)
        if given:
            found = dataclasses.replace(found, example_inputs=_replace(found.model, found.example_inputs, inputs, seed))
    return ModelFile(path, found.name, found.model, found.example_inputs, found.dynamic)


def _find_model(module: ModuleType, file: Path, name: str) -> nn.Module:
    value = getattr(module, name, None)
    if value is None:
        raise ModelFileError(f"{file} has no `{name}`: {_what_there_is(module, name)}")
    value = _made(value, name, file)
    if not isinstance(value, nn.Module):
        raise ModelFileError(
            f"`{name}` in {file} is {_kind(value)}: it must be an nn.Module, or a function without required "
            f"arguments that makes one"
        )
    return value


def _what_there_is(module: ModuleType, name: str) -> str:
    own = {key: value for key, value in vars(module).items() if not key.startswith("_")}
    networks = [key for key, value in own.items() if isinstance(value, nn.Module)]
    classes = [
        key
        for key, value in own.items()
        if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == module.__name__
    ]
    if networks:
        return f"it has the modules {', '.join(networks)}; pass --name {networks[0]}, or write `{name} = {networks[0]}`"
    if classes:
        return f"it has the classes {', '.join(classes)}; write `{name} = {classes[0]}(...).eval()`"
    return f"it defines no nn.Module at all; write `{name} = ...`, an nn.Module in eval mode"


def _made(value: object, name: str, file: Path) -> object:
    """`value`, or what it returns if it is a function (or class) that can be called without arguments."""
    if isinstance(value, nn.Module) or not callable(value):
        return value
    required = [
        parameter.name
        for parameter in inspect.signature(value).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if required:
        raise ModelFileError(
            f"`{name}` in {file} is {_kind(value)} that needs arguments ({', '.join(required)}): give them defaults, "
            f"or write `{name} = {getattr(value, '__name__', name)}(...)`"
        )
    return call(value, file, f"fails in {name}()")


def _find_examples(module: ModuleType, file: Path, replaced: bool) -> object:
    if not hasattr(module, "example_inputs"):
        if replaced:
            return {}
        raise ModelFileError(
            f"{file} has no `example_inputs`: add a line such as `{_EXAMPLE}` (a tuple of positional arguments, or a "
            f'dict of keyword arguments), or pass --input "x=float32[1,3,32,32]"'
        )
    value = _made(module.example_inputs, "example_inputs", file)
    _check_inputs(value, "example_inputs", file)
    return value


def _check_inputs(value: object, name: str, file: Path) -> None:
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ModelFileError(f"`{name}` in {file} is a dict whose keys are not all names of arguments of forward")
    elif not isinstance(value, torch.Tensor | tuple | list):
        raise ModelFileError(
            f"`{name}` in {file} is {_kind(value)}: it must be a tensor, a tuple of positional arguments, a dict of "
            f"keyword arguments, or a function that makes one of these, for example `{_EXAMPLE}`"
        )


def _find_samples(module: ModuleType, file: Path) -> tuple[object, ...]:
    samples = _made(getattr(module, "samples", ()), "samples", file)
    if not isinstance(samples, list | tuple):
        raise ModelFileError(
            f"`samples` in {file} is {_kind(samples)}: it must be a list of input sets, each written like "
            f"`example_inputs`"
        )
    for index, sample in enumerate(samples):
        _check_inputs(sample, f"samples[{index}]", file)
    return tuple(samples)


def _find_random_seed(module: ModuleType, file: Path) -> int | None:
    seed = getattr(module, "random_seed", None)
    try:
        check_seed(seed)
    except InputError as error:
        raise ModelFileError(f"in {file}, {error}") from error
    return cast(int | None, seed)


def _find_dynamic(module: ModuleType, file: Path) -> dict[str, dict[int, str]]:
    value = _made(getattr(module, "dynamic", {}), "dynamic", file)
    good = isinstance(value, dict) and all(
        isinstance(name, str)
        and isinstance(axes, dict)
        and all(isinstance(axis, int) and isinstance(dim, str) for axis, dim in axes.items())
        for name, axes in value.items()
    )
    if not good:
        raise ModelFileError(
            f"`dynamic` in {file} is {value!r}: it must map input names to their dynamic axes and names for "
            f'these, for example `dynamic = {{"x": {{0: "batch"}}}}`'
        )
    return {name: dict(axes) for name, axes in value.items()}  # type: ignore[attr-defined]


def _replace(model: nn.Module, examples: object, inputs: Sequence[str], seed: int) -> object:
    generator = np.random.default_rng(seed)
    arrays = dict(read_input(spec, generator) for spec in inputs)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    if examples == {}:
        return tensors
    bound = bind(model.forward, cast(ExampleInputs, examples))
    names = [name for name, _ in bound.inputs]
    unknown = [name for name in tensors if name not in names]
    if unknown:
        raise InputError(f"--input {unknown[0]}: there is no such input; the inputs are {', '.join(names)}")
    return rebuild((bound.args, bound.kwargs), [tensors.get(name, value) for name, value in bound.inputs])


def _kind(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if inspect.isfunction(value):
        return f"the function {value.__name__}"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
