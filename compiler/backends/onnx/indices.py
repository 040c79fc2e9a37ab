"""Indices that come from data: ONNX counts negative ones from the end and takes one slice, as torch does.

before:  g = Gather(x, Reshape(Where(i < 0, i + n, i), [1])); y = Gather(g, 0)       n: the size of x there
after:   y = Gather(x, i)
"""

from __future__ import annotations

import onnx_ir as ir

from adaptc.compiler.backends.onnx.values import constant_of, producer


def simplify_indices(graph: ir.Graph) -> None:
    """Let the `Gather` nodes of `graph` and of the graphs inside of it take indices as they are."""
    for node in list(graph.all_nodes()):
        if node.op_type == "Gather" and node.domain == "" and node.graph is not None:
            _count_from_the_end(node)
            _take_one(node)


def _count_from_the_end(node: ir.Node) -> None:
    """Leave out what makes negative indices positive."""
    data, index = node.inputs
    if data is None or index is None:
        return
    shaped = producer(index, "Reshape") or producer(index, "Unsqueeze")
    inner = shaped.inputs[0] if shaped is not None else index
    plain = _unwrapped(inner, data, node.attributes.get_int("axis", 0))
    if plain is None:
        return
    if shaped is not None:
        assert node.graph is not None
        made = ir.Node("", shaped.op_type, [plain, *shaped.inputs[1:]], list(shaped.attributes.values()))
        made.metadata_props.update(shaped.metadata_props)
        node.graph.insert_before(node, made)
        made.outputs[0].type, made.outputs[0].shape = index.type, index.shape
        plain = made.outputs[0]
    node.replace_input_with(1, plain)


def _unwrapped(index: ir.Value | None, data: ir.Value, axis: int) -> ir.Value | None:
    """The index that `index` counts from the beginning of `axis` of `data`, where it does nothing else."""
    where = producer(index, "Where")
    if where is None:
        return None
    test, added, plain = (producer(where.inputs[0], "Less"), producer(where.inputs[1], "Add"), where.inputs[2])
    if test is None or added is None or plain is None or test.inputs[0] is not plain:
        return None
    zero = constant_of(test.inputs[1])
    others = [value for value in added.inputs if value is not plain]
    if zero is None or zero.size != 1 or zero.item() != 0 or len(others) != 1:
        return None
    return plain if _is_extent(others[0], data, axis) else None


def _is_extent(value: ir.Value | None, data: ir.Value, axis: int) -> bool:
    """Whether `value` is the size of `axis` of `data`."""
    if data.shape is None:
        return False
    known = constant_of(value)
    if known is not None:
        return known.size == 1 and data.shape[axis] == known.item()
    squeezed = producer(value, "Squeeze")
    shape = producer(squeezed.inputs[0] if squeezed is not None else None, "Shape")
    if shape is None or shape.inputs[0] is not data or "start" not in shape.attributes or "end" not in shape.attributes:
        return False
    start, end = (shape.attributes[name].as_int() for name in ("start", "end"))
    rank = len(data.shape)
    return start % rank == axis % rank and (end == start + 1 or (start == -1 and end >= rank))


def _take_one(node: ir.Node) -> None:
    """Gather with a scalar index, in place of a slice of one and its only element."""
    slice_, zero = producer(node.inputs[0], "Gather"), constant_of(node.inputs[1])
    if slice_ is None or zero is None or zero.ndim or zero.item() != 0:
        return
    shaped = producer(slice_.inputs[1], "Reshape") or producer(slice_.inputs[1], "Unsqueeze")
    index = shaped.inputs[0] if shaped is not None else None
    whole = slice_.inputs[1]
    if index is None or index.shape is None or len(index.shape) or whole is None or whole.shape is None:
        return
    data = slice_.inputs[0]
    if list(whole.shape) != [1] or data is None or data.shape is None:
        return
    if slice_.attributes.get_int("axis", 0) % len(data.shape) == node.attributes.get_int("axis", 0) % len(data.shape):
        node.replace_input_with(0, data)
        node.replace_input_with(1, index)
