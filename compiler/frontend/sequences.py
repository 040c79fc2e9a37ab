"""Iterators, generators and their methods, as interpreted code makes and calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend import iteration, prelude
from adaptc.compiler.frontend.interpreted import ENTERED, NATIVE, interpreted
from adaptc.compiler.frontend.iterators import EnumerateIterator, MachineIterator, SymbolicRange, ZipIterator
from adaptc.compiler.frontend.state import Generator

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine


def make_iterator(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    from adaptc.compiler.frontend.calls import iterator

    return iterator(machine, args[0]) if len(args) == 1 else NATIVE


def next_item(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    if isinstance(args[0], MachineIterator) and isinstance(args[0].more(), torch.SymBool):
        return interpreted(prelude.next_item)(machine, args, kwargs, dst)
    if not isinstance(args[0], Generator):
        return NATIVE
    iteration.resume(machine, args[0], None, dst)
    return ENTERED


def send(generator: Generator, value: Any = None) -> Any:
    """What the ``send`` method of an interpreted generator stands for; the machine runs it."""
    raise NotImplementedError


def throw(generator: Generator, kind: Any, value: Any = None, traceback: Any = None) -> Any:
    """What the ``throw`` method of an interpreted generator stands for; the machine runs it."""
    raise NotImplementedError


def close(generator: Generator) -> None:
    """What the ``close`` method of an interpreted generator stands for; the machine runs it."""
    raise NotImplementedError


def run_send(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    iteration.resume(machine, args[0], args[1] if len(args) > 1 else None, dst)
    return ENTERED


def run_throw(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    generator, kind, *rest = args
    error = rest[0] if rest and rest[0] is not None else kind
    iteration.throw(machine, generator, error() if isinstance(error, type) else error, dst)
    return ENTERED


def run_close(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    generator = args[0]
    frame = generator.frame
    if frame is not None and generator.started and frame.code.handlers[frame.pc] is not None:
        return interpreted(prelude.close)(machine, args, kwargs, dst)
    generator.frame = None
    return None


def _sequence(value: Any) -> bool:
    """Whether ``iter`` of it makes an iterator that nothing else uses."""
    return not isinstance(value, (Generator, MachineIterator)) and (
        isinstance(value, (torch.Tensor, SymbolicRange)) or hasattr(value, "__len__")
    )


def make_enumerate(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    from adaptc.compiler.frontend.calls import iterator

    start = kwargs.get("start", args[1] if len(args) > 1 else 0)
    if not args or isinstance(args[0], Generator):
        return interpreted(prelude.enumerate)(machine, args, kwargs, dst)
    return EnumerateIterator(iterator(machine, args[0]), start)


def make_zip(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any], dst: str | None) -> Any:
    from adaptc.compiler.frontend.calls import iterator

    if not all(_sequence(arg) for arg in args):
        return interpreted(prelude.zip)(machine, args, kwargs, dst)
    sources = tuple([iterator(machine, arg) for arg in args])
    lengths = {source.remaining() for source in sources}
    if kwargs.get("strict") and (None in lengths or len(lengths) > 1):
        return interpreted(prelude.zip)(machine, args, kwargs, dst)
    return ZipIterator(sources)
