"""adaptc compiles dynamic neural networks into conditional-free units and a host program that runs without PyTorch.

``compile`` needs the extra ``adaptc[compile]``; ``load`` needs numpy and an engine. Importing this package imports
neither; the classes of the errors that both raise are imported when they are first named, and need nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from onnx import ModelProto
    from torch import nn
    from torch.export import ExportedProgram

    from adaptc.compiler.errors import CompileError, VerificationError
    from adaptc.compiler.report import CompileReport
    from adaptc.extras import MissingExtraError
    from adaptc.runtime import (
        AdaptcError,
        ArtifactError,
        EngineError,
        Executable,
        InputError,
        LoopError,
        NetworkError,
        SessionError,
    )

_ERRORS = {
    "AdaptcError": "adaptc.runtime.errors",
    "ArtifactError": "adaptc.runtime.errors",
    "CompileError": "adaptc.compiler.errors",
    "EngineError": "adaptc.runtime.errors",
    "InputError": "adaptc.runtime.errors",
    "MissingExtraError": "adaptc.extras",
    "LoopError": "adaptc.runtime.errors",
    "NetworkError": "adaptc.runtime.errors",
    "SessionError": "adaptc.runtime.errors",
    "VerificationError": "adaptc.compiler.errors",
}
"""Public errors and the modules that hold them; all are `AdaptcError`."""

__all__ = [
    "AdaptcError",
    "ArtifactError",
    "CompileError",
    "EngineError",
    "InputError",
    "LoopError",
    "MissingExtraError",
    "NetworkError",
    "SessionError",
    "VerificationError",
    "compile",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _ERRORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_ERRORS[name]), name)


def compile(
    model: nn.Module | ExportedProgram | ModelProto | str | PathLike[str],
    example_inputs: object,
    path: str | PathLike[str],
    *,
    dynamic: Mapping[str, Mapping[int, str]] | None = None,
    samples: Sequence[object] = (),
    name: str | None = None,
    engine: str = "onnxruntime",
    plan: Literal["auto", "measure", "graphs", "blocks"] = "auto",
    verify: bool = True,
    random_inputs: int = 8,
    max_iterations: int = 10_000,
    seed: int = 0,
    random_seed: int | None = None,
    profile: str | PathLike[str] | None = None,
    cost_model: str | PathLike[str] | None = None,
) -> CompileReport:
    """Compile `model` and write the artifact to `path`: a folder, or one file if `path` ends in ".adaptc".

    If `path` ends in ".onnx", it becomes a single ONNX model, with the branches and loops as `If` and `Loop`, for any
    program that runs ONNX. In an artifact, regions become graphs where that is expected to be faster; with `plan`
    "measure" where it was, on the inputs that are compared with eager PyTorch (see below); with "graphs" wherever they
    can; and with "blocks" nowhere: each block stays a unit of its own.
    `model` is a module, an ExportedProgram, an onnx.ModelProto, or the path of an .onnx or .pt2 file; for these,
    `example_inputs` may be None, and the dimensions that vary are theirs.
    `example_inputs`: a tensor, a tuple of positional arguments, a dict of keyword arguments, or a (tuple, dict) of
    both. `dynamic` names the axes whose size may differ from call to call: ``{"x": {0: "batch"}}``. Unless `verify`
    is False, every path is compared with eager PyTorch, as are `samples` (further input sets) and `random_inputs`
    random input sets drawn from `seed`; a run in which a loop takes more than `max_iterations` is not compared.
    A network that draws random numbers itself needs a `random_seed`: then equal seeds give equal draws in every run
    (`load` may give another seed). `profile` is a file that ``adaptc profile`` wrote: the path that most of its inputs
    took is made fast; one of other control flow raises `AdaptcError`. `cost_model` is a file that ``adaptc costmodel``
    wrote, by which plans are priced; without it, it is the one that fits this machine best.

    Raises `CompileError` listing every reason why the network cannot be compiled, `VerificationError` where the
    compiled network differs from eager, and `MissingExtraError` without the compile extra. A failure leaves
    nothing behind at `path`.
    """
    from pathlib import Path

    from adaptc.extras import needs_compiler

    with needs_compiler():
        from adaptc.compiler.driver import compile_model
        from adaptc.compiler.networks import network_of
        from adaptc.compiler.options import CompileOptions
    from adaptc.runtime.errors import InputError
    from adaptc.runtime.stream import check_seed

    check_seed(random_seed)
    if not isinstance(samples, list | tuple):
        kind = type(samples).__name__
        raise InputError(f"samples is of class {kind}: give a list of input sets, each written like the example inputs")
    network = network_of(model, example_inputs, dynamic or {}, seed)
    options = CompileOptions(
        name=name or network.name,
        dynamic=network.dynamic,
        samples=tuple(samples),
        engine=engine,
        plan=plan,
        verify=verify,
        random_inputs=random_inputs,
        max_iterations=max_iterations,
        seed=seed,
        random_seed=random_seed,
        folder=network.folder,
        profile=None if profile is None else Path(profile),
        cost_model=None if cost_model is None else Path(cost_model),
    )
    return compile_model(network.model, network.example_inputs, Path(path), options=options)


def load(
    path: str | PathLike[str],
    *,
    engine: str | None = None,
    threads: int = 1,
    max_iterations: int | None = None,
    random_seed: int | None = None,
    by_block: bool = False,
) -> Executable:
    """Load the artifact at `path` (a folder or a .adaptc file): a callable with the network's own signature.

    `engine` None takes the one that the artifact was compiled for; `threads` is the number of threads the engine
    may use in one call. A call in which one loop takes more than `max_iterations` raises `LoopError`. A network that
    draws random numbers draws them from `random_seed`, by default that of the compile. With `by_block`, and where
    iterations are limited, each block runs on its own, though the artifact may have graphs of whole regions.
    Raises `ArtifactError`, `EngineError`, and `InputError` for a wrong `threads`, `max_iterations` or `random_seed`.
    """
    from pathlib import Path

    from adaptc.runtime import load as load_executable

    return load_executable(
        Path(path),
        engine=engine,
        threads=threads,
        max_iterations=max_iterations,
        random_seed=random_seed,
        by_block=by_block,
    )
