"""Ways to run a program whose artifact is being written: calls as an application makes them, each way on its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from adaptc.compiler.ir.program import Program
from adaptc.compiler.planned_host import RegionUnit, planned_host
from adaptc.runtime.engines import EngineOptions, UnitCall, Units, open_engine
from adaptc.runtime.hosted import HostedProgram
from adaptc.runtime.inputs import binder
from adaptc.runtime.manifest import Manifest
from adaptc.runtime.placement import Limits
from adaptc.runtime.stream import Stream
from adaptc.runtime.structure import Builders
from adaptc.runtime.trace import Trace

Call = Callable[[Sequence[Any], Mapping[str, Any]], Any]
"""A call of the network with arrays."""


class Runnable:
    """A program whose returns and raises stand in blocks of their own, in each way that some of its `regions`, by their
    entries, are graphs.

    The artifact in `folder` has `manifest`, but for the units of the regions; `block_units` name the units of blocks.
    Every unit is opened once, so that ways differ in what they call and in nothing else; `watch` may put others in
    their place.
    """

    def __init__(
        self,
        program: Program,
        regions: Mapping[str, RegionUnit],
        manifest: Manifest,
        block_units: Mapping[str, str],
        folder: Path,
        watch: Callable[[Mapping[str, UnitCall]], Mapping[str, UnitCall]] | None = None,
    ) -> None:
        self.program = program
        self._regions = regions
        self._block_units = block_units
        units = (*manifest.units, *(region.unit for region in regions.values()))
        self._manifest = msgspec.structs.replace(manifest, units=units)
        opened = Units(open_engine(manifest.engine, EngineOptions(units=len(units))), units, folder)
        self._units: Mapping[str, UnitCall] = opened if watch is None else watch(opened)
        self._bind = binder(manifest.signature)
        self._builders = Builders()

    def call(self, graphs: frozenset[str]) -> Call:
        """Calls of the program with these regions as graphs, as `Executable.__call__` makes them.

        Arguments that the network changes in place stay as they are: the next call is to take the same path.
        """
        hosted = self._hosted(graphs, Limits())
        bind, run, build = self._bind, hosted.run, hosted.build
        if hosted.draws:

            def drawing(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
                block, outputs = run(self._stream(), *bind(tuple(args), dict(kwargs)))
                return build[block](outputs)

            return drawing

        def plain(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
            block, outputs = run(*bind(tuple(args), dict(kwargs)))
            return build[block](outputs)

        return plain

    def traced(self, args: Sequence[Any], kwargs: Mapping[str, Any], iterations: int) -> Trace:
        """What a call does, block by block; `Trace.raises` says so where the network raises.

        Raises `LoopError` where a loop takes more than `iterations`, and `EngineError` where a unit fails.
        """
        hosted = self._hosted(frozenset(), Limits(iterations=iterations))
        inputs = [*([self._stream()] if hosted.draws else []), *self._bind(tuple(args), dict(kwargs))]
        return hosted.traced(hosted.probe({}), inputs, forced=True)[0]

    def _hosted(self, graphs: frozenset[str], limits: Limits) -> HostedProgram:
        host = planned_host(self.program, self._block_units, [self._regions[entry] for entry in sorted(graphs)])
        return HostedProgram(host, self._manifest, self._units, limits, self._builders, host)

    def _stream(self) -> Stream:
        return Stream(self.program.seed or 0)
