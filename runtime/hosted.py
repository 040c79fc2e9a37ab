"""A host program made runnable: its function, plain and instrumented, and what its returns give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from adaptc.runtime.engines.base import UnitCall
from adaptc.runtime.errors import InputError, NetworkError
from adaptc.runtime.hostprogram import Branch, HostProgram, Return, Switch, draws, units_of
from adaptc.runtime.manifest import Manifest
from adaptc.runtime.placement import Limits
from adaptc.runtime.probing import Probe, Value, reads_of
from adaptc.runtime.structure import Build, Builders
from adaptc.runtime.synthesis import HostFunction, host_function, host_source
from adaptc.runtime.trace import Trace
from adaptc.runtime.treecheck import leaf_count


class HostedProgram:
    """A program over opened units: `run` takes the flat inputs and the state, and gives the number of the block whose
    return was taken with the flat outputs.

    By that number: `build` makes the network's result of the outputs, `leaves` is how many of them are its leaves, and
    `next` the number of the program that a session goes on with, None where no state is left behind. A program that
    `draws` takes a stream of random numbers before all else. `by_block` is the same program with a unit for each block:
    what is traced and forced.
    """

    def __init__(
        self,
        program: HostProgram,
        manifest: Manifest,
        calls: Mapping[str, UnitCall],
        limits: Limits,
        builders: Builders,
        blocks: HostProgram,
    ) -> None:
        self.program = program
        self._blocks = blocks
        self._manifest = manifest
        self._builders = builders
        self.draws = draws(program)
        used = units_of(program)
        self._units = tuple(unit for unit in manifest.units if unit.name in used)
        self._calls = calls
        self._limits = limits
        self.run: HostFunction = self._function(probed=False)
        self.build: dict[int, Build] = {}
        self.leaves: dict[int, int] = {}
        self.next: dict[int, int | None] = {}
        for number, block in enumerate(program.blocks):
            if isinstance(block.terminator, Return):
                self.build[number] = builders.builder(block.terminator.tree)
                self.leaves[number] = leaf_count(block.terminator.tree)
                self.next[number] = block.terminator.next

    def _function(self, probed: bool) -> HostFunction:
        inputs = self._manifest.signature.inputs
        source = host_source(self.program, self._units, inputs, probed=probed, limits=self._limits)
        return host_function(source, self._units, self._calls)

    @cached_property
    def by_block(self) -> HostedProgram:
        """The program block by block; opens the units of its blocks when it is first asked for."""
        if self._blocks is self.program:
            return self
        return HostedProgram(self._blocks, self._manifest, self._calls, self._limits, self._builders, self._blocks)

    @cached_property
    def probed(self) -> Callable[..., tuple[int, tuple[Any, ...]]]:
        """The instrumented function, made when it is first asked for. Two threads may make it twice."""
        return self._function(probed=True)

    def probe(self, forced: Mapping[str, Sequence[Value | None]]) -> Probe:
        """A probe that forces values of reads by name. Raises `InputError` for a read that is not there."""
        numbers = {read.name: number for number, read in enumerate(reads_of(self.program))}
        for name in forced:
            if name not in numbers:
                raise InputError(f"there is no read {name!r}; the reads are: {', '.join(numbers) or 'none'}")
        return Probe({numbers[name]: values for name, values in forced.items()})

    def traced(self, probe: Probe, values: Sequence[Any], *, forced: bool) -> tuple[Trace, int, tuple[Any, ...]]:
        """Run the instrumented function: what it did, the block whose return was taken, and the flat outputs.

        Where the network raises on a forced path, `Trace.raises` says so and there are no outputs.
        """
        try:
            block, outputs = self.probed(probe, *values)
        except NetworkError as error:
            if not forced:
                raise
            return self._trace(probe, None, (), error.exception), -1, ()
        first = self.leaves[block]
        changed = tuple(outputs[first : first + len(self.program.changes)])
        return self._trace(probe, self.build[block](outputs), changed, ""), block, outputs

    def _trace(self, probe: Probe, outputs: Any, changed: tuple[Any, ...], raises: str) -> Trace:
        program, units = self.program, self._units
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
            changed=changed,
        )
