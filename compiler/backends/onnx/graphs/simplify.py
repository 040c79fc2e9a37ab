"""Removes what a region's graph computes only because host scalars are bool, int64 and float64 of rank 0.

before:  Equal(Cast<int64>(Greater(Cast<double>(Reshape(p, [])), 0.5)), 1)  ─►  If
after:   Greater(p, 0.5f)                                                   ─►  If
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from adaptc.compiler.backends.onnx.exporter import OPSET
from adaptc.compiler.backends.onnx.values import constant_of, producer

_ORDERS = {"Less": "Greater", "LessOrEqual": "GreaterOrEqual", "Greater": "Less", "GreaterOrEqual": "LessOrEqual"}
"""A comparison and the same one with its operands exchanged."""

_BELOW = frozenset(("Greater", "LessOrEqual"))
"""Comparisons ``x ? c`` that the largest number not above ``c`` decides as ``c`` does; the other two need the
smallest not below it."""


def simplify(graph: ir.Graph) -> None:
    """Apply the rules of this module to `graph` and the graphs inside of it until none applies."""
    while True:
        rewritten = [_rewritten(node) for node in list(graph.all_nodes())]
        if not any(rewritten):
            return


def _rewritten(node: ir.Node) -> bool:
    rule = _RULES.get(node.op_type) if node.domain == "" else None
    return rule is not None and node.graph is not None and rule(node)


def _comparison(node: ir.Node) -> bool:
    return _boolean_as_number(node) or _narrower(node) or _with_rank(node)


def _boolean_as_number(node: ir.Node) -> bool:
    """``Equal(Cast<int64>(b), 1)`` is ``b``, and with 0 it is ``Not(b)``."""
    for value, other in (node.inputs, node.inputs[::-1]):
        source, constant = _cast_from(value, ir.DataType.BOOL), _scalar(other, value)
        if node.op_type == "Equal" and source is not None and constant is not None:
            if constant.item() == 1:
                return _replace(node, source)
            if constant.item() == 0:
                return _replace(node, _insert(node, "Not", [source], ir.DataType.BOOL, source.shape))
    return False


def _narrower(node: ir.Node) -> bool:
    """Compare numbers that were float32 as float32, with a constant that decides alike."""
    first, second = (_cast_from(value, ir.DataType.FLOAT) for value in node.inputs)
    if any(value is None or value.dtype != ir.DataType.DOUBLE for value in node.inputs):
        return False
    if first is not None and second is not None:
        return _compare(node, node.op_type, first, second)
    source = second if first is None else first
    constant = _scalar(*(node.inputs if first is None else node.inputs[::-1]))
    if source is None or constant is None:
        return False
    operator = node.op_type if first is not None else _ORDERS.get(node.op_type, node.op_type)
    bound = threshold(constant.item(), operator)
    if bound is None:
        return False
    return _compare(node, operator, source, _constant(node, bound))


def _scalar(value: ir.Value | None, other: ir.Value | None) -> NDArray[Any] | None:
    """What `value` is, where it is one number that gives a comparison with `other` the shape of `other`."""
    constant = constant_of(value)
    if constant is None or constant.size != 1 or other is None:
        return None
    fits = constant.ndim == 0 or (other.shape is not None and constant.ndim <= len(other.shape))
    return constant if fits else None


def threshold(bound: float, operator: str) -> np.float32 | None:
    """The float32 with which ``Less`` and its like, or ``Equal``, decide about each float32 as with `bound`; None where
    there is none."""
    with np.errstate(over="ignore"):  # what lies beyond float32 becomes an infinity
        near = np.float32(bound)
        if operator == "Equal":
            return near if float(near) == bound else None
        if operator in _BELOW and float(near) > bound:
            return np.float32(np.nextafter(near, np.float32(-np.inf)))
        if operator not in _BELOW and float(near) < bound:
            return np.float32(np.nextafter(near, np.float32(np.inf)))
        return near


def _with_rank(node: ir.Node) -> bool:
    """A test for an `If` needs one element, of any rank."""
    if not _only_tests(node.outputs[0]):
        return False
    given = [_before_reshape(value) for value in node.inputs]
    if given == list(node.inputs):
        return False
    constant_rank = all(value.shape is not None and len(value.shape) == 0 for value in node.inputs if value is not None)
    return constant_rank and _compare(node, node.op_type, *given)


def _only_tests(value: ir.Value) -> bool:
    """Whether nothing but an `If` asks for the value or for its negation."""
    if value.is_graph_output():
        return False
    for node, _ in value.uses():
        if node.op_type == "Not" and node.domain == "":
            if not _only_tests(node.outputs[0]):
                return False
        elif node.op_type != "If":
            return False
    return True


def _before_reshape(value: ir.Value | None) -> ir.Value | None:
    node = producer(value, "Reshape")
    if node is None:
        return value
    shape = constant_of(node.inputs[1])
    return node.inputs[0] if shape is not None and shape.size == 0 else value


def _compare(node: ir.Node, operator: str, first: ir.Value | None, second: ir.Value | None) -> bool:
    return _replace(node, _insert(node, operator, [first, second], ir.DataType.BOOL, None))


def _not(node: ir.Node) -> bool:
    """``Not(Not(b))`` is ``b``."""
    inner = producer(node.inputs[0], "Not")
    return inner is not None and inner.inputs[0] is not None and _replace(node, inner.inputs[0])


def _cast(node: ir.Node) -> bool:
    """A cast to the same type, and one there and back."""
    value = node.inputs[0]
    if value is None or value.dtype is None:
        return False
    if value.dtype == node.outputs[0].dtype:
        return _replace(node, value)
    inner = producer(value, "Cast")
    source = inner.inputs[0] if inner is not None else None
    if source is not None and source.dtype == node.outputs[0].dtype and _holds(source.dtype, value.dtype):
        return _replace(node, source)
    return False


def _holds(narrow: ir.DataType | None, wide: ir.DataType) -> bool:
    """Whether each value of the type `narrow` has one of its own in the type `wide`."""
    return narrow is not None and (narrow, wide) in _WIDER


_WIDER = frozenset(
    (narrow, wide)
    for narrow, wides in {
        ir.DataType.BOOL: (ir.DataType.INT32, ir.DataType.INT64, ir.DataType.FLOAT, ir.DataType.DOUBLE),
        ir.DataType.INT32: (ir.DataType.INT64, ir.DataType.DOUBLE),
        ir.DataType.FLOAT: (ir.DataType.DOUBLE,),
    }.items()
    for wide in wides
)

_RULES: dict[str, Callable[[ir.Node], bool]] = {
    **dict.fromkeys(("Equal", *_ORDERS), _comparison),
    "Not": _not,
    "Cast": _cast,
}


def _cast_from(value: ir.Value | None, dtype: ir.DataType) -> ir.Value | None:
    node = producer(value, "Cast")
    source = node.inputs[0] if node is not None else None
    return source if source is not None and source.dtype == dtype else None


def _replace(node: ir.Node, value: ir.Value | None) -> bool:
    """Put `value` into the place of the node's result; refused where a graph would give what is not its own."""
    assert value is not None
    result = node.outputs[0]
    if result.is_graph_output():
        producer = value.producer()
        if producer is None or producer.graph is not node.graph or value.is_graph_output():
            return False
    result.replace_all_uses_with(value, replace_graph_outputs=True)
    _remove(node)
    return True


