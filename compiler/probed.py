"""The plan of an artifact, probed: its regions' graphs take the values of their reads from an input."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from adaptc.compiler.artifact import Contents
from adaptc.compiler.backends.onnx.graphs.region import PROBES
from adaptc.compiler.backends.onnx.graphs.units import write_region
from adaptc.compiler.host import host_program
from adaptc.compiler.plan.region import Leaving, exits
from adaptc.compiler.planned_executable import Replay, Replayed
from adaptc.compiler.planned_host import RegionUnit, planned_host
from adaptc.compiler.planning import PlannedPart
from adaptc.runtime import Executable
from adaptc.runtime.engines import EngineOptions, UnitCall, Units, open_engine
from adaptc.runtime.hosted import HostedProgram
from adaptc.runtime.hostprogram import HostProgram
from adaptc.runtime.manifest import Unit, files_of
from adaptc.runtime.placement import Limits
from adaptc.runtime.probing import Probe, Value, reads_of
from adaptc.runtime.session import Session
from adaptc.runtime.structure import Builders

_SUFFIX = ".probed"


class ProbedPlan:
    """The plan of the artifact in `folder`, which has `contents`, for `PlannedExecutable`; `shipped` is the artifact
    loaded as it is. `size` 0 takes the graphs that any machine runs, another one those with channels in blocks of so
    many."""

    def __init__(self, shipped: Executable, contents: Contents, folder: Path, size: int = 0) -> None:
        self._shipped = shipped
        self._size = size
        self._files: list[Path] = []
        self._current = Replay(())
        self._hosted = [self._probed(part, contents, folder) for part in contents.planned.parts]
        blocks_of = (host_program(part.program, contents.units.block_units) for part in contents.planned.parts)
        self._reads = [{read.name for read in reads_of(host)} for host in blocks_of]

    def replay(self, number: int, replay: Replay, inputs: Sequence[Any]) -> Replayed:
        """Run program `number` of a session on the flat `inputs`."""
        self._current = replay
        hosted = self._hosted[number]
        probe = _ReplayProbe(replay, hosted.program, self._reads[number])
        trace, block, outputs = hosted.traced(probe, inputs, forced=True)
        first = 0 if trace.raises else hosted.leaves[block] + len(hosted.program.changes)
        return Replayed(trace.outputs, trace.changed, trace.raises, outputs[first:])

    def run(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Run a call as shipped."""
        return self._shipped(*args, **kwargs)

    def session(self) -> Session:
        """A session as shipped."""
        return self._shipped.session()

    def close(self) -> None:
        """Remove the probed graphs."""
        for file in self._files:
            file.unlink(missing_ok=True)

    def current(self) -> Replay:
        """The replay that the units run on."""
        return self._current

    def _probed(self, part: PlannedPart, contents: Contents, folder: Path) -> HostedProgram:
        """A planned program over probed graphs."""
        engine = open_engine(contents.manifest.engine, EngineOptions())
        calls: dict[str, UnitCall] = {}
        regions: list[RegionUnit] = []
        for region in part.regions:
            name = f"{region.unit.name}{_SUFFIX}{self._size or ''}"
            unit, graph = write_region(
                part.program, region.region, contents.units, folder, name, probed=True, size=self._size
            )
            self._files += [folder / file for file in files_of(unit)]
            file = unit.file if unit.blocked is None else unit.blocked.file
            places = {target: place for place, target in enumerate(exits(part.program, region.region))}
            hidden = {places[target]: values[-2:] for target, values in graph.exits.items()}
            calls[name] = _ProbedCall(engine.open(unit, folder / file), unit, hidden, self.current)
            own = tuple(spec for spec in unit.inputs if spec.name not in PROBES)
            leaving = {target: values[:-2] for target, values in graph.exits.items()}
            regions.append(RegionUnit(region.region, msgspec.structs.replace(unit, inputs=own), leaving))
        host = planned_host(part.program, contents.units.block_units, regions)
        units = (*contents.units.units, *(region.unit for region in regions))
        manifest = msgspec.structs.replace(contents.manifest, units=units)
        opened = ChainMap[str, UnitCall](calls, Units(engine, contents.units.units, folder))  # type: ignore[arg-type]
        return HostedProgram(host, manifest, opened, Limits(), Builders(), host)


class _ReplayProbe(Probe):
    """Replays what the host itself reads: the reads of the network, called `names`, not those that the plan added."""

    def __init__(self, replay: Replay, program: HostProgram, names: Set[str]) -> None:
        super().__init__()
        self._replay = replay
        self._own = [read.name in names for read in reads_of(program)]

    def read(self, number: int, value: Value) -> Value:
        if not self._own[number]:
            return value
        replay = self._replay
        replay.seen.append(float(value))
        replay.position += 1
        return replay.exact[replay.position - 1]


class _ProbedCall:
    """Runs a probed graph on what is left of the `replay`. `hidden` has, by exit, where the new position and the values
    seen are among its outputs, or the input that they equal."""

    def __init__(
        self, call: UnitCall, unit: Unit, hidden: Mapping[int, Sequence[Leaving]], replay: Callable[[], Replay]
    ) -> None:
        self._call = call
        self._probes = [spec.name for spec in unit.inputs if spec.name in PROBES]
        self._hidden = hidden
        self._replay = replay

    def __call__(self, *arrays: Any) -> Sequence[Any]:
        replay = self._replay()
        given = dict(zip(PROBES, (replay.values, np.array(replay.position), np.array(replay.seen, np.float64))))
        outputs = self._call(*arrays, *(given[name] for name in self._probes))
        way = int(outputs[0]) if len(self._hidden) > 1 else next(iter(self._hidden))
        position, seen = (_taken(at, given, outputs) for at in self._hidden[way])
        replay.position, replay.seen = int(position), [float(value) for value in seen]
        return outputs


def _taken(at: Leaving, given: Mapping[str, Any], outputs: Sequence[Any]) -> Any:
    """What leaves a graph at `at`: an input that it hands on, or an output; these are never constants."""
    if isinstance(at, str):
        return given[at]
    assert isinstance(at, int)
    return outputs[at]
