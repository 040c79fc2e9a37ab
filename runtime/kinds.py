"""What each value of a host program is: a tensor of known dtype and shape, or a host scalar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adaptc.runtime.errors import ArtifactError
from adaptc.runtime.hostprogram import (
    Call,
    Const,
    Draw,
    Edge,
    Expr,
    HostBlock,
    HostProgram,
    Let,
    Read,
    Ref,
    Scalar,
    ValueSpec,
    successors,
)
from adaptc.runtime.manifest import TensorSpec, Unit

_SCALARS: dict[str, Scalar] = {"bool": "bool", "int": "int", "float": "float"}


@dataclass(frozen=True, slots=True)
class TensorKind:
    """A tensor. `dtype` and `shape` are None, and a dimension is "?", where different ones meet."""

    dtype: str | None
    shape: tuple[int | str, ...] | None

    def elements(self) -> int | None:
        """The number of elements, or None where it is not fixed."""
        if self.shape is None:
            return None
        count = 1
        for extent in self.shape:
            if isinstance(extent, str):
                return None
            count *= extent
        return count


@dataclass(frozen=True, slots=True)
class ScalarKind:
    """A host scalar; `kind` is None where it is the result of arithmetic."""

    kind: Scalar | None = None


Kind = TensorKind | ScalarKind
Kinds = dict[str, dict[str, Kind]]
"""Block name -> value name -> what the value is."""


def infer_kinds(program: HostProgram, units: Mapping[str, Unit], inputs: Iterable[TensorSpec]) -> Kinds:
    """The kind of every value in every block that the entry reaches.

    `program`'s names must be defined where they are used. Raises `ArtifactError` where a block's parameter is a
    tensor on one edge and a host scalar on another.
    """
    blocks = {block.name: block for block in program.blocks}
    given = [*map(_tensor, inputs), *map(_value, program.state)]
    entering: dict[str, list[Kind]] = {program.entry: given}
    kinds: Kinds = {}
    waiting = [program.entry]
    while waiting:
        block = blocks[waiting.pop()]
        values = dict(zip(block.params, entering[block.name]))
        _add_steps(values, block, units)
        kinds[block.name] = values
        for edge in successors(block.terminator):
            if _enter(entering, blocks[edge.block], edge, values):
                waiting.append(edge.block)
    return kinds


def kind_of(expr: Expr, values: Mapping[str, Kind]) -> Kind:
    """What `expr` gives, where `values` are the kinds of the names it reads."""
    match expr:
        case Ref(name=name):
            return values[name]
        case Const(value=bool()):
            return ScalarKind("bool")
        case _:
            return ScalarKind()


def _tensor(spec: TensorSpec) -> TensorKind:
    return TensorKind(spec.dtype, spec.shape)


def _value(spec: ValueSpec) -> Kind:
    if spec.shape is not None:
        return TensorKind(spec.dtype, spec.shape)
    return ScalarKind(_SCALARS.get(spec.dtype))


def _add_steps(values: dict[str, Kind], block: HostBlock, units: Mapping[str, Unit]) -> None:
    for step in block.steps:
        match step:
            case Call(unit=unit, outputs=outputs):
                values.update(zip(outputs, map(_tensor, units[unit].outputs)))
            case Let(name=name):
                values[name] = ScalarKind()
            case Read(name=name, kind=kind):
                values[name] = ScalarKind(kind)
            case Draw(name=name, shape=shape, dtype=dtype):
                extents = (extent.value if isinstance(extent, Const) else "?" for extent in shape)
                values[name] = TensorKind(dtype, tuple(e if isinstance(e, int | str) else "?" for e in extents))


def _enter(entering: dict[str, list[Kind]], target: HostBlock, edge: Edge, values: Mapping[str, Kind]) -> bool:
    """Join the edge's arguments into the parameters of `target`; whether anything changed."""
    given = [kind_of(arg, values) for arg in edge.args]
    known = entering.get(target.name)
    if known is None:
        entering[target.name] = given
        return True
    joined = [_join(old, new, target, name) for old, new, name in zip(known, given, target.params)]
    entering[target.name] = joined
    return joined != known


def _join(old: Kind, new: Kind, block: HostBlock, name: str) -> Kind:
    if isinstance(old, TensorKind) and isinstance(new, TensorKind):
        dtype = old.dtype if old.dtype == new.dtype else None
        if old.shape is None or new.shape is None or len(old.shape) != len(new.shape):
            return TensorKind(dtype, None)
        return TensorKind(dtype, tuple(a if a == b else "?" for a, b in zip(old.shape, new.shape)))
    if isinstance(old, ScalarKind) and isinstance(new, ScalarKind):
        return old if old == new else ScalarKind()
    raise ArtifactError(
        f"host.json is inconsistent: parameter {name!r} of block {block.name!r} is a tensor on one edge and a host "
        f"scalar on another; compile the network again"
    )
