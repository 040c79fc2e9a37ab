"""A whole network as one ONNX graph, for any program that runs ONNX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from adaptc.compiler.backends.onnx.graphs.flow import RegionError
from adaptc.compiler.backends.onnx.graphs.naming import name_values
from adaptc.compiler.backends.onnx.graphs.outcome import dummy
from adaptc.compiler.backends.onnx.graphs.region import PROBES, RegionLowering
from adaptc.compiler.backends.onnx.graphs.scope import Scope
from adaptc.compiler.backends.onnx.weights import WeightTable
from adaptc.compiler.ir.program import Code, TensorType
from adaptc.compiler.plan.results import RESULT, WithResults
from adaptc.runtime.hostprogram import Raise


@dataclass(frozen=True)
class WholeGraph:
    """A network as a model, whose outputs are the values of `network`: one that a result does not have is empty.

    The last two outputs of a probed graph are `position` and `seen` (`region.PROBES`).
    """

    model: ir.Model
    network: WithResults


def lower_whole(
    network: WithResults,
    models: Callable[[Code], ir.Model],
    table: WeightTable,
    folder: Path,
    *,
    probed: bool = False,
) -> WholeGraph:
    """The graph of a network whose returns lead to one block. Where the network raises, a node fails that has the
    exception and its message in its name.

    Raises `RegionError` where no graph can hold the network, and `ArtifactError` where a loop has two entries.
    """
    program = network.program
    if not network.names:
        raise RegionError("it returns no values")
    lowering = RegionLowering(program, network.region, models, table, folder, program.name, probed, whole=True)
    outcome, named = lowering.outcome()
    root = lowering.root
    if RESULT not in outcome.values:
        raise RegionError("it never returns")
    numbers = lowering.flow.numbers
    ends = {numbers[name]: end for name in outcome.values if isinstance(end := program.blocks[name].terminator, Raise)}
    values = list(outcome.values[RESULT])
    names = [*network.names, *(PROBES[1:] if probed else ())]
    if ends:
        values = _guarded(root, outcome.number(root, numbers), ends, values)
    outputs: list[ir.Value] = []
    for value in values:
        outputs.append(root.result(value, outputs))
    for value, extents in zip(outputs, network.extents):
        if extents is not None:
            value.shape = ir.Shape(extents)
    for value, spec in zip(named, program.inputs):
        assert isinstance(spec.type, TensorType)
        value.shape = ir.Shape(spec.type.shape)
    model, _ = lowering.model(list(named), outputs)
    name_values(model.graph, list(named.values()), names)
    return WholeGraph(model, network)


def _guarded(scope: Scope, way: ir.Value, ends: dict[int, Raise], values: Sequence[ir.Value]) -> list[ir.Value]:
    """`values`, behind a choice in which a node fails where `way` is the number of one of `ends`."""
    tests = [scope.apply("Equal", [way, scope.constant(np.int64(number))], ir.DataType.BOOL) for number in ends]
    raises = tests[0]
    for test in tests[1:]:
        raises = scope.apply("Or", [raises, test], ir.DataType.BOOL)
    failing, passing = Scope(scope), Scope(scope)
    failure = _failure(failing, way, list(ends.items()))
    broken = [_of_type(failing, failure, value) for value in values[:1]]
    broken += [dummy(failing, _dtype(value), len(value.shape or ())) for value in values[1:]]
    kept: list[ir.Value] = []
    lost: list[ir.Value] = []
    for value, other in zip(values, broken, strict=True):
        kept.append(passing.result(value, kept))
        lost.append(failing.result(other, lost))
    graphs = [
        ir.AttrGraph("then_branch", failing.graph("raises", [], lost)),
        ir.AttrGraph("else_branch", passing.graph("returns", [], kept)),
    ]
    node = scope.node("If", [raises], graphs, len(values), next(iter(ends.values())).loc)
    for output, value in zip(node.outputs, values):
        output.type, output.shape = value.type, ir.Shape([None] * len(value.shape or ()))
    return list(node.outputs)


def _failure(scope: Scope, way: ir.Value, ends: Sequence[tuple[int, Raise]]) -> ir.Value:
    """A value that cannot be computed: an element is taken that is not there, by a node named after what is raised."""
    (number, end), *others = ends
    if not others:
        index = scope.apply(
            "Add", [scope.apply("Abs", [way], ir.DataType.INT64), scope.constant(np.int64(1))], ir.DataType.INT64
        )
        value = scope.apply("Gather", [scope.constant(np.zeros(1, np.int64)), index], ir.DataType.INT64, loc=end.loc)
        producer = value.producer()
        assert producer is not None
        producer.name = f"raise {end.exception}: {end.message}" + (f" ({end.loc})" if end.loc else "")
        return value
    test = scope.apply("Equal", [way, scope.constant(np.int64(number))], ir.DataType.BOOL)
    arms = Scope(scope), Scope(scope)
    graphs = [
        ir.AttrGraph(name, arm.graph(name, [], [arm.result(_failure(arm, way, part), [])]))
        for name, arm, part in zip(("then_branch", "else_branch"), arms, ([(number, end)], others))
    ]
    node = scope.node("If", [test], graphs, 1, end.loc)
    node.outputs[0].type, node.outputs[0].shape = ir.TensorType(ir.DataType.INT64), ir.Shape(())
    return node.outputs[0]


def _of_type(scope: Scope, failure: ir.Value, value: ir.Value) -> ir.Value:
    """`failure` in the place of `value`."""
    rank = len(value.shape or ())
    cast = scope.apply("Cast", [failure], _dtype(value), to=_dtype(value).value)
    shape = scope.constant(np.ones(rank, np.int64))
    return scope.apply("Reshape", [cast, shape], _dtype(value), [1] * rank)


def _dtype(value: ir.Value) -> ir.DataType:
    assert value.dtype is not None
    return value.dtype
