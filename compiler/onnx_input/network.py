"""A model as a network: the Python written for its graph, and a module that runs it."""

from __future__ import annotations

import dataclasses
import inspect
import linecache
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, NamedTuple, cast

import torch

from adaptc.compiler.errors import CompileError, Problem
from adaptc.compiler.onnx_input.dtypes import DTYPES, type_name
from adaptc.compiler.onnx_input.model import Model
from adaptc.compiler.onnx_input.reference import Reference
from adaptc.compiler.onnx_input.registry import Functions
from adaptc.compiler.onnx_input.source import Names, Source, Trouble
from adaptc.compiler.onnx_input.values import Value
from adaptc.compiler.onnx_input.writer import NO_OPERATORS, Writer
from adaptc.compiler.read_network import ReadNetwork
from adaptc.compiler.signature import Bound, ExampleInputs, bind
from adaptc.compiler.verify.inputs import InputSet, input_set, like, random_inputs

RANDOM_INPUTS = 4
"""Random inputs that a network is compared with its model on."""


@dataclass(frozen=True)
class Argument:
    """An input of a model: its ONNX name, and the one of the argument of ``forward``."""

    onnx: str
    name: str


class OnnxNetwork(ReadNetwork):
    """What the classes that are made for models have in common.

    These attributes belong to the class: they are no part of the network's state. `source` is the Python that has
    been written for the model.
    """

    source: ClassVar[str]
    _model: ClassVar[Model]
    _arguments: ClassVar[tuple[Argument, ...]]

    def __init__(self, buffers: dict[str, torch.Tensor]) -> None:
        super().__init__()
        for name, tensor in buffers.items():
            self.register_buffer(name, tensor)

    def problems_of_reading(
        self, bound: Bound, dims: Mapping[str, Mapping[int, str]], samples: Sequence[object]
    ) -> list[Problem]:
        """Where the outputs differ from those of the model itself; a random input that it fails on tells nothing."""
        reference = Reference(self._model)
        known = [input_set("the example inputs", bound)]
        known += [
            like(bound, bind(self.forward, cast(ExampleInputs, sample)), f"sample {number}")
            for number, sample in enumerate(samples, start=1)
        ]
        for inputs in [*known, *random_inputs(bound, dims, RANDOM_INPUTS, 0)]:
            text = self._compared(reference, inputs, inputs in known)
            if text:
                why = f"{reference.name} computes the model otherwise than adaptc reads it"
                return [
                    Problem(self._model.file, 1, f"{inputs.label}: {text}", why, "report this: it is a bug in adaptc")
                ]
        return []

    def _compared(self, reference: Reference, inputs: InputSet, known: bool) -> str:
        call = inspect.signature(self.forward).bind(*inputs.array_args, **inputs.array_kwargs).arguments
        try:
            expected = reference.outputs({each.onnx: call[each.name] for each in self._arguments})
        except Exception as error:  # noqa: BLE001 (the engines' errors have no common class)
            return f"{reference.name} fails: {str(error).splitlines()[0]}" if known else ""
        with torch.no_grad():
            try:
                found = self(*inputs.args, **inputs.kwargs)
            except Exception as error:  # noqa: BLE001 (whatever torch raises)
                return f"{type(error).__name__}: {str(error).splitlines()[0]}"
        found = list(found) if isinstance(found, tuple) else [found]
        differences = reference.differences(expected, found)
        return "; ".join(f"output {each.output!r}: {each.text}" for each in differences)


def network_of(model: Model) -> tuple[OnnxNetwork, list[Argument]]:
    """The network of `model`, in eval mode, and its arguments. Raises `CompileError` with every problem found."""
    graph = model.proto.graph
    writer = Writer(model.opset, model.folder)
    weights = {tensor.name for tensor in graph.initializer} | {s.values.name for s in graph.sparse_initializer}
    arguments = [Argument(info.name, writer.names.fresh(info.name)) for info in graph.input if info.name not in weights]
    writer.source = Source(depth=2)
    writer.enter(graph)
    for info in (*graph.input, *graph.value_info):
        types = writer.types.get(info.name)
        if types is not None and types.shape is not None:
            writer.fixed[info.name] = tuple(size if isinstance(size, int) else None for size in types.shape)
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
        value = writer.unknown(argument.onnx, argument.name)
        writer.values[argument.onnx] = dataclasses.replace(value, kind=kind)  # type: ignore[arg-type]
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
    made = _run(model, text).Network
    made.source, made._model, made._arguments = text, model, tuple(arguments)
    network: OnnxNetwork = made(writer.constants.buffers)
    return network.eval(), arguments


def _result(writer: Writer, value: Value, name: str) -> str:
    return value.text if value.kind in ("sequence", "optional") else writer.tensor(value, name)


def _fields(names: list[str]) -> list[str]:
    """Names for the fields of the result."""
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
    module = ModuleType(f"onnx_model_{model.name}")
    module.__dict__.update(
        {
            "torch": torch,
            "op": Functions(),
            "NamedTuple": NamedTuple,
            "OnnxNetwork": OnnxNetwork,
            "__file__": model.file,
        }
    )
    exec(compile(text, model.file, "exec"), module.__dict__)
    return module
