"""Prints the steps of a block: calls of units, reads, and host scalars that get a name."""

from __future__ import annotations

from collections.abc import Mapping

from adaptc.runtime.expressions import text_of
from adaptc.runtime.hostprogram import Call, Draw, Expr, HostBlock, HostProgram, Let, Raise, Read, Return
from adaptc.runtime.kinds import Kind, Kinds, ScalarKind, TensorKind, kind_of
from adaptc.runtime.manifest import Unit
from adaptc.runtime.uses import defined_by, last_uses

LARGE = 16384
"""A tensor of more elements than this is deleted after its last use; a smaller one lives until the call's end."""

READ_DIRECTLY = {"bool": ("bool",), "int": ("int", "uint"), "float": ("float",)}
"""Scalar kind -> how the names of the dtypes begin whose ``item()`` gives a Python value of that kind."""


class StepPrinter:
    """Lines for the steps of a block. Subclasses change how a unit is called and what a read gives."""

    def __init__(
        self, program: HostProgram, units: Mapping[str, Unit], unit_names: Mapping[str, str], kinds: Kinds
    ) -> None:
        self.program = program
        self.units = units
        self.unit_names = unit_names
        self.unit_numbers = {name: number for number, name in enumerate(units)}
        self.kinds = kinds

    def lines(self, number: int, names: Mapping[str, str]) -> list[str]:
        """The steps of the block with this number, whose values have the identifiers `names`."""
        block = self.program.blocks[number]
        kinds = self.kinds[block.name]
        dying = self._dying(block, kinds, names)
        lines: list[str] = []
        for place, step in enumerate(block.steps):
            match step:
                case Call(unit=unit, inputs=inputs, outputs=outputs):
                    specs = self.units[unit].inputs
                    arguments = [self.argument(expr, kinds, names, spec.dtype) for expr, spec in zip(inputs, specs)]
                    targets = "".join(f"{names[output]}, " for output in outputs)
                    assigned = f"({targets.rstrip(' ')}) = " if len(outputs) == 1 else f"{targets[:-2]} = "
                    lines.append(
                        (assigned if outputs else "") + self.call(unit, arguments) + self.comment(self.units[unit].loc)
                    )
                case Let(name=name, expr=expr, loc=loc):
                    lines.append(f"{names[name]} = {text_of(expr, names)}{self.comment(loc)}")
                case Draw(name=name, loc=loc):
                    lines.append(f"{names[name]} = {self.draw(step, names)}{self.comment(loc)}")
                case Read(name=name, tensor=tensor, loc=loc):
                    read = self.read(step, names[tensor], kinds[tensor])
                    lines.append(f"{names[name]} = {read}{self.comment(loc)}")
            if dying[place]:
                lines.append(f"del {', '.join(dying[place])}")
        return lines

    def argument(self, expr: Expr, kinds: Mapping[str, Kind], names: Mapping[str, str], dtype: str) -> str:
        text = text_of(expr, names)
        return self.array(text, dtype) if isinstance(kind_of(expr, kinds), ScalarKind) else text

    def array(self, text: str, dtype: str) -> str:
        """A host scalar as a 0-d array."""
        return f"np.array({text}, np.{'bool_' if dtype == 'bool' else dtype})"

    def call(self, unit: str, arguments: list[str]) -> str:
        return f"{self.unit_names[unit]}({', '.join(arguments)})"

    def read(self, step: Read, tensor: str, kind: Kind) -> str:
        item = f"{tensor}.item()"
        dtype = kind.dtype if isinstance(kind, TensorKind) else None
        return item if dtype and dtype.startswith(READ_DIRECTLY[step.kind]) else f"{step.kind}({item})"

    def draw(self, step: Draw, names: Mapping[str, str]) -> str:
        shape = "".join(f"{text_of(extent, names)}, " for extent in step.shape)
        rest = "".join(f", {text_of(arg, names)}" for arg in step.args)
        return f"stream.draw({step.kind!a}, ({shape.rstrip()}), {step.dtype!a}{rest})"

    def comment(self, loc: str) -> str:
        """What stands behind a line that comes from the user's line `loc`."""
        return ""

    def _dying(self, block: HostBlock, kinds: Mapping[str, Kind], names: Mapping[str, str]) -> list[list[str]]:
        """For each step, the identifiers of large tensors that nothing needs after it. The caller holds the inputs
        anyway, and an identifier that the step sets anew holds its old value no more."""
        dying: list[list[str]] = [[] for _ in block.steps]
        inputs = block.params if block.name == self.program.entry else ()
        ends = isinstance(block.terminator, Return | Raise)
        last_call = max((i for i, step in enumerate(block.steps) if isinstance(step, Call)), default=0)
        until = last_call if ends else len(block.steps)
        for name, place in last_uses(block).items():
            if place < until and name not in inputs and _is_large(kinds[name]):
                if names[name] not in [names[new] for new in defined_by(block.steps[place])]:
                    dying[place].append(names[name])
        return dying


def _is_large(kind: Kind) -> bool:
    if isinstance(kind, ScalarKind):
        return False
    elements = kind.elements()
    return elements is None or elements > LARGE
