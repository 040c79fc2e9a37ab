"""Tensors that a call gives another size: ``out=`` of another shape, ``resize_`` and ``resize_as_``.

A fake tensor keeps its shape on all ways. So the variables that hold the tensor get another one, which is the same to
everyone as long as nothing else leads to its memory.
"""

from __future__ import annotations

from types import BuiltinFunctionType, BuiltinMethodType
from typing import TYPE_CHECKING, Any

import torch
from torch._subclasses.fake_tensor import FakeTensor

from adaptc.compiler.frontend.assembling import assemble
from adaptc.compiler.frontend.heap import roots
from adaptc.compiler.frontend.interpreted import NATIVE
from adaptc.compiler.frontend.reasons import MEMORY
from adaptc.compiler.frontend.signals import Refused
from adaptc.compiler.frontend.symbols import expression, is_contiguous

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine
    from adaptc.compiler.frontend.recorder import Recorder


def with_out(machine: Machine, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call of a torch function with ``out=`` one tensor, whose shape the result may not have; NATIVE for others."""
    out = kwargs.get("out")
    builtin = isinstance(function, (BuiltinFunctionType, BuiltinMethodType))
    if not isinstance(out, torch.Tensor) or not builtin or function not in torch.overrides.get_testing_overrides():
        return NATIVE
    from adaptc.compiler.frontend.calls import native

    result = native(machine, function, args, {name: value for name, value in kwargs.items() if name != "out"})
    if _shape(result.shape) == _shape(out.shape):
        return machine.recorder.record(torch.Tensor.copy_, (out, result), {})
    if result.dtype != out.dtype:
        result = machine.recorder.record(torch.Tensor.to, (result, out.dtype), {})
    return _instead(machine, out, result, "out= of another shape")


def resize(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    """``x.resize_(...)``"""
    tensor, *sizes = args
    if kwargs or not sizes:
        return NATIVE
    shape = tuple(sizes[0]) if isinstance(sizes[0], (tuple, list)) else tuple(sizes)
    return _resized(machine, tensor, shape, "resize_()")


def resize_as(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    """``x.resize_as_(other)``"""
    return NATIVE if kwargs or len(args) != 2 else _resized(machine, args[0], tuple(args[1].shape), "resize_as_()")


def _resized(machine: Machine, tensor: torch.Tensor, shape: tuple[Any, ...], what: str) -> Any:
    """As many elements as it had, in their order; those that are new hold anything in PyTorch, here zeros."""
    recorder = machine.recorder
    fake = recorder.fake(tensor)
    if _shape(fake.shape) == _shape(shape):
        return tensor
    if recorder.memories.is_view(fake) or not is_contiguous(fake):
        raise _refusal(machine, what)
    flat = recorder.record(torch.reshape, (fake, (-1,)), {})
    end = recorder.record(torch.zeros, ((1,),), {"dtype": fake.dtype})
    count = recorder.record(assemble, (flat.shape[0], torch.int64), {})
    wanted = 1
    for extent in shape:
        wanted = wanted * extent
    places = recorder.record(torch.minimum, (recorder.record(torch.arange, (wanted,), {}), count), {})
    taken = recorder.record(torch.index_select, (recorder.record(torch.cat, ([flat, end],), {}), 0, places), {})
    made = recorder.record(torch.clone, (recorder.record(torch.reshape, (taken, shape), {}),), {})
    return _instead(machine, tensor, made, what)


def _instead(machine: Machine, tensor: torch.Tensor, other: torch.Tensor, what: str) -> torch.Tensor:
    """Let the variables that hold `tensor` hold `other`. Raises Refused where something else leads to its memory."""
    recorder = machine.recorder
    if not isinstance(tensor, FakeTensor) or not _own(recorder, tensor):
        raise _refusal(machine, what)
    for frame in machine.state.frames:
        for name, value in frame.registers.items():
            if value is tensor:
                frame.registers[name] = other
        for cell in frame.cells.values():
            if cell != type(cell)() and cell.cell_contents is tensor:
                cell.cell_contents = other
    others = [held for held in reached(machine) if isinstance(held, FakeTensor)]
    if any(recorder.memories.of(held) is recorder.memories.of(tensor) for held in others):
        raise _refusal(machine, what)
    return other


def reached(machine: Machine) -> list[torch.Tensor]:
    """The tensors that the running state can reach when the instruction that runs is done."""
    machine.state.prune()
    frame, found = machine.state.frames[-1].copy(), list[torch.Tensor]()
    handler = frame.code.handlers[frame.pc]
    frame.prune(frame.code.live[frame.pc + 1] | (frozenset() if handler is None else frame.code.live[handler]))
    machine.heap.snapshot(roots([*machine.state.frames[:-1], frame]), found)
    return found


def _own(recorder: Recorder, tensor: torch.Tensor) -> bool:
    """Whether the call has made the memory of `tensor`, and no join has made it unclear what shares it."""
    recorder.fake(tensor)
    memory = recorder.memories.of(tensor)
    value = recorder.held.values[id(tensor)][0]
    return value.weight is None and memory not in recorder.given and memory not in recorder.held.entangled


def _shape(sizes: Any) -> list[Any]:
    return [expression(size) for size in sizes]


def _refusal(machine: Machine, what: str) -> Refused:
    return Refused(machine.problem(what, *MEMORY))
