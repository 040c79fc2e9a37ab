"""Builds artifacts by hand, without the compiler: units from ONNX's text form, the host program from its classes."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import onnx.parser
from onnx import TensorProto, helper, numpy_helper

from adaptc.runtime.artifact import file_table, write_host, write_manifest
from adaptc.runtime.hostfile import write_host_source
from adaptc.runtime.hostprogram import (
    Branch,
    Call,
    Const,
    Edge,
    HostBlock,
    HostProgram,
    Jump,
    Read,
    Ref,
    Return,
    ValueSpec,
)
from adaptc.runtime.manifest import (
    SCHEMA,
    Argument,
    Manifest,
    ReadValue,
    Sample,
    Signature,
    TensorSpec,
    Unit,
    Weight,
)
from adaptc.runtime.tree import DictNode, Leaf, Tree, TupleNode

Array = np.ndarray[Any, Any]


class ArtifactBuilder:
    """Collects units and samples, then writes the artifact."""

    def __init__(self, name: str = "network") -> None:
        self.name = name
        self.graphs: dict[str, onnx.GraphProto] = {}
        self.units: list[Unit] = []
        self.weights: list[Weight] = []
        self.weight_bytes = b""
        self.samples: list[tuple[Sample, list[Array], list[Array]]] = []

    def unit(self, name: str, text: str, weights: Mapping[str, Array] | None = None, loc: str = "") -> ArtifactBuilder:
        """Add a unit, a graph in ONNX's text form: ``(float[batch, 4] x) => (float[batch, 4] y) {y = Relu(x)}``."""
        graph = onnx.parser.parse_graph(f"{name} {text}")
        for weight, array in (weights or {}).items():
            graph.initializer.append(self._external(weight, array))
        self.graphs[name] = graph
        inputs, outputs = map(_specs, (graph.input, graph.output))
        self.units.append(Unit(name, "onnxruntime", f"units/{name}.onnx", inputs, outputs, tuple(weights or ()), loc))
        return self

    def sample(
        self,
        name: str,
        inputs: Sequence[Any],
        expected: Sequence[Any],
        path: Sequence[str],
        forced: Sequence[tuple[str, bool | int | float | None]] = (),
        raises: str = "",
    ) -> ArtifactBuilder:
        """Add a sample: inputs with the outputs that are expected along `path`."""
        reads = tuple(ReadValue(read, value) for read, value in forced)
        files = f"samples/{name}.inputs.npz", f"samples/{name}.expected.npz"
        arrays = [np.asarray(array) for array in inputs], [np.asarray(array) for array in expected]
        self.samples.append((Sample(name, *files, tuple(path), reads, raises), *arrays))
        return self

    def write(
        self,
        folder: Path,
        program: HostProgram,
        inputs: Sequence[TensorSpec],
        arguments: Sequence[Argument] | None = None,
        report: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write the artifact. Without `arguments` each input is one, to be passed by position or by name."""
        if arguments is None:
            arguments = [Argument(spec.name, "positional", Leaf(i)) for i, spec in enumerate(inputs)]
        (folder / "units").mkdir(parents=True)
        for name, graph in self.graphs.items():
            model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
            (folder / "units" / f"{name}.onnx").write_bytes(model.SerializeToString())
        if self.weights:
            (folder / "units" / "weights.bin").write_bytes(self.weight_bytes)
        for sample, given, expected in self.samples:
            _save(folder / sample.inputs, given)
            _save(folder / sample.expected, expected)
        manifest = Manifest(
            schema=SCHEMA,
            name=self.name,
            engine="onnxruntime",
            signature=Signature(tuple(arguments), tuple(inputs)),
            units=tuple(self.units),
            weights=tuple(self.weights),
            samples=tuple(sample for sample, _, _ in self.samples),
            files={},
            provenance={},
        )
        write_host(folder, program)
        write_host_source(folder, program, manifest)
        (folder / "report.json").write_bytes(msgspec.json.encode(report or {"paths": []}))
        write_manifest(folder, msgspec.structs.replace(manifest, files=file_table(folder)))
        return folder

    def _external(self, name: str, array: Array) -> onnx.TensorProto:
        """Put the weight at the end of weights.bin and refer to it."""
        offset, data = len(self.weight_bytes), array.tobytes()
        self.weight_bytes += data
        self.weights.append(Weight((name,), array.dtype.name, array.shape, offset, len(data)))
        tensor = numpy_helper.from_array(array, name)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", "weights.bin"), ("offset", offset), ("length", len(data))):
            tensor.external_data.add(key=key, value=str(value))
        return tensor


def rewrite(folder: Path, **changes: Any) -> Path:
    """Write the artifact's manifest again, files listed afresh, with fields replaced."""
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    changes.setdefault("files", file_table(folder))
    write_manifest(folder, msgspec.structs.replace(manifest, **changes))
    return folder


def pack(folder: Path, target: Path) -> Path:
    """The artifact as one file."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder).as_posix())
    return target


HIDDEN = np.linspace(-1, 1, 32, dtype=np.float32).reshape(4, 8)
HEAD = np.linspace(1, -1, 24, dtype=np.float32).reshape(8, 3)


def early_exit(folder: Path, threshold: float = 0.5) -> Path:
    """A small early-exit network: its stem, a gate, then the exit's head or another layer with the same head.

    ``forward(x: float32[batch, 4])`` returns ``{"logits": ..., "exit": (0 or 1, confidence)}``.
    """
    stem = (
        "(float[batch, 4] x) => (float[batch, 8] h, bool[1] sure, float confidence)"
        "{product = MatMul(x, hidden) h = Relu(product)"
        " confidence = ReduceMax<keepdims: int = 0>(h)"
        f" limit = Constant<value = float[1] {{{threshold}}}>() sure = Greater(confidence, limit)}}"
    )
    builder = ArtifactBuilder("early-exit")
    builder.unit("stem", stem, {"hidden": HIDDEN}, "net.py:10")
    builder.unit("head", "(float[batch, 8] h) => (float[batch, 3] logits) {logits = MatMul(h, w)}", {"w": HEAD})
    builder.unit("layer", "(float[batch, 8] h) => (float[batch, 8] g) {t = Tanh(h) g = Add(h, t)}")
    tree = DictNode(("logits", "exit"), (Leaf(0), TupleNode((Leaf(1), Leaf(2)))))
    for kind, x in (("early", 1.0), ("late", 0.01)):
        inputs = np.full((2, 4), x, np.float32)
        logits, number, confidence = early_exit_reference(inputs, threshold)
        path = ("entry", "exit") if number == 0 else ("entry", "more", "exit")
        builder.sample(kind, [inputs], [logits, number, confidence], path)
    logits = np.maximum(np.full((2, 4), 1.0, np.float32) @ HIDDEN, 0)
    logits, confidence = (logits + np.tanh(logits)) @ HEAD, logits.max()
    builder.sample(
        "forced late",
        [np.full((2, 4), 1.0, np.float32)],
        [logits, 1, confidence],
        ("entry", "more", "exit"),
        [("sure?", False)],
    )
    report = {"paths": [{"name": "path 1", "blocks": ["entry", "exit"], "decisions": [], "raises": ""}]}
    inputs_spec = [TensorSpec("x", "float32", ("batch", 4))]
    return builder.write(folder, early_exit_program(tree), inputs_spec, report=report)


def early_exit_reference(x: Array, threshold: float = 0.5) -> tuple[Array, int, float]:
    """What the network computes, in NumPy."""
    h = np.maximum(x @ HIDDEN, 0)
    confidence = float(h.max())
    if confidence > threshold:
        return h @ HEAD, 0, confidence
    return (h + np.tanh(h)) @ HEAD, 1, confidence


def early_exit_program(tree: Tree) -> HostProgram:
    specs = (ValueSpec("float32", ("batch", 3)), ValueSpec("int"), ValueSpec("float"))
    entry = HostBlock(
        "entry",
        ("x",),
        (
            Call("stem", (Ref("x"),), ("h", "sure", "c")),
            Read("sure?", "sure", "bool", "net.py:12"),
            Read("confidence", "c", "float", "net.py:13"),
        ),
        Branch(
            Ref("sure?"),
            Edge("exit", (Ref("h"), Const(0), Ref("confidence"))),
            Edge("more", (Ref("h"), Ref("confidence"))),
            "net.py:12",
        ),
    )
    more = HostBlock(
        "more",
        ("h1", "confidence"),
        (Call("layer", (Ref("h1"),), ("h2",)),),
        Jump(Edge("exit", (Ref("h2"), Const(1), Ref("confidence")))),
    )
    leave = HostBlock(
        "exit",
        ("h", "number", "confidence"),
        (Call("head", (Ref("h"),), ("logits",)),),
        Return((Ref("logits"), Ref("number"), Ref("confidence")), specs, tree, "net.py:16"),
    )
    return HostProgram("entry", (entry, more, leave))


def _specs(values: Sequence[onnx.ValueInfoProto]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(value.name, _dtype(value), _shape(value)) for value in values)


def _dtype(value: onnx.ValueInfoProto) -> str:
    return helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type).name


def _shape(value: onnx.ValueInfoProto) -> tuple[int | str, ...]:
    return tuple(dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim)


def _save(path: Path, arrays: Sequence[Array]) -> None:
    path.parent.mkdir(exist_ok=True)
    np.savez(path, **{str(i): array for i, array in enumerate(arrays)})
