"""The instrumented host: it reports its path, its reads and its units' times, and lets reads be replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter_ns
from typing import Any

from adaptc.runtime.hostprogram import HostProgram, Read
from adaptc.runtime.kinds import Kind
from adaptc.runtime.manifest import TensorSpec, Unit
from adaptc.runtime.placement import Limits
from adaptc.runtime.printing import HostPrinter
from adaptc.runtime.steps import StepPrinter

Value = bool | int | float


class Probe:
    """What one call of an instrumented host does. `forced` holds, per read, the values that replace its own, in
    order; None leaves a value as it is. `natural` are the values that the data would have given. Numbers stand for
    blocks, units (in the manifest's order) and reads (in the program's order).
    """

    def __init__(self, forced: Mapping[int, Sequence[Value | None]] | None = None) -> None:
        self._forced = {read: iter(values) for read, values in (forced or {}).items()}
        self.blocks: list[int] = []
        self.decisions: list[tuple[int, bool | int]] = []
        self.reads: list[tuple[int, Value]] = []
        self.natural: list[Value] = []
        self.units: list[tuple[int, int]] = []

    def block(self, number: int) -> None:
        """A block begins."""
        self.blocks.append(number)

    def read(self, number: int, value: Value) -> Value:
        """The value that a read is to give, where the data gives `value`."""
        self.natural.append(value)
        if number in self._forced:
            forced = next(self._forced[number], None)
            value = value if forced is None else forced
        self.reads.append((number, value))
        return value

    def unit(self, number: int, call: Any, *arrays: Any) -> Any:
        """Run a unit, and note the nanoseconds that it takes."""
        begin = perf_counter_ns()
        outputs = call(*arrays)
        self.units.append((number, perf_counter_ns() - begin))
        return outputs

    def branch(self, block: int, test: object) -> bool:
        """A branch is decided."""
        taken = bool(test)
        self.decisions.append((block, taken))
        return taken

    def switch(self, block: int, index: int) -> int:
        """A switch is decided."""
        self.decisions.append((block, index))
        return index


class ProbedPrinter(HostPrinter):
    """Prints the host with a call of the probe at each event."""

    def __init__(
        self,
        program: HostProgram,
        units: Sequence[Unit],
        inputs: tuple[TensorSpec, ...],
        unit_names: Mapping[str, str],
        limits: Limits,
    ) -> None:
        super().__init__(program, units, inputs, unit_names, limits)
        self.steps = _ProbedSteps(program, self.steps.units, unit_names, self.kinds)

    def arguments(self, root: int) -> list[str]:
        return ["probe", *super().arguments(root)]

    def block_steps(self, block: int) -> list[str]:
        return [f"probe.block({block})", *super().block_steps(block)]

    def test(self, block: int) -> str:
        return f"probe.branch({block}, {super().test(block)})"

    def case(self, block: int) -> str:
        return f"probe.switch({block}, {super().case(block)})"


class _ProbedSteps(StepPrinter):
    def __init__(
        self,
        program: HostProgram,
        units: Mapping[str, Unit],
        unit_names: Mapping[str, str],
        kinds: Mapping[str, dict[str, Kind]],
    ) -> None:
        super().__init__(program, units, unit_names, dict(kinds))
        self.read_numbers = {read.name: number for number, read in enumerate(reads_of(program))}

    def call(self, unit: str, arguments: list[str]) -> str:
        return f"probe.unit({', '.join([str(self.unit_numbers[unit]), self.unit_names[unit], *arguments])})"

    def read(self, step: Read, tensor: str, kind: Kind) -> str:
        return f"probe.read({self.read_numbers[step.name]}, {super().read(step, tensor, kind)})"


def reads_of(program: HostProgram) -> list[Read]:
    """The read steps of `program`, in the order of its text."""
    return [step for block in program.blocks for step in block.steps if isinstance(step, Read)]
