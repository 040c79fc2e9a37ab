"""A model as a network: the Python written for its graph, and a module that runs it."""

from __future__ import annotations

import linecache
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import nn

from adaptc.compiler.errors import CompileError, Problem
from adaptc.compiler.onnx_input.dtypes import DTYPES, type_name
from adaptc.compiler.onnx_input.model import Model
from adaptc.compiler.onnx_input.registry import Functions
from adaptc.compiler.onnx_input.source import Source, Trouble
from adaptc.compiler.onnx_input.values import Value
from adaptc.compiler.onnx_input.writer import NO_OPERATORS, Writer


class OnnxNetwork(nn.Module):
    """What the classes that are made for models have in common."""

    def __init__(self, model: Model, source: str, buffers: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self._model = model
        self._source = source
        for name, tensor in buffers.items():
            self.register_buffer(name, tensor)

    @property
    def source(self) -> str:
        """The Python that has been written for the model."""
        return self._source


@dataclass(frozen=True)
class Argument:
    """An input of a model: its ONNX name, and the one of the argument of ``forward``."""

    onnx: str
    name: str


def network_of(model: Model) -> tuple[OnnxNetwork, list[Argument]]:
    """The network of `model`, in eval mode, and its arguments. Raises `CompileError` with every problem found."""
    graph = model.proto.graph
    writer = Writer(model.opset, model.folder)
    weights = {tensor.name for tensor in graph.initializer} | {s.values.name for s in graph.sparse_initializer}
    arguments = [
        Argument(info.name, writer.names.fresh(info.name)) for info in graph.input if info.name not in weights
    ]
    writer.source = Source(depth=2)
    writer.enter(graph)
    for argument in arguments:
        info = next(info for info in graph.input if info.name == argument.onnx)
        kind = "tensor"
        if info.type.HasField("sequence_type"):
            kind = "sequence"
        elif info.type.HasField("optional_type"):
            kind = "optional"
        types = writer.types.get(argument.onnx)
        if types is not None and types.dtype not in DTYPES:
            found = f"an input of element type {type_name(types.dtype)}: {argument.onnx}"
            writer.trouble(f"{argument.name} = ...", Trouble(found, *NO_OPERATORS))
        for axis, size in enumerate((types.shape or ()) if types is not None else ()):
            if isinstance(size, str):
                writer.sizes.setdefault(size, f"{argument.name}.shape[{axis}]")
        writer.values[argument.onnx] = Value(kind, argument.name, length=writer.rank(argument.onnx))  # type: ignore[arg-type]
    writer.nodes(graph)
    results = [_result(writer, writer.value(info.name), info.name) for info in graph.output]
    head = _head(model, arguments, [info.name for info in graph.output])
    fields = _fields([info.name for info in graph.output])
    whole = Source([*head.lines, *writer.source.lines], 2)
    whole.add(f"return {results[0]}" if len(fields) == 1 else f"return Outputs({', '.join(results)})")
    text = whole.text()
    lines = text.splitlines(keepends=True)
    # no time of change: then linecache keeps the lines, though the file holds others
    linecache.cache[model.file] = (len(text), None, lines, model.file)
    problems = [
        Problem(model.file, number, line.trouble.found, line.trouble.why, line.trouble.instead)
        for number, line in enumerate(whole.lines, start=1)
        if line.trouble is not None
    ]
    if problems:
        raise CompileError(problems)
    network: OnnxNetwork = _run(model, text).Network(model, text, writer.constants.buffers)
    return network.eval(), arguments


def _result(writer: Writer, value: Value, name: str) -> str:
    return value.text if value.kind in ("sequence", "optional") else writer.tensor(value, name)


def _fields(names: list[str]) -> list[str]:
    """Names for the fields of the result."""
    from adaptc.compiler.onnx_input.source import Names

    given = Names()
    return [given.fresh(name) for name in names]


def _head(model: Model, arguments: list[Argument], outputs: list[str]) -> Source:
    source = Source()
    source.add(f"# {model.file.rpartition('/')[2]}, version {model.opset} of the operators, as adaptc reads it")
    if len(outputs) > 1:
        source.add("class Outputs(NamedTuple):")
        with source.deeper():
            for field in _fields(outputs):
                source.add(f"{field}: torch.Tensor")
        source.add("")
        source.add("")
    source.add("class Network(OnnxNetwork):")
    with source.deeper():
        source.add(f"def forward({', '.join(['self', *(argument.name for argument in arguments)])}):")
    return source


def _run(model: Model, text: str) -> Any:
    """The module of the Python that has been written."""
    from typing import NamedTuple

    module = ModuleType(f"onnx_model_{model.name}")
    module.__dict__.update(
        {"torch": torch, "op": Functions(), "NamedTuple": NamedTuple, "OnnxNetwork": OnnxNetwork, "__file__": model.file}
    )
    exec(compile(text, model.file, "exec"), module.__dict__)
    return module
