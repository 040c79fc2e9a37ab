"""Writes the Python of a graph, a line for each node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import onnx
import torch
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto

from adaptc.compiler.onnx_input import operators  # noqa: F401 (fills the table)
from adaptc.compiler.onnx_input.constants import Constants, sparse_to_tensor, to_tensor
from adaptc.compiler.onnx_input.dtypes import DTYPES, type_name
from adaptc.compiler.onnx_input.hosts import as_host
from adaptc.compiler.onnx_input.registry import Operator, Unsupported, find
from adaptc.compiler.onnx_input.source import Names, Source, Trouble, node_note
from adaptc.compiler.onnx_input.values import Value, constant, host_text, literal

LARGEST_FOLDED = 2**16
"""Elements of a result that is computed when the model is read."""

NO_OPERATORS = ("torch lacks most operators for this type", "use one of float, int8 to int64, uint8 and bool")
"""Why an element type is refused, and what to do."""


@dataclass(frozen=True)
class Types:
    """What is known of a value's type: its rank and its sizes, by number or name (None: unknown)."""

    dtype: int
    shape: tuple[int | str | None, ...] | None


@dataclass
class Writer:
    """Writes one graph; the writers of its subgraphs see its values (`outer`) and share the rest."""

    opset: int
    folder: str
    constants: Constants = field(default_factory=Constants)
    names: Names = field(default_factory=Names)
    source: Source = field(default_factory=Source)
    values: dict[str, Value | None] = field(default_factory=dict)
    types: dict[str, Types] = field(default_factory=dict)
    sizes: dict[str, str] = field(default_factory=dict)
    """Python for the named dimensions of the graph's inputs."""
    sequences: set[str] = field(default_factory=set)
    """Values that are known to be sequences."""
    fixed: dict[str, tuple[int | None, ...]] = field(default_factory=dict)
    """Sizes of values of the main graph, as far as they are known: in a loop's body they may change."""

    def inner(self) -> Writer:
        """A writer for a subgraph: what it writes and names stays its own until it is taken over."""
        return Writer(
            self.opset,
            self.folder,
            self.constants,
            self.names,
            Source(depth=self.source.depth + 1),
            dict(self.values),
            dict(self.types),
            self.sizes,
            self.sequences,
            self.fixed,
        )

    # -- graphs ------------------------------------------------------------------------------------------------

    def enter(self, graph: GraphProto) -> None:
        """Take in the weights of a graph and the types of its values."""
        for info in (*graph.input, *graph.value_info, *graph.output):
            if info.type.HasField("tensor_type"):
                self.types[info.name] = tensor_types(info.type.tensor_type)
            elif info.type.HasField("sequence_type"):
                self.sequences.add(info.name)
        for tensor in graph.initializer:
            self._hold(tensor.name, tensor)
        for sparse in graph.sparse_initializer:
            self._hold(sparse.values.name, sparse)

    def _hold(self, name: str, proto: onnx.TensorProto | onnx.SparseTensorProto) -> None:
        try:
            read = to_tensor if isinstance(proto, onnx.TensorProto) else sparse_to_tensor
            held = read(proto, self.folder)
        except Unsupported as error:
            self.trouble(f"{name} = ...", Trouble(str(error), *NO_OPERATORS))
            self.values[name] = Value("tensor", self.names.fresh(name))
            return
        self.constants.name(held, name)
        self.values[name] = constant(held)

    def nodes(self, graph: GraphProto) -> None:
        """Write every node."""
        for node in graph.node:
            self.node(node)

    def value(self, name: str) -> Value:
        """The value called `name`."""
        found = self.values[name]
        assert found is not None, name
        return found

    # -- nodes -------------------------------------------------------------------------------------------------

    def node(self, node: NodeProto) -> None:
        """Write a node."""
        from adaptc.compiler.onnx_input.control import CONTROL
        from adaptc.compiler.onnx_input.sequences import SEQUENCES

        standard = node.domain in ("", "ai.onnx")
        inputs = [self.values.get(name) if name else None for name in node.input]
        special = {**CONTROL, **SEQUENCES}.get(node.op_type) if standard else None
        if special is not None:
            special(self, node, inputs)
            return
        if standard and node.op_type == "Constant":
            self._constant(node)
            return
        found = find(node.op_type, self.opset) if standard else None
        if found is None:
            self._unknown(node)
            return
        try:
            self._operator(node, found, inputs)
        except Unsupported as error:
            self.refuse(
                node,
                f"{node.op_type}: {error}",
                "adaptc does not read this form of the operator",
                "write it with others",
            )

    def _constant(self, node: NodeProto) -> None:
        attribute = node.attribute[0]
        kinds = {"value_int": torch.int64, "value_ints": torch.int64, "value_float": torch.float32}
        kinds["value_floats"] = torch.float32
        try:
            if attribute.name == "value":
                held = to_tensor(attribute.t, self.folder)
            elif attribute.name == "sparse_value":
                held = sparse_to_tensor(attribute.sparse_tensor, self.folder)
            elif attribute.name in kinds:
                number = onnx.helper.get_attribute_value(attribute)
                held = torch.tensor(
                    list(number) if attribute.name.endswith("s") else number, dtype=kinds[attribute.name]
                )
            else:
                raise Unsupported("a constant of text")
        except Unsupported as error:
            self.refuse(node, f"Constant: {error}", "networks compute with numbers", "leave it out")
            return
        self.values[node.output[0]] = constant(held)

    def _operator(self, node: NodeProto, found: Operator, inputs: list[Value | None]) -> None:
        attributes = attribute_values(node, self.folder)
        unknown = sorted(set(attributes) - found.keywords)
        if unknown or (found.inputs is not None and len(inputs) > found.inputs):
            self.refuse(
                node,
                f"{node.op_type} with {', '.join(unknown) or f'{len(inputs)} inputs'}",
                f"version {self.opset} of the operator has nothing of the kind, or adaptc does not read it",
                "leave it out, or convert the model to a newer version of the operators",
            )
            return
        numbers = [
            attributes[name] for name in ("to", "dtype", "output_dtype", "output_datatype") if name in attributes
        ]
        for number in numbers:
            if number and number not in DTYPES:
                raise Unsupported(f"the element type {type_name(number)}")
        if self._folded(node, found, inputs, attributes):
            return
        host = as_host(node.op_type, inputs, attributes) if len(node.output) == 1 else None
        if host is not None:
            self.assign(node.output[0], host, node_note(node))
            return
        if node.op_type == "Range":
            self._range(node, inputs)
            return
        self._call(node, found, inputs, attributes)

    def _call(
        self, node: NodeProto, found: Operator, inputs: list[Value | None], attributes: Mapping[str, Any]
    ) -> None:
        if node.op_type == "ConstantOfShape":
            value = attributes.get("value", torch.zeros(1))
            shape = host_text(self.value(node.input[0]), "ints")
            text = f"torch.full({shape}, {literal(value.item())}, dtype={value.dtype})"
        else:
            args = [
                self._argument(found, place, value, name) for place, (value, name) in enumerate(zip(inputs, node.input))
            ]
            while args and args[-1] == "None":
                args.pop()
            args += [f"{name}={self._attribute(name, value)}" for name, value in attributes.items()]
            if "opset" in found.keywords:
                args.append(f"opset={self.opset}")
            if "outputs" in found.keywords:
                args.append(f"outputs={len(node.output)}")
            text = f"op.{found.text}({', '.join(args)})"
        outputs = [self.unknown(name, self.names.fresh(name or "unused")) for name in node.output]
        targets = ", ".join(value.text for value in outputs)
        if found.many:
            text += "[0]" if len(outputs) == 1 else f"[:{len(outputs)}]"
        self.source.add(f"{targets} = {text}", node_note(node))
        for name, value in zip(node.output, outputs):
            if name:
                self.values[name] = value

    def _argument(self, found: Operator, place: int, value: Value | None, name: str) -> str:
        if value is None:
            return "None"
        if place in found.host:
            return host_text(value, found.host[place])
        return self.tensor(value, name)

    def _attribute(self, name: str, value: Any) -> str:
        if isinstance(value, torch.Tensor):
            return f"self.{self.constants.name(value, name)}"
        return literal(value)

    def _range(self, node: NodeProto, inputs: Sequence[Value | None]) -> None:
        types = self.types.get(node.output[0])
        dtype = DTYPES.get(types.dtype if types is not None else TensorProto.INT64, torch.int64)
        numbers = [host_text(value, "float") for value in inputs if value is not None]
        name = self.names.fresh(node.output[0])
        self.source.add(f"{name} = torch.arange({', '.join(numbers)}, dtype={dtype})", node_note(node))
        self.values[node.output[0]] = Value("tensor", name, length=1)

    def _folded(
        self, node: NodeProto, found: Operator, inputs: list[Value | None], attributes: Mapping[str, Any]
    ) -> bool:
        """Compute a node of constants now, unless its result is large."""
        if any(value is not None and value.constant is None for value in inputs):
            return False
        keywords = dict(attributes)
        if "opset" in found.keywords:
            keywords["opset"] = self.opset
        if "outputs" in found.keywords:
            keywords["outputs"] = len(node.output)
        args: list[Any] = []
        for place, value in enumerate(inputs):
            held = None if value is None else value.constant
            if held is not None and place in found.host:
                numbers = held.reshape(-1).tolist()
                args.append(numbers if found.host[place] in ("ints", "floats") else numbers[0])
            else:
                args.append(held)
        with torch.no_grad():
            made = found.function(*args, **keywords)
        results = made if found.many else (made,)
        if any(result.numel() > LARGEST_FOLDED for result in results):
            return False
        for name, result in zip(node.output, results):
            if name:
                self.values[name] = constant(result)
        return True

    def _unknown(self, node: NodeProto) -> None:
        domain = "" if node.domain in ("", "ai.onnx") else f" of {node.domain}"
        newer = find(node.op_type, 10**6)
        if newer is not None and not domain:
            why = f"the model is written in version {self.opset} of the operators, in which it means something else"
            self.refuse(node, f"the operator {node.op_type}", why, "export or convert the model with a newer version")
        else:
            self.refuse(
                node, f"the operator {node.op_type}{domain}", "adaptc has no torch code for it", "write it with others"
            )

    # -- pieces that all kinds of nodes use --------------------------------------------------------------------

    def tensor(self, value: Value, name: str = "") -> str:
        """Python for `value` as a tensor."""
        if value.kind == "constant":
            assert value.constant is not None
            if value.constant.dtype == torch.bool and value.constant.dim() == 0:
                return f"torch.tensor({bool(value.constant)})"
            return f"self.{self.constants.name(value.constant, name or 'constant')}"
        if value.is_host:
            if value.kind == "ints" or value.dtype == TensorProto.INT32:
                return f"torch.tensor({value.text}, dtype={DTYPES[value.dtype]})"
            return f"torch.tensor({value.text})"
        return value.text

    def assign(self, name: str, value: Value, note: str = "") -> None:
        """Give a name to `value`, unless it has one or is a constant."""
        if value.kind == "constant" or value.text.isidentifier() or value.constant is not None:
            self.values[name] = value
            return
        text = self.names.fresh(name)
        self.source.add(f"{text} = {value.text}", note)
        self.values[name] = value.named(text)

    def unknown(self, name: str, text: str) -> Value:
        """The value called `name` as a tensor that `text` stands for."""
        return Value("tensor", text, length=self.rank(name), fixed=self.fixed.get(name))

    def rank(self, name: str) -> int | None:
        """The number of dimensions of the value called `name`, where it is known."""
        types = self.types.get(name)
        return len(types.shape) if types is not None and types.shape is not None else None

    def refuse(self, node: NodeProto, found: str, why: str, instead: str) -> None:
        """Note that `node` cannot be compiled, and go on as if it had been, so that all problems are found."""
        outputs = [self.names.fresh(name or "unused") for name in node.output]
        text = f"{', '.join(outputs)} = {node.op_type}({', '.join(node.input)})" if outputs else node.op_type
        self.trouble(text, Trouble(found, why, instead), node_note(node))
        for name, output in zip(node.output, outputs):
            self.values[name] = Value("tensor", output, length=self.rank(name))

    def trouble(self, text: str, trouble: Trouble, note: str = "") -> None:
        """Write a line that stands for what cannot be compiled."""
        self.source.add(text, note, trouble)


def tensor_types(proto: onnx.TypeProto.Tensor) -> Types:
    """What a type of the model says."""
    if not proto.HasField("shape"):
        return Types(proto.elem_type, None)
    sizes = [dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in proto.shape.dim]
    return Types(proto.elem_type, tuple(sizes))


def attribute_values(node: NodeProto, folder: str) -> dict[str, Any]:
    """The attributes of a node by name: numbers, texts, lists of them, and tensors."""
    values: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.type == AttributeProto.TENSOR:
            values[attribute.name] = to_tensor(attribute.t, folder)
        elif attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
            continue
        else:
            value = onnx.helper.get_attribute_value(attribute)
            if isinstance(value, bytes):
                value = value.decode()
            elif attribute.type == AttributeProto.STRINGS:
                value = [text.decode() for text in value]
            elif not isinstance(value, (int, float, str)):
                value = list(value)
            values[attribute.name] = value
    return values
