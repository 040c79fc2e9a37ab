"""Runs a planned network along every path that verification forces.

Block by block, reads can be forced (`Executable.run_forced`). A graph of a whole region holds its reads, so that for
verification it is written once more, probed: it takes the values of its reads from an input. What the blocks read on a
path is given to the probed graphs, and their outputs take the place of the blocks'.
"""

from __future__ import annotations

import copy
from collections import ChainMap, Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from adaptc.compiler.artifact import Contents
from adaptc.compiler.backends.onnx.graphs.region import PROBES
from adaptc.compiler.backends.onnx.graphs.units import write_region
from adaptc.compiler.errors import VerificationError
from adaptc.compiler.host import host_program
from adaptc.compiler.plan.region import Leaving, exits
from adaptc.compiler.planned import RegionUnit, planned_host
from adaptc.compiler.planning import PlannedPart
from adaptc.runtime import Executable
from adaptc.runtime.engines import EngineOptions, UnitCall, Units, open_engine
from adaptc.runtime.executable import Forced
from adaptc.runtime.hosted import HostedProgram
from adaptc.runtime.hostprogram import HostProgram
from adaptc.runtime.manifest import Unit
from adaptc.runtime.placement import Limits
from adaptc.runtime.probing import Probe, Value, reads_of
from adaptc.runtime.session import Session
from adaptc.runtime.structure import Builders
from adaptc.runtime.trace import Trace

_CLOSE = 1e-3
"""How far, relative to the larger, a number that a graph reads may be from the one that the blocks read: their kernels
differ in the last bits, of which cancellation makes more."""

_SUFFIX = ".probed"


class PlannedExecutable:
    """A loaded artifact as verification takes it: paths and reads are those of its blocks, outputs those of its plan.

    `blocks` runs block by block, `planned` as shipped; `contents` is what was written into `folder`. Runs without
    forced reads take the shipped graphs, runs with forced ones the probed graphs, which `close` removes.
    """

    def __init__(self, blocks: Executable, planned: Executable, contents: Contents, folder: Path) -> None:
        self._blocks = blocks
        self._planned = planned
        self._files: list[Path] = []
        self._replay = _Replay()
        self._equal: Counter[str] = Counter()
        self._different: dict[str, tuple[Value, Value]] = {}
        self._hosted = [self._probed(part, contents, folder) for part in contents.planned.parts]
        blocks_of = (host_program(part.program, contents.units.block_units) for part in contents.planned.parts)
        self._reads = [{read.name for read in reads_of(host)} for host in blocks_of]

    def run_forced(self, args: Sequence[Any], kwargs: Mapping[str, Any], forced: Forced) -> Trace:
        """Run it as `Executable.run_forced` does. Raises `VerificationError` where the plan goes another way."""
        again, shipped = copy.deepcopy((args, kwargs)), copy.deepcopy((args, kwargs))
        trace, natural = self._blocks.run_noted(args, kwargs, forced)
        trace, _ = self.replayed(0, trace, natural, self._blocks.flat_inputs(*again))
        if not forced and not trace.raises:
            return replace(trace, outputs=self._planned(*shipped[0], **shipped[1]))
        return trace

    def session(self, random_seed: int | None = None) -> PlannedSession:
        """A session whose outputs are those of the plan."""
        return PlannedSession(self._blocks.session(random_seed), self)

    def finish(self) -> None:
        """Raise `VerificationError` where a graph never read what its blocks read."""
        wrong = [(name, *both) for name, both in self._different.items() if not self._equal[name]]
        if wrong:
            lines = [f"{name}: {block!r} in its block, {graph!r} in the graph" for name, block, graph in wrong]
            raise VerificationError("the graph of a region reads other values than its blocks\n" + "\n".join(lines))

    def close(self) -> None:
        """Remove the probed graphs."""
        for file in self._files:
            file.unlink(missing_ok=True)

    def replayed(
        self, number: int, trace: Trace, natural: Sequence[Value], inputs: Sequence[Any]
    ) -> tuple[Trace, Sequence[Any]]:
        """`trace` of program `number` of the session, block by block, with the outputs of the probed graphs on its
        path, and what they leave for the next call."""
        self._replay.begin([value for _, value in trace.reads])
        hosted = self._hosted[number]
        probe = _ReplayProbe(self._replay, hosted.program, self._reads[number])
        planned, block, outputs = hosted.traced(probe, inputs, forced=True)
        if planned.raises != trace.raises or self._replay.position != len(trace.reads):
            raise VerificationError(
                f"the plan goes another way than its blocks {' -> '.join(trace.path)}: it takes "
                f"{self._replay.position} of {len(trace.reads)} reads and "
                + (f"raises {planned.raises}" if planned.raises else "returns")
            )
        for (name, _), theirs, ours in zip(trace.reads, natural, self._replay.seen, strict=True):
            if _is_close(theirs, ours):
                self._equal[name] += 1
            else:
                self._different[name] = (theirs, ours)
        first = 0 if planned.raises else hosted.leaves[block] + len(hosted.program.changes)
        return replace(trace, outputs=planned.outputs, changed=planned.changed), outputs[first:]

    def _probed(self, part: PlannedPart, contents: Contents, folder: Path) -> HostedProgram:
        """A planned program over probed graphs."""
        engine = open_engine(contents.manifest.engine, EngineOptions())
        calls: dict[str, UnitCall] = {}
        regions: list[RegionUnit] = []
        for region in part.regions:
            name = region.unit.name + _SUFFIX
            unit, graph = write_region(part.program, region.region, contents.units, folder, name, probed=True)
            self._files.append(folder / unit.file)
            places = {target: place for place, target in enumerate(exits(part.program, region.region))}
            hidden = {places[target]: values[-2:] for target, values in graph.exits.items()}
            calls[name] = _ProbedCall(engine.open(unit, folder / unit.file), unit, hidden, self._replay)
            own = tuple(spec for spec in unit.inputs if spec.name not in PROBES)
            leaving = {target: values[:-2] for target, values in graph.exits.items()}
            regions.append(RegionUnit(region.region, msgspec.structs.replace(unit, inputs=own), leaving))
        host = planned_host(part.program, contents.units.block_units, regions)
        units = (*contents.units.units, *(region.unit for region in regions))
        manifest = msgspec.structs.replace(contents.manifest, units=units)
        opened = ChainMap[str, UnitCall](calls, Units(engine, contents.units.units, folder))  # type: ignore[arg-type]
        return HostedProgram(host, manifest, opened, Limits(), Builders(), host)


