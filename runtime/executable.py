"""An artifact in an application: a callable with the network's own signature."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any, NoReturn

from adaptc.runtime.artifact import Artifact, open_artifact
from adaptc.runtime.engines import EngineOptions, open_engine
from adaptc.runtime.errors import AdaptcError, InputError, NetworkError
from adaptc.runtime.hostprogram import Branch, Return, Switch
from adaptc.runtime.inputs import binder, input_checks
from adaptc.runtime.placement import Limits
from adaptc.runtime.probing import Probe, Value, reads_of
from adaptc.runtime.samples import Rerun, rerun
from adaptc.runtime.signature import CallSignature, call_signature
from adaptc.runtime.structure import Build, Builders
from adaptc.runtime.synthesis import host_function, host_source
from adaptc.runtime.trace import SampleResult, Trace

MOST_THREADS = 1024
"""Threads that an engine may be given; it starts them all when the artifact is loaded, and again for each unit."""


def load(
    path: str | os.PathLike[str],
    *,
    engine: str | None = None,
    threads: int = 1,
    max_iterations: int | None = None,
) -> Executable:
    """Load the artifact at `path`, a folder or a ``.adaptc`` file.

    `engine` None takes the one that the artifact was compiled for; `threads` is the number of threads that the
    engine may use in one call. A call in which one loop takes more than `max_iterations` raises `LoopError`.
    Raises `ArtifactError`, `EngineError`, and `InputError` for a wrong `threads` or `max_iterations`.
    """
    artifact = open_artifact(path)
    try:
        return Executable(artifact, engine, threads, max_iterations)
    except BaseException:
        artifact.close()
        raise


class Executable:
    """A compiled network: call it as the network is called, with NumPy arrays or DLPack tensors for tensors.

    It may be called from several threads at once: a call leaves nothing on the object. Made by `load`.
    """

    def __init__(self, artifact: Artifact, engine: str | None, threads: int, max_iterations: int | None = None) -> None:
        self._finalizer = weakref.finalize(self, artifact.close)
        if type(threads) is not int or not 1 <= threads <= MOST_THREADS:
            raise InputError(f"threads is {threads!r}: it must be an int from 1 to {MOST_THREADS}")
        if max_iterations is not None and (type(max_iterations) is not int or max_iterations < 1):
            raise InputError(f"max_iterations is {max_iterations!r}: it must be an int from 1, or None for no limit")
        manifest, program = artifact.manifest, artifact.host
        self._limits = Limits(iterations=max_iterations)
        self._artifact = artifact
        self._engine = open_engine(
            manifest.engine if engine is None else engine, EngineOptions(threads, len(manifest.units))
        )
        self._calls = {unit.name: self._engine.open(unit, artifact.folder / unit.file) for unit in manifest.units}
        source = host_source(program, manifest.units, manifest.signature.inputs, limits=self._limits)
        self._host: Callable[..., tuple[int, tuple[Any, ...]]] = host_function(source, manifest.units, self._calls)
        self._bind = binder(manifest.signature)
        builders = Builders()
        self._build: dict[int, Build] = {
            number: builders.builder(block.terminator.tree)
            for number, block in enumerate(program.blocks)
            if isinstance(block.terminator, Return)
        }

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network; the outputs have its own structure, tensors as NumPy arrays, host scalars as numbers.

        Raises `InputError` if the arguments do not fit, `NetworkError` where the network raises, and `EngineError`
        if a unit fails.
        """
        block, outputs = self._host(*self._bind(args, kwargs))
        return self._build[block](outputs)

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
        probe = Probe()
        block, outputs = self._probed_host(probe, *self._bind(args, kwargs))
        return self._trace(probe, self._build[block](outputs), "")

    def run_forced(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        forced: Mapping[str, Sequence[Value | None]],
    ) -> Trace:
        """Run the network with the values of reads replaced, so that it takes a chosen path.

        `forced`: read name -> the values that it gives, in order; None, and what comes after the last, leaves the
        value to the data. Where the network raises, `Trace.raises` says so. Raises `InputError` for the name of a
        read that the program does not have.
        """
        probe = self._probe(forced)
        try:
            block, outputs = self._probed_host(probe, *self._bind(tuple(args), dict(kwargs)))
        except NetworkError as error:
            return self._trace(probe, None, error.exception)
        return self._trace(probe, self._build[block](outputs), "")

    def verify(self, tolerance: float = 1e-5) -> list[SampleResult]:
        """Run the artifact's samples again and compare with eager PyTorch's outputs, which lie in the artifact.

        A leaf's relative error is max|a - b| / max(max|b|, 1e-6); ints, bools and the path must be equal.
        """
        checks = input_checks(self._artifact.manifest.signature)

        def run(inputs: Sequence[Any], forced: Mapping[str, Sequence[Value | None]]) -> Rerun:
            probe = self._probe(forced)
            sizes: dict[str, int] = {}
            outputs: tuple[Any, ...] = ()
            raises = ""
            try:
                arrays = [check(value, sizes) for check, value in zip(checks, inputs)]
                outputs = self._probed_host(probe, *arrays)[1]
            except NetworkError as error:
                raises = error.exception
            return Rerun(outputs, raises, tuple(self.blocks[number] for number in probe.blocks))

        artifact = self._artifact
        return [rerun(artifact.folder, sample, run, tolerance) for sample in artifact.manifest.samples]

    def close(self) -> None:
        """Let go of the engine and of extracted files; a call after this raises `AdaptcError`."""

        def closed(*inputs: Any, **named: Any) -> NoReturn:
            raise AdaptcError(f"the executable {self.name!r} is closed; load the artifact again")

        self._host = self._bind = closed
        self._calls = {}
        self.__dict__["_probed_host"] = closed
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

    @cached_property
    def _probed_host(self) -> Callable[..., tuple[int, tuple[Any, ...]]]:
        """The instrumented host, which is made when it is first asked for. Two threads may make it twice."""
        manifest, program = self._artifact.manifest, self._artifact.host
        source = host_source(program, manifest.units, manifest.signature.inputs, probed=True, limits=self._limits)
        return host_function(source, manifest.units, self._calls)

    def _probe(self, forced: Mapping[str, Sequence[Value | None]]) -> Probe:
        numbers = {read.name: number for number, read in enumerate(reads_of(self._artifact.host))}
        for name in forced:
            if name not in numbers:
                raise InputError(f"there is no read {name!r}; the reads are: {', '.join(numbers) or 'none'}")
        return Probe({numbers[name]: values for name, values in forced.items()})

    def _trace(self, probe: Probe, outputs: Any, raises: str) -> Trace:
        program, units = self._artifact.host, self._artifact.manifest.units
        reads = reads_of(program)
        decisions: list[tuple[str, bool | int]] = []
        for number, taken in probe.decisions:
            terminator = program.blocks[number].terminator
            assert isinstance(terminator, Branch | Switch)
            decisions.append((terminator.loc, taken))
        return Trace(
            outputs=outputs,
            path=tuple(program.blocks[number].name for number in probe.blocks),
            decisions=tuple(decisions),
            reads=tuple((reads[number].name, value) for number, value in probe.reads),
            units=tuple((units[number].name, nanoseconds / 1000) for number, nanoseconds in probe.units),
            raises=raises,
        )

    def __repr__(self) -> str:
        return f"<adaptc executable {self.name}{self.signature}>"
