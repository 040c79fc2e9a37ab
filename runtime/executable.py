"""An artifact in an application: a callable with the network's own signature."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any, NoReturn

import numpy as np

from adaptc.runtime.artifact import Artifact, open_artifact
from adaptc.runtime.engines import EngineOptions, Units, open_engine
from adaptc.runtime.errors import AdaptcError, InputError, SessionError
from adaptc.runtime.hosted import HostedProgram
from adaptc.runtime.hostprogram import HostProgram, units_of
from adaptc.runtime.inputs import binder, changed_arrays, input_checks
from adaptc.runtime.placement import Limits
from adaptc.runtime.probing import Value
from adaptc.runtime.samples import Rerun, rerun
from adaptc.runtime.session import Session
from adaptc.runtime.signature import CallSignature, call_signature
from adaptc.runtime.stream import Stream, check_seed
from adaptc.runtime.structure import Builders
from adaptc.runtime.trace import SampleResult, Trace

Forced = Mapping[str, Sequence[Value | None]]
"""Read name -> the values that it gives, in order; None leaves a value to the data."""

MOST_THREADS = 1024
"""Threads that an engine may be given; it starts them all when the artifact is loaded, and again for each unit."""


def load(
    path: str | os.PathLike[str],
    *,
    engine: str | None = None,
    threads: int = 1,
    max_iterations: int | None = None,
    random_seed: int | None = None,
    by_block: bool = False,
) -> Executable:
    """Load the artifact at `path`, a folder or a ``.adaptc`` file.

    `engine` None takes the one that the artifact was compiled for; `threads` is the number of threads that the
    engine may use in one call. A call in which one loop takes more than `max_iterations` raises `LoopError`. A network
    that draws random numbers draws them from `random_seed`, by default that of the compile. With `by_block`, and where
    iterations are limited, each block runs on its own, though the artifact may have graphs of whole regions.
    Raises `ArtifactError`, `EngineError`, and `InputError` for a wrong `threads`, `max_iterations` or
    `random_seed`.
    """
    artifact = open_artifact(path)
    try:
        return Executable(artifact, engine, threads, max_iterations, random_seed, by_block)
    except BaseException:
        artifact.close()
        raise


class Executable:
    """A compiled network: call it as the network is called, with NumPy arrays or DLPack tensors for tensors.

    It may be called from several threads at once: a call leaves nothing on the object. Made by `load`.
    """

    def __init__(
        self,
        artifact: Artifact,
        engine: str | None,
        threads: int,
        max_iterations: int | None = None,
        random_seed: int | None = None,
        by_block: bool = False,
    ) -> None:
        self._finalizer = weakref.finalize(self, artifact.close)
        if type(threads) is not int or not 1 <= threads <= MOST_THREADS:
            raise InputError(f"threads is {threads!r}: it must be an int from 1 to {MOST_THREADS}")
        if max_iterations is not None and (type(max_iterations) is not int or max_iterations < 1):
            raise InputError(f"max_iterations is {max_iterations!r}: it must be an int from 1, or None for no limit")
        check_seed(random_seed)
        manifest = artifact.manifest
        self._seed = artifact.host.seed if random_seed is None else random_seed
        self._limits = Limits(iterations=max_iterations)
        self._artifact = artifact
        # No graph counts the iterations of its loops.
        self._program = artifact.host if by_block or max_iterations is not None else artifact.plan
        units = units_of(self._program)
        options = EngineOptions(threads, len(units))
        opened = open_engine(manifest.engine if engine is None else engine, options)
        self._calls = Units(opened, manifest.units, artifact.folder)
        for unit in units:
            self._calls[unit]
        self._builders = Builders()
        self._first = self._hosted(self._program, artifact.host)
        self._host, self._build = self._first.run, self._first.build
        self._bind = binder(manifest.signature)
        changes = artifact.host.changes
        self._changed = changed_arrays(manifest.signature, changes) if changes else None
        self._leaves_nothing = self._changed is None and not self._first.draws

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network; the outputs have its own structure, tensors as NumPy arrays, host scalars as numbers.

        A network that keeps state begins every call with its state at compile time (`session` goes on instead), and
        one that changes its arguments in place changes the arrays that are given. Raises `InputError` if the arguments
        do not fit, `NetworkError` where the network raises, and `EngineError` if a unit fails.
        """
        if self._leaves_nothing:
            block, outputs = self._host(*self._bind(args, kwargs))
            return self._build[block](outputs)
        targets = self._changed(args, kwargs) if self._changed else ()
        block, outputs = self._host(*self._start(), *self._bind(args, kwargs))
        for target, new in zip(targets, outputs[self._first.leaves[block] :]):
            np.copyto(target, new)
        return self._build[block](outputs)

    def _start(self) -> tuple[Stream, ...]:
        """What a call takes before its arguments: its stream, where it draws random numbers."""
        return (Stream(self._seed or 0),) if self._first.draws else ()

    def session(self, random_seed: int | None = None) -> Session:
        """A new session: calls that follow each other, each in the state that the one before left behind.

        Its random numbers come from one stream, that of `random_seed` (by default the executable's), which goes on
        from call to call. Raises `SessionError` with the reason where the network keeps a state that no later call
        can be compiled for.
        """
        self._check_open()
        program = self._artifact.host
        if program.no_session:
            raise SessionError(f"calls of {self.name!r} cannot follow each other in a session:\n{program.no_session}")
        check_seed(random_seed)
        first = self._seed if random_seed is None else random_seed
        signature = self._artifact.manifest.signature
        return Session(self._programs, signature, self._bind, self._changed, self._check_open, first or 0)

    @cached_property
    def _programs(self) -> tuple[HostedProgram, ...]:
        """The programs of a session, the first call's first."""
        both = zip(self._program.later, self._artifact.host.later, strict=True)
        return (self._first, *(self._hosted(program, blocks) for program, blocks in both))

    def _hosted(self, program: HostProgram, blocks: HostProgram) -> HostedProgram:
        return HostedProgram(program, self._artifact.manifest, self._calls, self._limits, self._builders, blocks)

    def _check_open(self) -> None:
        if not self._finalizer.alive:
            raise AdaptcError(f"the executable {self.name!r} is closed; load the artifact again")

    @property
    def name(self) -> str:
        """The network's name."""
        return self._artifact.manifest.name

    @property
    def signature(self) -> CallSignature:
        """How the network is called and what it returns; print it."""
        return call_signature(self._artifact.manifest.signature, self._artifact.host)

    @property
    def report(self) -> dict[str, Any]:
        """What the compiler reports: ``report.json``."""
        return self._artifact.report

    @property
    def paths(self) -> list[dict[str, Any]]:
        """The paths that the compiler verified: name, blocks, decisions, and the worst relative error of each."""
        paths: list[dict[str, Any]] = self._artifact.report.get("paths", [])
        return paths

    @property
    def blocks(self) -> tuple[str, ...]:
        """The names of the blocks of the host program."""
        return tuple(block.name for block in self._artifact.host.blocks)

    def trace(self, *args: Any, **kwargs: Any) -> Trace:
        """Run the network as a call does, and tell the path, the reads and each unit's time. Raises as a call does."""
        return self._traced(args, kwargs, {}, forced=False)[0]

    def run_forced(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        forced: Forced,
    ) -> Trace:
        """Run the network with the values of reads replaced, so that it takes a chosen path.

        `forced`: read name -> the values that it gives, in order; None, and what comes after the last, leaves the
        value to the data. Where the network raises, `Trace.raises` says so. Raises `InputError` for the name of a
        read that the program does not have.
        """
        return self._traced(tuple(args), dict(kwargs), forced, forced=True)[0]

    def run_noted(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], forced: Forced
    ) -> tuple[Trace, Sequence[Value]]:
        """`run_forced`, with the values that the data would have given the reads."""
        return self._traced(tuple(args), dict(kwargs), forced, forced=True)

    def flat_inputs(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Sequence[Any]:
        """What a call passes to its host program. Raises `InputError` if the arguments do not fit."""
        return [*self._start(), *self._bind(tuple(args), dict(kwargs))]

    def _traced(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], reads: Forced, *, forced: bool
    ) -> tuple[Trace, Sequence[Value]]:
        targets = self._changed(args, kwargs) if self._changed else ()
        program = self._first.by_block
        probe = program.probe(reads)
        trace, _, _ = program.traced(probe, self.flat_inputs(args, kwargs), forced=forced)
        for target, new in zip(targets, trace.changed):
            np.copyto(target, new)
        return trace, probe.natural

    def verify(self, tolerance: float = 1e-5) -> list[SampleResult]:
        """Run the artifact's samples again and compare with eager PyTorch's outputs, which lie in the artifact.

        Samples along forced paths run block by block; of the others the outputs are those that a call gives.
        A leaf's relative error is max|a - b| / max(max|b|, 1e-6); ints, bools and the path must be equal.
        """
        checks = input_checks(self._artifact.manifest.signature)
        program = self._first.by_block

        def run(inputs: Sequence[Any], forced: Forced) -> Rerun:
            sizes: dict[str, int] = {}
            arrays = [check(value, sizes) for check, value in zip(checks, inputs)]
            values = [*self._start(), *arrays]
            trace, block, outputs = program.traced(program.probe(forced), values, forced=True)
            if not forced and not trace.raises and program is not self._first:
                block, outputs = self._host(*self._start(), *arrays)
                return Rerun(outputs[: self._first.leaves[block]], "", trace.path)
            leaves = outputs[: program.leaves[block]] if block >= 0 else ()
            return Rerun(leaves, trace.raises, trace.path)

        artifact = self._artifact
        return [rerun(artifact.folder, sample, run, tolerance) for sample in artifact.manifest.samples]

    def close(self) -> None:
        """Let go of the engine and of extracted files; a call after this raises `AdaptcError`."""

        def closed(*inputs: Any, **named: Any) -> NoReturn:
            raise AdaptcError(f"the executable {self.name!r} is closed; load the artifact again")

        self._host = self._bind = closed
        self._changed = None
        self._leaves_nothing = True
        self._calls.clear()
        self.__dict__.pop("_programs", None)
        for program in (self._first, self._first.__dict__.get("by_block", self._first)):
            program.run = program.__dict__["probed"] = closed
        self._finalizer()

    def __enter__(self) -> Executable:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<adaptc executable {self.name}{self.signature}>"
