"""The other ways to run a dynamic network in PyTorch and ONNX Runtime, each at its best settings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from handwritten import VERSIONS
from handwritten.version import Version
from torch import nn

from contest.agreement import leaf_error, nested_error
from contest.cases import Case
from contest.worker import Prepared, Unsupported

MOST_RECOMPILES = 100_000


def eager(case: Case, threads: int, cache: Path) -> Prepared:
    """The network itself."""
    return _called(case, case.model)


def compiled(case: Case, threads: int, cache: Path, best: bool) -> Prepared:
    """`torch.compile`; `best` adds mode="max-autotune" and frozen weights."""
    _needs_compiler()
    from torch._dynamo import config as dynamo
    from torch._inductor import config as inductor

    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(cache.parents[1] / "inductor")
    dynamo.recompile_limit = MOST_RECOMPILES
    dynamo.accumulated_recompile_limit = MOST_RECOMPILES
    inductor.compile_threads = 1  # a pool of processes would outlive this one
    if best:
        inductor.freezing = True
    mode = "max-autotune" if best else "default"
    return _called(case, torch.compile(case.model, dynamic=None, fullgraph=False, mode=mode))


def scripted(case: Case, threads: int, cache: Path) -> Prepared:
    """`torch.jit.script`, frozen and optimised for inference. A trace would follow one path alone."""
    network = torch.jit.script(case.model)
    network = torch.jit.freeze(network)
    return _called(case, torch.jit.optimize_for_inference(network))


def ahead_of_time(case: Case, threads: int, cache: Path) -> Prepared:
    """AOTInductor on the version with `torch.cond`, a package for each shape of the inputs.

    Its choice of layouts for convolutions is off: with it, torch 2.13 gives wrong answers where one is in a branch.
    """
    _needs_compiler()
    import torch._inductor
    from torch._inductor import config as inductor

    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(cache.parents[1] / "inductor")
    inductor.compile_threads = 1

    def build(version: Version, number: int, args: tuple[Any, ...]) -> Callable[..., Any]:
        file = cache / f"aoti_{threads}_{number}.pt2"
        if not file.exists():
            cache.mkdir(parents=True, exist_ok=True)
            exported = torch.export.export(version.module, args)
            part, configs = str(file.with_suffix(".part.pt2")), {"layout_optimization": False}
            made = torch._inductor.aoti_compile_and_package(exported, package_path=part, inductor_configs=configs)
            Path(made).replace(file)
        loaded: Callable[..., Any] = torch._inductor.aoti_load_package(str(file))
        return loaded

    return _handwritten(case, build, lambda tensors: tensors)


def onnx_if(case: Case, threads: int, cache: Path) -> Prepared:
    """The version with `torch.cond` as `torch.onnx.export` writes it, a model for each shape of the inputs."""
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3

    def build(version: Version, number: int, args: tuple[Any, ...]) -> Callable[..., Any]:
        file = cache / f"onnx_if_{number}" / "model.onnx"
        if not file.exists():
            shutil.rmtree(file.parent, ignore_errors=True)
            part = file.parent.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            torch.onnx.export(version.module, args, str(part / file.name), dynamo=True, optimize=True)
            part.replace(file.parent)
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        names = [value.name for value in session.get_inputs()]
        outputs = [value.name for value in session.get_outputs()]
        run = session._sess.run  # as adaptc's engine calls it, without the checks of names
        return lambda *arrays: run(outputs, dict(zip(names, arrays)), None)

    return _handwritten(case, build, lambda tensors: tuple(tensor.contiguous().numpy() for tensor in tensors))


def _handwritten(
    case: Case,
    build: Callable[[Version, int, tuple[Any, ...]], Callable[..., Any]],
    given: Callable[[tuple[torch.Tensor, ...]], Sequence[Any]],
) -> Prepared:
    if case.name not in VERSIONS:
        raise Unsupported("no hand-written version with torch.cond")
    torch.backends.mha.set_fastpath_enabled(False)  # its one operator is more than exporters know
    version = VERSIONS[case.name](case.model)
    made: dict[object, Callable[..., Any]] = {}
    calls = []
    for way in case.ways:
        tensors = tuple(way.given.tensors.values())
        check_version(version, way.expected, tensors)
        shapes = tuple(tensor.shape for tensor in tensors)
        if shapes not in made:
            made[shapes] = build(version, len(made), tensors)
        calls.append(_partial(made[shapes], given(tensors)))
    return Prepared(calls, lambda way, found: leaf_error(version.of_eager(case.ways[way].expected), list(found)))


def check_version(version: Version, expected: Any, tensors: tuple[torch.Tensor, ...]) -> None:
    """Raise where the hand-written version itself differs from eager."""
    error = leaf_error(version.of_eager(expected), list(version.module(*tensors)))
    if error > 1e-5:
        raise Unsupported(f"the hand-written version differs from eager by {error:.1e}")


def _called(case: Case, network: Callable[..., Any] | nn.Module) -> Prepared:
    def call(way: int) -> Callable[[], object]:
        args, kwargs = case.ways[way].given.args, case.ways[way].given.kwargs
        return lambda: network(*args, **kwargs)

    return Prepared([call(way) for way in range(len(case.ways))], nested_error(case))


def _partial(call: Callable[..., Any], args: Sequence[Any]) -> Callable[[], object]:
    if len(args) == 1:
        (only,) = args
        return lambda: call(only)
    return lambda: call(*args)


def _needs_compiler() -> None:
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        raise Unsupported("no C++ compiler: neither g++ nor clang++ is on the path")
