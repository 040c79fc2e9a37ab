"""Runs random networks through the capture and through eager PyTorch, and makes failing ones small."""

from __future__ import annotations

import copy
import linecache
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal

import torch
from torch import nn

from adaptc.compiler.errors import CompileError
from adaptc.compiler.frontend.capture import capture
from adaptc.compiler.ir.interpret import interpret
from adaptc.compiler.ir.verify import verify
from adaptc.compiler.signature import bind
from adaptc.compiler.structure import StructureError, flatten
from adaptc.runtime.structure import Builders
from adaptc.runtime.tree import RowsNode
from adaptc.runtime.treecheck import nodes

from ..checking import same

Call = tuple[torch.Tensor, torch.Tensor]
Verdict = Literal["equal", "refused", "wrong", "crash", "invalid"]

_INTERNAL = re.compile(r"Sym(Int|Float|Bool)|FakeTensor|GuardOnData|zuf\d|\bu\d+\b|AssertionError|adaptc\.compiler")


@dataclass(frozen=True)
class Finding:
    """What came of one program. `invalid`: eager itself fails other than by the program's own exceptions.

    `paths` is the number of different paths that the inputs took, where all results are equal.
    """

    verdict: Verdict
    text: str = ""
    paths: int = 0


class Hang(BaseException):
    """The capture took too long."""


def inputs(count: int = 6) -> list[Call]:
    """Inputs whose values lie on both sides of the programs' thresholds."""
    generator = torch.Generator().manual_seed(3)
    calls = []
    for index in range(count):
        shift = -1.0 + 2.0 * index / max(count - 1, 1)
        x = torch.randn(4, generator=generator) * 0.8 + shift
        y = torch.randn(2, 4, generator=generator) - shift * 0.5
        calls.append((x, y))
    return calls


def build(source: str, filename: str) -> nn.Module:
    """The network that a program defines. Tracebacks and the capture find its source through linecache."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"__name__": "random_network", "__file__": filename}
    exec(compile(source, filename, "exec", dont_inherit=True), namespace)
    torch.manual_seed(0)
    network: nn.Module = namespace["Network"]()
    return network.eval()


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raise Hang in the code inside after this many seconds of the processor, which others may share."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Hang

    previous = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def examine(source: str, filename: str, calls: list[Call], seconds: int = 40) -> Finding:
    """Compare a program with eager on `calls`."""
    try:
        model = build(source, filename)
        with time_limit(seconds):
            expected = [_eager(model, call) for call in calls]
    except Hang:
        return Finding("invalid", "its own loops do not end")
    except Exception as error:  # noqa: BLE001  (any failure of eager makes the program no test)
        return Finding("invalid", f"{type(error).__name__}: {error}")
    try:
        with time_limit(seconds):
            program = capture(model, bind(model.forward, calls[0]), {}, "Network")
            verify(program)
            paths: set[tuple[str, ...]] = set()
            for number, (call, wanted) in enumerate(zip(calls, expected, strict=True)):
                outcome = interpret(program, flatten(tuple(call), "static")[1])
                paths.add(tuple(outcome.path))
                difference = _difference(outcome, wanted)
                if difference:
                    return Finding("wrong", f"call {number}: {difference}")
    except CompileError as refusal:
        leaked = _INTERNAL.search(str(refusal))
        return Finding("crash" if leaked else "refused", str(refusal))
    except Hang:
        return Finding("crash", f"more than {seconds} s")
    except Exception as error:  # noqa: BLE001
        return Finding("crash", f"{type(error).__name__}: {error}")
    return Finding("equal", paths=len(paths))


def _eager(model: nn.Module, call: Call) -> tuple[str, Any]:
    """The name of the exception that the network raises itself, or its flattened result."""
    with torch.no_grad():
        try:
            result = copy.deepcopy(model)(*copy.deepcopy(call))
        except Exception as error:
            if type(error).__module__ != "random_network":
                raise
            return type(error).__name__, None
    tree, leaves = flatten(result, "leaf")
    if any(isinstance(leaf, torch.Tensor) and not leaf.isfinite().all() for leaf in leaves):
        raise StructureError("output", "a result that is not finite", "")
    return "", (tree, leaves)


def _difference(outcome: Any, wanted: tuple[str, Any]) -> str:
    raised, result = wanted
    if outcome.raises != raised:
        return f"raises {outcome.raises!r} where eager raises {raised!r}"
    if raised:
        return ""
    tree, leaves = result
    our_tree, outputs = outcome.tree, outcome.outputs
    if any(isinstance(node, RowsNode) for node in nodes(our_tree)):  # lists of as many elements as there are rows
        our_tree, outputs = flatten(Builders().builder(our_tree)(outputs), "leaf")
    if our_tree != tree:
        return f"structure {our_tree} where eager has {tree}"
    for number, (ours, eager) in enumerate(zip(outputs, leaves, strict=True)):
        try:
            same(ours, eager)
        except AssertionError:
            return f"leaf {number} is {ours!r} where eager has {eager!r}"
    return ""


# -- making programs small ----------------------------------------------------------------------------------------


def reduce(source: str, fails: Callable[[str], bool]) -> str:
    """The smallest program found by leaving out statements, and by replacing compound ones by their bodies."""
    lines = source.splitlines()
    size = len(lines)
    changed = True
    while changed:
        changed = False
        position = len(lines) - 1
        while position >= 0:
            for candidate in _smaller(lines, position):
                if fails("\n".join(candidate) + "\n"):
                    lines, changed = candidate, True
                    break
            position = min(position, len(lines)) - 1
        if len(lines) == size:
            break
        size = len(lines)
    return "\n".join(lines) + "\n"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _smaller(lines: list[str], position: int) -> Iterator[list[str]]:
    line = lines[position]
    if not line.strip():
        yield lines[:position] + lines[position + 1 :]
        return
    words = line.strip().split(", ")
    if words[0].startswith("return ") and len(words) > 1 and all(word.split()[-1].isidentifier() for word in words):
        names = [words[0].removeprefix("return "), *words[1:]]
        for number in range(len(names)):
            rest = ", ".join(names[:number] + names[number + 1 :])
            yield [*lines[:position], " " * _indent(line) + f"return {rest}", *lines[position + 1 :]]
    stop = position + 1
    while stop < len(lines) and (not lines[stop].strip() or _indent(lines[stop]) > _indent(line)):
        stop += 1
    yield lines[:position] + lines[stop:]
    if stop > position + 1:
        body = [inner[4:] for inner in lines[position + 1 : stop]]
        yield lines[:position] + body + lines[stop:]
    elif _indent(line) and not line.strip().startswith(("return", "pass")):
        yield [*lines[:position], " " * _indent(line) + "pass", *lines[position + 1 :]]
