"""What is looked at before a network is captured: its mode, its parameters, and its example inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from adaptc.compiler.errors import CompileError, Problem
from adaptc.compiler.frontend.raised import user_place
from adaptc.compiler.signature import Bound
from adaptc.compiler.structure import StructureError
from adaptc.compiler.verify.eager import EndlessRun, run_eager_forced

_NORMS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)
_PLAIN = (torch.Tensor, nn.Parameter, nn.Buffer)


def check_tensors(model: nn.Module, inputs: Sequence[tuple[str, torch.Tensor]]) -> None:
    """Raise `CompileError` where the network or an input holds tensors that nothing can be computed with here.

    These are wrappers around a network (TorchScript, torch.compile, DataParallel), and tensors that are not plain,
    strided CPU tensors. `inputs` are the example inputs by name.
    """
    file, line = _forward_line(model)
    found = _wrapper(model)
    if found is None:
        tensors = [
            *((f"parameter '{name}'", tensor) for name, tensor in model.named_parameters(remove_duplicate=False)),
            *((f"buffer '{name}'", tensor) for name, tensor in model.named_buffers(remove_duplicate=False)),
            *((f"input '{name}'", tensor) for name, tensor in inputs),
        ]
        found = list(_grouped(tensors))
    if found:
        raise CompileError([Problem(file, line, what, why, instead) for what, why, instead in found])


def training_problems(model: nn.Module) -> list[Problem]:
    """Modules in train mode that make results random or change the network's state, one problem per kind."""
    active = [(name or "model", module) for name, module in model.named_modules() if module.training]
    file, line = _forward_line(model)
    instead = "call model.eval() before compiling"
    problems = []
    dropped = [f"{name} ({type(module).__name__}, p={p:g})" for name, module in active if (p := _dropout(module)) > 0]
    if dropped:
        why = "in train mode dropout makes every result random, so no compiled network can equal it"
        problems.append(Problem(file, line, f"dropout is active in {_listed(dropped)}", why, instead))
    norms = [
        f"{name} ({type(module).__name__})"
        for name, module in active
        if isinstance(module, _NORMS) and module.track_running_stats
    ]
    if norms:
        why = "in train mode it normalises by the statistics of the batch at hand and changes the running ones"
        problems.append(Problem(file, line, f"batch statistics are used in {_listed(norms)}", why, instead))
    return problems


@contextmanager
def settled(model: nn.Module) -> Iterator[None]:
    """While it lasts, the modules that `training_problems` reports behave as in eval mode, so that the capture does
    not report them a second time."""
    modules = [m for m in model.modules() if m.training and (_dropout(m) > 0 or isinstance(m, _NORMS))]
    for module in modules:
        module.training = False
    try:
        yield
    finally:
        for module in modules:
            module.training = True


def _dropout(module: nn.Module) -> float:
    """The probability with which `module` itself drops values in train mode."""
    if isinstance(module, nn.modules.dropout._DropoutNd):
        return float(module.p)
    if isinstance(module, nn.MultiheadAttention):
        return float(module.dropout)
    if isinstance(module, nn.RNNBase) and module.num_layers > 1:
        return float(module.dropout)
    if isinstance(module, nn.RReLU):
        return 1.0 if module.lower != module.upper else 0.0
    return 0.0


def _wrapper(model: nn.Module) -> list[tuple[str, str, str]] | None:
    if isinstance(model, torch.jit.ScriptModule):
        why = "adaptc reads the Python source of forward, and TorchScript has left it behind"
        return [(f"the network is TorchScript ({type(model).__name__})", why, "pass the nn.Module it was made from")]
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        why = "it spreads a call over devices, and a compiled network runs on one"
        return [(f"the network is wrapped in {type(model).__name__}", why, "pass model.module")]
    if hasattr(model, "_orig_mod"):
        why = "its forward is torch.compile's, not the network's own"
        return [("the network is wrapped by torch.compile", why, "pass the module itself, before torch.compile")]
    return None


_Test = tuple[Callable[[torch.Tensor], bool], str, str, str]

_TESTS: tuple[_Test, ...] = (
    (
        lambda tensor: nn.parameter.is_lazy(tensor),
        "have no shape yet (lazy modules): {}",
        "a lazy module makes its parameters when it first runs",
        "run the network once on its example inputs, and load its weights, before compiling",
    ),
    (
        lambda tensor: tensor.is_quantized,
        "are quantized: {}",
        "the units that adaptc emits compute in floating point and integer tensors",
        "use the network in float32 (call dequantize() on the tensors)",
    ),
    (
        lambda tensor: tensor.device.type == "meta",
        "have no values (device meta): {}",
        "the artifact stores the values of the parameters",
        "load the network's weights onto the CPU (model.to_empty(device='cpu'), then load_state_dict)",
    ),
    (
        lambda tensor: tensor.device.type not in ("cpu", "meta"),
        "are not on the CPU: {}",
        "networks are compiled for, and verified on, the CPU",
        "call model.cpu(), and .cpu() on the example inputs",
    ),
    (
        lambda tensor: tensor.layout is not torch.strided,
        "are not dense: {}",
        "engines take dense tensors",
        "call to_dense() on them",
    ),
    (
        lambda tensor: type(tensor) not in _PLAIN,
        "are of a class that is not a plain tensor: {}",
        "what such a class does in an operator cannot be seen from outside",
        "make them plain torch.Tensor parameters",
    ),
)


def failing_call(model: nn.Module, bound: Bound, max_iterations: int | None) -> list[Problem]:
    """The problem that eager PyTorch itself fails on the example inputs, if it does; the network is left as it was."""
    try:
        error = run_eager_forced(model, bound.args, bound.kwargs, (), max_iterations=max_iterations).exception
    except StructureError:
        return []  # a result that cannot be taken apart: the capture says where it is returned
    if error is None:
        return []
    file, line = user_place(error) or _forward_line(model)
    if isinstance(error, EndlessRun):
        return [
            Problem(
                file,
                line,
                f"on the example inputs a loop takes more than {max_iterations} iterations (max_iterations)",
                "runs of more are not compared, and the example inputs must be",
                "give example inputs on which it ends sooner, or a greater max_iterations (--max-iterations)",
            )
        ]
    text = str(error).splitlines()[0] if str(error) else "no message"
    return [
        Problem(
            file,
            line,
            f"the network fails on its example inputs: {type(error).__name__}: {text}",
            "eager PyTorch fails here too, so there is nothing to compare the compiled network with",
            "give example inputs on which the network returns",
        )
    ]


def _grouped(tensors: Iterable[tuple[str, torch.Tensor]]) -> Iterable[tuple[str, str, str]]:
    left = list(tensors)
    for test, found, why, instead in _TESTS:
        hit = [name for name, tensor in left if test(tensor)]
        left = [(name, tensor) for name, tensor in left if name not in set(hit)]
        if hit:
            yield "tensors " + found.format(_listed(hit)), why, instead


def _listed(names: Sequence[str], limit: int = 8) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _forward_line(model: nn.Module) -> tuple[str, int]:
    """Where the network's forward is defined; its class's module stands in where that is not Python source."""
    code = getattr(getattr(model.forward, "__func__", model.forward), "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code is not None else (type(model).__module__, 1)
