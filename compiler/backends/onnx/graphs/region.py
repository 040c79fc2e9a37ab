"""Lowers a region of a program, blocks and control flow, to one ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from adaptc.compiler.backends.onnx.blocked.layout import block_channels
from adaptc.compiler.backends.onnx.exporter import IR_VERSION, OPSET
from adaptc.compiler.backends.onnx.graphs.flow import FlowBuilder, RegionError, Straight
from adaptc.compiler.backends.onnx.graphs.inlining import inline
from adaptc.compiler.backends.onnx.graphs.naming import name_values
from adaptc.compiler.backends.onnx.graphs.outcome import Outcome, dummy
from adaptc.compiler.backends.onnx.graphs.scalars import DTYPES, cast, element, emit, number
from adaptc.compiler.backends.onnx.graphs.scope import Scope, Shape
from adaptc.compiler.backends.onnx.graphs.sharing import share
from adaptc.compiler.backends.onnx.graphs.simplify import simplify
from adaptc.compiler.backends.onnx.graphs.weights import duplicated_bytes, place_weights
from adaptc.compiler.backends.onnx.indices import simplify_indices
from adaptc.compiler.backends.onnx.precision import border_type
from adaptc.compiler.backends.onnx.weights import WeightTable
from adaptc.compiler.ir.expressions import key
from adaptc.compiler.ir.host_types import dtype_name, environment
from adaptc.compiler.ir.program import Block, Code, Program, ScalarType, Type, edges
from adaptc.compiler.plan.region import Leaving, Region, exits
from adaptc.runtime.hostprogram import Branch, Const, Edge, Expr, Let, Read, Switch

PROBES = ("replayed", "position", "seen")
"""A probed graph's own inputs: the values that its reads take (float64, in the order of execution), how many are taken
(int64), and what the reads would have been so far (float64). Each exit hands on the latter two as its last values."""


@dataclass(frozen=True)
class RegionGraph:
    """A region as a model. `inputs` names the entry's parameters that it takes, `exits` has, by the blocks to which it
    leads, the values for their parameters. With several exits the first output tells which is taken: its place among
    `region.exits`. `weights` are the rows of the weights file that it reads, `duplicated` the bytes of those that stand
    in it more than once. `is_blocked` says whether convolutions in it work on channels in blocks.
    """

    model: ir.Model
    inputs: tuple[str, ...]
    exits: Mapping[str, tuple[Leaving, ...]]
    weights: tuple[int, ...]
    duplicated: int
    is_blocked: bool = False


def lower_region(
    program: Program,
    region: Region,
    models: Callable[[Code], ir.Model],
    table: WeightTable,
    folder: Path,
    *,
    name: str,
    probed: bool = False,
    block_size: int = 0,
) -> RegionGraph:
    """The graph of `region`, called `name`. `models` gives the lowered code of a block, `table` the rows of the weights
    file in `folder`; `block_size`, unless it is 0, has convolutions work on blocks of so many channels.

    A `probed` graph takes the values of its reads from an input, so that each path can be run. Raises `RegionError`
    where no graph can hold the region, and `ArtifactError` where one of its loops has two entries.
    """
    return RegionLowering(program, region, models, table, folder, name, probed, block_size=block_size).run()


class RegionLowering:
    """Lowers one region; `lower_region` says what the arguments are. Of a `whole` network constants leave through the
    graph too, as there is no host to know them."""

    def __init__(
        self,
        program: Program,
        region: Region,
        models: Callable[[Code], ir.Model],
        table: WeightTable,
        folder: Path,
        name: str,
        probed: bool,
        *,
        whole: bool = False,
        block_size: int = 0,
    ) -> None:
        self.program = program
        self.entry = program.blocks[region.entry]
        self.models = models
        self.table = table
        self.folder = folder
        self.name = name
        self.probed = probed
        self.block_size = block_size
        self.is_blocked = False
        self.exits = exits(program, region)
        self.constants = {} if whole else {name: _constant_arguments(program, region, name) for name in self.exits}
        self.root = Scope()
        self.opsets: dict[str, int] = {"": OPSET}
        self.replayed: ir.Value | None = None
        hidden: list[tuple[ir.DataType, Shape]] = []
        if probed:
            hidden = [(ir.DataType.INT64, ()), (ir.DataType.DOUBLE, (None,))]
        types = {
            name: [
                *(
                    _graph_type(param.type)
                    for index, param in enumerate(program.blocks[name].params)
                    if index not in self.constants.get(name, {})
                ),
                *hidden,
            ]
            for name in (*region.blocks, *self.exits)
        }
        self.flow = FlowBuilder(program, region, types, self._straight)

    def run(self) -> RegionGraph:
        outcome, named = self.outcome()
        inputs = list(named)
        outputs: list[ir.Value] = []
        if len(self.exits) > 1:
            outputs.append(self.root.result(outcome.number(self.root, self.flow.numbers), []))
        places: dict[ir.Value, int] = {}
        leaving = {
            exit_: self._leaving(exit_, outcome.values[exit_], named, outputs, places)
            for exit_ in self.exits
            if exit_ in outcome.values
        }
        if not outputs:
            raise RegionError("it computes nothing: control leaves it one way, with what it came with")
        model, weights = self.model(inputs, outputs)
        read = [value for value in inputs if value.uses()]
        model.graph.inputs.clear()
        model.graph.inputs.extend(read)
        name_values(model.graph, [named[value] for value in read])
        duplicated = duplicated_bytes(self.root, self.table)
        names = tuple(named[value] for value in read)
        return RegionGraph(model, names, leaving, weights, duplicated, self.is_blocked)

    def outcome(self) -> tuple[Outcome, dict[ir.Value, str]]:
        """How control leaves the region, once all of it is built, and its inputs with their names."""
        named = {self.root.input(param.name, *_graph_type(param.type)): param.name for param in self.entry.params}
        given = list(named)
        if self.probed:
            self.replayed = self.root.input(PROBES[0], ir.DataType.DOUBLE, [None])
            position = self.root.input(PROBES[1], ir.DataType.INT64, ())
            seen = self.root.input(PROBES[2], ir.DataType.DOUBLE, [None])
            given += [position, seen]
            named |= dict(zip((self.replayed, position, seen), PROBES))
        return self.flow.region(self.root, self.entry.name, given), named

    def model(self, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value]) -> tuple[ir.Model, tuple[int, ...]]:
        """The model with these inputs and outputs, values not yet named, and the rows of the weights that it reads."""
        graph = self.root.graph(self.name, inputs, outputs)
        graph.opset_imports.update(self.opsets)
        self.root.forget_unused(graph)
        model = ir.Model(graph, ir_version=IR_VERSION, producer_name="adaptc")
        rows = {value: row for scope in self.root.family for row, value in scope.weights.items()}
        simplify(graph)
        simplify_indices(graph)
        share(graph, rows)
        if self.block_size:
            self.is_blocked = block_channels(graph, self.root, rows, self.block_size)
        common.RemoveUnusedNodesPass()(model)
        return model, tuple(place_weights(self.root, self.table, self.folder))

    def _leaving(
        self,
        name: str,
        values: Sequence[ir.Value],
        inputs: Mapping[ir.Value, str],
        outputs: list[ir.Value],
        places: dict[ir.Value, int],
    ) -> tuple[Leaving, ...]:
        """What control leaves to block `name` with; adds to `outputs` what is not there yet."""
        constants = self.constants[name]
        found: list[Leaving] = []
        rest = iter(values)
        for index in range(len(values) + len(constants)):
            if index in constants:
                found.append(constants[index])
                continue
            value = next(rest)
            if value in inputs:
                found.append(inputs[value])
                continue
            if value not in places:
                places[value] = len(outputs)
                outputs.append(self.root.result(value, outputs))
            found.append(places[value])
        return tuple(found)

    def _straight(self, scope: Scope, block: Block, params: Sequence[ir.Value]) -> Straight:
        """Put the code and the steps of `block` into `scope`."""
        types = environment(block)
        hidden = list(params[len(block.params) :])
        values = {param.name: value for param, value in zip(block.params, params)}
        if block.code is not None:
            model = self.models(block.code)
            rows = [self.table.index.get(weight) for weight in block.weights]
            results = inline(scope, model, [values[name] for name in block.inputs], rows)
            self.opsets.update(model.graph.opset_imports)
            values.update({output.name: value for output, value in zip(block.outputs, results, strict=True)})
        for step in block.steps:
            if isinstance(step, Read):
                values[step.name] = self._read(scope, step, values[step.tensor], hidden)
            elif isinstance(step, Let):
                values[step.name] = _emit(scope, step.expr, values, types, types[step.name])

        def arguments(into: Scope, edge: Edge) -> list[ir.Value]:
            declared = self.program.blocks[edge.block].params
            constants = self.constants.get(edge.block, {})
            passed = [
                _emit(into, arg, values, types, param.type)
                for index, (arg, param) in enumerate(zip(edge.args, declared, strict=True))
                if index not in constants
            ]
            return [*passed, *hidden]

        def test(into: Scope) -> ir.Value:
            match block.terminator:
                case Branch(test=expr):
                    return _emit(into, expr, values, types, ScalarType("bool"))
                case Switch(index=expr):
                    return _emit(into, expr, values, types, ScalarType("int"))
            raise TypeError(f"block '{block.name}' has no test")

        return Straight(arguments, test)

    def _read(self, scope: Scope, step: Read, tensor: ir.Value, hidden: list[ir.Value]) -> ir.Value:
        value = element(scope, tensor, step.kind, step.loc)
        if self.replayed is None:
            return value
        position, seen = hidden
        axes = scope.constant(np.zeros(1, np.int64))
        noted = scope.apply("Unsqueeze", [cast(scope, value, "float"), axes], ir.DataType.DOUBLE, [1])
        hidden[0] = scope.apply("Add", [position, number(scope, 1)], ir.DataType.INT64)
        hidden[1] = scope.apply("Concat", [seen, noted], ir.DataType.DOUBLE, [None], axis=0)
        return cast(scope, scope.apply("Gather", [self.replayed, position], ir.DataType.DOUBLE), step.kind)


def _emit(
    scope: Scope, expr: Expr, values: Mapping[str, ir.Value], types: Mapping[str, Type], wanted: Type
) -> ir.Value:
    if isinstance(expr, Const) and expr.value is None:
        dtype, shape = _graph_type(wanted)
        return dummy(scope, dtype, len(shape or ()))
    value = emit(scope, expr, values, types)
    return cast(scope, value, wanted.kind) if isinstance(wanted, ScalarType) else value


def _graph_type(type_: Type) -> tuple[ir.DataType, Shape]:
    """What a value of a program is in a graph. Names of dimensions are a block's own, so that they say nothing here."""
    if isinstance(type_, ScalarType):
        return DTYPES[type_.kind], ()
    dtype = ir.DataType.from_numpy(np.dtype(dtype_name(border_type(type_.dtype))))
    return dtype, [dim if isinstance(dim, int) else None for dim in type_.shape]


def _constant_arguments(program: Program, region: Region, target: str) -> dict[int, Const]:
    """The parameters of `target` that are the same constant on every edge from the region, by their places."""
    passed = [edge.args for name in region.blocks for edge in edges(program.blocks[name]) if edge.block == target]
    found = {}
    for index, args in enumerate(zip(*passed)):
        first = args[0]
        if isinstance(first, Const) and all(key(arg) == key(first) for arg in args):
            found[index] = first
    return found