class PlannedSession:
    """Calls that follow each other, as `PlannedExecutable` is one: block by block, with the outputs of the plan."""

    def __init__(self, blocks: Session, owner: PlannedExecutable) -> None:
        self._blocks = blocks
        self._owner = owner

    @property
    def stage(self) -> int:
        """The number of the program that the next call takes."""
        return self._blocks.stage

    def run_forced(self, args: Sequence[Any], kwargs: Mapping[str, Any], forced: Forced) -> Trace:
        """Run it as `Session.run_forced` does. Raises `VerificationError` where the plan goes another way or leaves
        something else for the next call."""
        number = self._blocks.stage
        inputs = self._blocks.flat_inputs(*copy.deepcopy((args, kwargs)))
        trace, natural = self._blocks.run_noted(args, kwargs, forced)
        trace, left = self._owner.replayed(number, trace, natural, inputs)
        for ours, theirs in zip(left, self._blocks.state):
            if not np.allclose(ours, theirs, rtol=_CLOSE, atol=_CLOSE, equal_nan=True):
                raise VerificationError(f"the plan leaves {ours!r} for the next call, its blocks leave {theirs!r}")
        return trace


class _Replay:
    """The values that the reads of one run take, in the order of execution, and how many are taken already; `seen` are
    those that the data would have given."""

    def __init__(self) -> None:
        self.begin(())

    def begin(self, values: Sequence[Value]) -> None:
        self.values = np.array([float(value) for value in values], np.float64)
        self.exact = list(values)
        self.position = 0
        self.seen: list[float] = []


class _ReplayProbe(Probe):
    """Replays what the host itself reads: the reads of the network, called `names`, not those that the plan added."""

    def __init__(self, replay: _Replay, program: HostProgram, names: Set[str]) -> None:
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
    """Runs a probed graph on what is left of a replay. `hidden` has, by exit, where the new position and the values
    seen are among its outputs, or the input that they equal."""

    def __init__(self, call: UnitCall, unit: Unit, hidden: Mapping[int, Sequence[Leaving]], replay: _Replay) -> None:
        self._call = call
        self._probes = [spec.name for spec in unit.inputs if spec.name in PROBES]
        self._hidden = hidden
        self._replay = replay

    def __call__(self, *arrays: Any) -> Sequence[Any]:
        replay = self._replay
        given = dict(zip(PROBES, (replay.values, np.array(replay.position), np.array(replay.seen, np.float64))))
        outputs = self._call(*arrays, *(given[name] for name in self._probes))
        way = int(outputs[0]) if len(self._hidden) > 1 else next(iter(self._hidden))
        position, seen = (given[at] if isinstance(at, str) else outputs[at] for at in self._hidden[way])  # type: ignore
        replay.position, replay.seen = int(position), [float(value) for value in seen]
        return outputs


def _is_close(theirs: Value, ours: float) -> bool:
    if np.isnan(theirs) or np.isnan(ours):
        return bool(np.isnan(theirs) and np.isnan(ours))
    return bool(theirs == ours or abs(theirs - ours) <= _CLOSE * max(abs(theirs), abs(ours), 1e-3))