def _remove(node: ir.Node) -> None:
    """Remove a node that nothing reads, and those that only it read: rules ask what reads a value."""
    given = [producer for value in node.inputs if value is not None and (producer := value.producer()) is not None]
    assert node.graph is not None
    node.graph.remove(node, safe=True)
    for each in given:
        if each.graph is not None and not any(value.uses() or value.is_graph_output() for value in each.outputs):
            _remove(each)


def _constant(node: ir.Node, value: np.generic) -> ir.Value:
    made = ir.Node("", "Constant", [], [ir.AttrTensor("value", ir.Tensor(np.asarray(value)))], version=OPSET)
    return _placed(node, made, ir.DataType.from_numpy(np.asarray(value).dtype), ir.Shape(()))


def _insert(
    node: ir.Node, operator: str, inputs: list[ir.Value | None], dtype: ir.DataType, shape: ir.Shape | None
) -> ir.Value:
    """The result of a new node before `node`, from the same place of the user's code."""
    made = ir.Node("", operator, inputs, version=OPSET, metadata_props=dict(node.metadata_props))
    return _placed(node, made, dtype, shape)


def _placed(node: ir.Node, made: ir.Node, dtype: ir.DataType, shape: ir.Shape | None) -> ir.Value:
    graph = node.graph
    assert graph is not None
    graph.insert_before(node, made)
    made.outputs[0].type, made.outputs[0].shape = ir.TensorType(dtype), shape
    return made.outputs[0]
