"""Writes sequences of tensors as Python's lists, and optional values as what they are or None."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onnx import NodeProto

from adaptc.compiler.onnx_input.source import node_note
from adaptc.compiler.onnx_input.values import Value, host_text
from adaptc.compiler.onnx_input.writer import Writer, attribute_values

Inputs = Sequence[Value | None]


def _sequence(writer: Writer, node: NodeProto, text: str) -> None:
    name = writer.names.fresh(node.output[0])
    writer.source.add(f"{name} = {text}", node_note(node))
    writer.values[node.output[0]] = Value("sequence", name)


def _tensor(writer: Writer, node: NodeProto, text: str) -> None:
    name = writer.names.fresh(node.output[0])
    writer.source.add(f"{name} = {text}", node_note(node))
    writer.values[node.output[0]] = Value("tensor", name, length=writer.rank(node.output[0]))


def _texts(writer: Writer, node: NodeProto, inputs: Inputs) -> list[str]:
    return [writer.tensor(value, name) for value, name in zip(inputs, node.input) if value is not None]


def _construct(writer: Writer, node: NodeProto, inputs: Inputs) -> None:
    _sequence(writer, node, f"[{', '.join(_texts(writer, node, inputs))}]")


def _empty(writer: Writer, node: NodeProto, inputs: Inputs) -> None:
    _sequence(writer, node, "[]")


def _insert(writer: Writer, node: NodeProto, inputs: Inputs) -> None:
    items, item = _texts(writer, node, inputs)[:2]
    if len(inputs) < 3 or inputs[2] is None:
        _sequence(writer, node, f"{items} + [{item}]")
        return
    place = host_text(inputs[2], "int")
    _sequence(writer, node, f"{items}[:{place}] + [{item}] + {items}[{place}:]")


def _erase(writer: Writer, node: NodeProto, inputs: Inputs) -> None:
    items = writer.value(node.input[0]).text
    if len(inputs) < 2 or inputs[1] is None:
        _sequence(writer, node, f"{items}[:-1]")
        return
    place = host_text(inputs[1], "int")
    behind = f"{items}[{place} + 1 or len({items}):]" if not place.isdecimal() else f"{items}[{place} + 1:]"
    _sequence(writer, node, f"{items}[:{place}] + {behind}")


def _at(writer: Writer, node: NodeProto, inputs: Inputs) -> None:
    _tensor(writer, node, f"{writer.value(node.input[0]).text}[{host_text(writer.value(node.input[1]), 'int')}]")


def _length(writer: Writer, node: NodeProto, inputs: Inputs) -> None:
    writer.assign(node.output[0], Value("int", f"len({writer.value(node.input[0]).text})", size=True), node_note(node))


def _concat(writer: Writer, node: NodeProto, inputs: Inputs) -> None:
    attributes = attribute_values(node, writer.folder)
    function = "stack" if attributes.get("new_axis") else "cat"
    _tensor(writer, node, f"torch.{function}({writer.value(node.input[0]).text}, {attributes['axis']})")


def _split(writer: Writer, node: NodeProto, inputs: Inputs) -> None:
    attributes = attribute_values(node, writer.folder)
    axis, keep = attributes.get("axis", 0), attributes.get("keepdims", 1)
    x = writer.tensor(writer.value(node.input[0]), node.input[0])
    sizes = inputs[1] if len(inputs) > 1 else None
    if sizes is None:
        _sequence(writer, node, f"list(torch.split({x}, 1, {axis}))" if keep else f"list(torch.unbind({x}, {axis}))")
        return
    types = writer.types.get(node.input[1])
    held = sizes.constant
    scalar = sizes.kind == "int" or (held is not None and held.dim() == 0)
    if held is None and not sizes.is_host and types is not None and types.shape is not None:
        scalar = not types.shape
    _sequence(writer, node, f"list(torch.split({x}, {host_text(sizes, 'int' if scalar else 'ints')}, {axis}))")


def _optional(writer: Writer, node: NodeProto, inputs: Inputs) -> None:
    if not inputs or inputs[0] is None:
        writer.values[node.output[0]] = Value("optional", "None")
        return
    value = inputs[0]
    text = value.text if value.kind in ("sequence", "optional") else writer.tensor(value, node.input[0])
    writer.values[node.output[0]] = Value("optional", text)


def _has_element(writer: Writer, node: NodeProto, inputs: Inputs) -> None:
    if not inputs or inputs[0] is None:
        text = "False"
    else:
        text = f"({inputs[0].text} is not None)" if inputs[0].kind == "optional" else "True"
    writer.assign(node.output[0], Value("bool", text, 9), node_note(node))


def _get_element(writer: Writer, node: NodeProto, inputs: Inputs) -> None:
    value = writer.value(node.input[0])
    kind: Any = "sequence" if node.output[0] in writer.sequences else "tensor"
    if value.kind != "optional":
        writer.values[node.output[0]] = value
        return
    writer.values[node.output[0]] = Value(kind, value.text, length=writer.rank(node.output[0]))


SEQUENCES = {
    "ConcatFromSequence": _concat,
    "Optional": _optional,
    "OptionalGetElement": _get_element,
    "OptionalHasElement": _has_element,
    "SequenceAt": _at,
    "SequenceConstruct": _construct,
    "SequenceEmpty": _empty,
    "SequenceErase": _erase,
    "SequenceInsert": _insert,
    "SequenceLength": _length,
    "SplitToSequence": _split,
}
