"""The examples as single models: plain ONNX Runtime gives what eager PyTorch does, and the model says enough about
itself to make the network's own result of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import adaptc
from adaptc.compiler.structure import flatten
from adaptc.runtime.structure import Builders
from adaptc.runtime.tree import Tree

ROOT = Path(__file__).parents[2]
TOLERANCE = 1e-5
FEW = 12

NAMES = (
    "early_exit_cnn",
    "exception_exit",
    "captioner",
    "act_transformer",
)
"""Small networks of several kinds: exits, loops, results of several structures, lists of rows."""


@pytest.fixture
def networks() -> Iterator[Any]:
    """The networks of the benchmark suite, with inputs that take their paths."""
    folders = [str(ROOT / "benchmarks"), str(ROOT / "examples")]
    sys.path[:0] = folders
    yield import_module("contest.networks").networks()
    for folder in folders:
        sys.path.remove(folder)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_a_single_model_gives_what_eager_gives(name: str, networks: Any, tmp_path: Path) -> None:
    network, file = networks[name], tmp_path / "net.onnx"
    found = network.load()
    calls = network.calls(FEW)
    adaptc.compile(found.model, found.example_inputs, file, dynamic=found.dynamic, name=name)
    onnx.checker.check_model(str(file), full_check=True)
    model = onnx.load(file)
    assert {opset.domain for opset in model.opset_import} == {""}
    assert all(value.doc_string for value in (*model.graph.input, *model.graph.output))
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    for call in calls:
        inputs = {value.name: call[value.name].numpy() for value in session.get_inputs()}
        outputs = session.run(None, inputs)
        check_extents(session, inputs, outputs)
        with torch.inference_mode():
            expected = found.model(**call)
        check_equal(result(session, outputs), expected)


def result(session: onnxruntime.InferenceSession, outputs: list[Any]) -> Any:
    """The network's own result, made as the model's metadata tell."""
    told = msgspec.json.decode(session.get_modelmeta().custom_metadata_map["adaptc.results"])
    assert told["outputs"] == [value.name for value in session.get_outputs()]
    form = int(outputs[told["outputs"].index("form")]) if "form" in told["outputs"] else 0
    values = [value.item() if place in told["numbers"] else value for place, value in enumerate(outputs)]
    return Builders().builder(msgspec.convert(told["structures"][form], Tree))(values)


def check_equal(found: object, expected: object) -> None:
    (tree, values), (eager_tree, tensors) = flatten(found, "leaf", arrays=True), flatten(expected, "leaf")
    assert msgspec.to_builtins(tree) == msgspec.to_builtins(eager_tree)
    for value, tensor in zip(values, tensors, strict=True):
        wanted = np.asarray(tensor)
        assert np.shape(value) == wanted.shape
        worst = np.abs(np.subtract(value, wanted, dtype=np.float64)).max(initial=0)
        assert worst <= TOLERANCE * max(np.abs(wanted).max(initial=0), 1e-3)


def check_extents(session: onnxruntime.InferenceSession, inputs: dict[str, Any], outputs: list[Any]) -> None:
    """Each extent that an output declares is what it says, in terms of the inputs' sizes."""
    sizes: dict[str, int] = {}
    for value in session.get_inputs():
        sizes |= {dim: size for dim, size in zip(value.shape, inputs[value.name].shape) if isinstance(dim, str)}
    for value, array in zip(session.get_outputs(), outputs):
        declared = [eval(dim, {}, sizes) if isinstance(dim, str) else dim for dim in value.shape]
        assert all(dim is None or dim == size for dim, size in zip(declared, array.shape, strict=True))
