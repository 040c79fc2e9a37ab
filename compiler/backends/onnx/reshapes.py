"""Changes of shape that the translations of operators make one after the other, or for nothing.

`torch.nn.MultiheadAttention` merges batch and heads into one dimension, and splits it again:

before:  Reshape(Transpose(Reshape(x, [l, n * h, d]), (1, 0, 2)), [n, h, l, d])
after:   Transpose(Reshape(x, [l, n, h, d]), (1, 2, 0, 3))

The translation of recurrent layers takes the part of the state that belongs to each layer; of one layer that is all:

before:  Slice(h, [0], [1], [0])          h: [1, batch, hidden]
after:   h
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from adaptc.compiler.backends.onnx.values import constant_of, producer


def drop_whole_slices(graph: ir.Graph) -> None:
    """Leave out each `Slice` of `graph` that takes all there is."""
    for node in list(graph):
        value = node.inputs[0] if node.op_type == "Slice" and node.domain == "" else None
        if value is not None and _is_whole(node, value):
            node.outputs[0].replace_all_uses_with(value, replace_graph_outputs=True)
            graph.remove(node, safe=True)


def _is_whole(node: ir.Node, value: ir.Value) -> bool:
    """Whether a `Slice` begins with the first and ends with the last of each of its axes."""
    given = [constant_of(each) for each in node.inputs[1:]]
    if value.shape is None or len(given) < 3 or any(each is None for each in given):
        return False
    starts, ends, axes, *steps = ([int(number) for number in each] for each in given if each is not None)
    if any(step != 1 for step in (steps[0] if steps else [])):
        return False
    sizes = [value.shape[axis] for axis in axes]
    return all(
        isinstance(size, int) and (start == 0 or start <= -size) and end >= size
        for start, end, size in zip(starts, ends, sizes)
    )


def split_once(graph: ir.Graph) -> bool:
    """Let each such pair of `Reshape` nodes of `graph` be one; says whether there was any."""
    nodes = [node for node in graph if node.op_type == "Reshape" and node.domain == ""]
    return any([_split_once(graph, node) for node in nodes])  # noqa: C419 (each of them)


def _split_once(graph: ir.Graph, node: ir.Node) -> bool:
    transpose = producer(node.inputs[0], "Transpose")
    merge = producer(transpose.inputs[0], "Reshape") if transpose is not None else None
    if transpose is None or merge is None or list(transpose.attributes["perm"].as_ints()) != [1, 0, 2]:
        return False
    split = _split_shape(_target(merge), _target(node))
    if split is None:
        return False
    constant = ir.Node("", "Constant", [], [ir.AttrTensor("value", ir.Tensor(np.array(split, np.int64)))])
    reshape = ir.Node("", "Reshape", [merge.inputs[0], constant.outputs[0]], metadata_props=dict(node.metadata_props))
    made = ir.Node("", "Transpose", [reshape.outputs[0]], [ir.AttrInt64s("perm", (1, 2, 0, 3))])
    made.metadata_props.update(node.metadata_props)
    graph.insert_before(node, [constant, reshape, made])
    result = node.outputs[0]
    for output, shape in ((reshape.outputs[0], None), (made.outputs[0], result.shape)):
        output.type, output.shape = result.type, shape
    constant.outputs[0].type, constant.outputs[0].shape = ir.TensorType(ir.DataType.INT64), ir.Shape([4])
    made.outputs[0].name = result.name
    result.replace_all_uses_with(made.outputs[0], replace_graph_outputs=True)
    graph.remove(node, safe=True)
    return True


def _target(node: ir.Node) -> list[int] | None:
    """The shape that a `Reshape` gives, with -1 for a size that follows from the others; None where it is not known."""
    shape = constant_of(node.inputs[1])
    sizes = None if shape is None else [int(size) for size in shape]
    return None if sizes is None or 0 in sizes else sizes


def _split_shape(merged: list[int] | None, split: list[int] | None) -> list[int] | None:
    """[l, n, h, d] for [l, n * h, d] and [n, h, l, d]; None where these are something else."""
    if merged is None or split is None or len(merged) != 3 or len(split) != 4:
        return None
    length, several, depth = merged
    batch, heads, same_length, same_depth = split
    if (length, depth) != (same_length, same_depth) or heads < 1 or depth < 1:
        return None
    if several > 0:
        if several % heads or (batch > 0 and batch * heads != several):
            return None
        return [length, several // heads, heads, depth]
    return [length, -1, heads, depth] if batch == -1 and length > 0 else None
