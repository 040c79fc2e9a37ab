"""Heads of attention are split in one step."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import adaptc
from adaptc.compiler.backends.onnx.graphs.naming import name_values
from adaptc.compiler.backends.onnx.graphs.scope import Scope
from adaptc.compiler.backends.onnx.reshapes import drop_whole_slices, split_once
from adaptc.runtime.artifact import open_artifact

SHAPES: list[tuple[tuple[int, int, int], list[int], list[int], bool]] = [
    # the tensor, what it is reshaped to, and then to; whether one step does the same
    ((5, 2, 12), [5, 6, 4], [2, 3, 5, 4], True),
    ((5, 2, 12), [5, -1, 4], [-1, 3, 5, 4], True),
    ((5, 2, 12), [-1, 6, 4], [2, 3, -1, 4], True),
    ((5, 2, 12), [5, 6, 4], [-1, 3, 5, 4], True),
    ((5, 2, 12), [5, 6, 4], [2, -1, 5, 4], False),
    ((5, 2, 12), [5, 6, 4], [3, 2, 4, 5], False),
    ((5, 2, 12), [5, -1, 4], [2, 3, 5, 4], False),
    ((4, 2, 12), [4, 6, 4], [6, 4, 2, 2], False),
    ((1, 2, 12), [0, 6, 4], [2, 3, 1, 4], False),
]


@pytest.mark.parametrize(("shape", "merged", "split", "fits"), SHAPES)
def test_shapes(shape: tuple[int, int, int], merged: list[int], split: list[int], fits: bool) -> None:
    scope = Scope()
    x = scope.input("x", ir.DataType.FLOAT, shape)
    first = scope.apply("Reshape", [x, scope.constant(np.array(merged))], ir.DataType.FLOAT, [None] * 3)
    turned = scope.apply("Transpose", [first], ir.DataType.FLOAT, [None] * 3, perm=[1, 0, 2])
    second = scope.apply("Reshape", [turned, scope.constant(np.array(split))], ir.DataType.FLOAT, [None] * 4)
    graph = scope.graph("net", [x], [second])
    array = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    plain = [size if size else shape[axis] for axis, size in enumerate(merged)]
    expected = array.reshape(plain).transpose(1, 0, 2).reshape(split)
    assert split_once(graph) is fits
    name_values(graph, ["x"])
    graph.opset_imports[""] = 20
    model = ir.to_proto(ir.Model(graph, ir_version=10)).SerializeToString()
    (found,) = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"x": array})
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("starts", "ends", "steps", "whole"),
    [
        ([0, 0], [5, 2], [1, 1], True),
        ([-5, 0], [9, 1 << 62], [1, 1], True),
        ([0, 0], [5, 1], [1, 1], False),
        ([1, 0], [5, 2], [1, 1], False),
        ([0, 0], [5, 2], [2, 1], False),
        ([0, 0], [-1, 2], [1, 1], False),
        ([0, 0], [5, 2], None, True),
    ],
)
def test_slices(starts: list[int], ends: list[int], steps: list[int] | None, whole: bool) -> None:
    scope = Scope()
    x = scope.input("x", ir.DataType.FLOAT, [5, 2, None])
    given = [starts, ends, [0, 1], *([steps] if steps is not None else [])]
    part = scope.apply("Slice", [x, *(scope.constant(np.array(each)) for each in given)], ir.DataType.FLOAT, [None] * 3)
    result = scope.apply("Neg", [part], ir.DataType.FLOAT, [None] * 3)
    drop_whole_slices(scope.graph("net", [x], [result]))
    node = result.producer()
    assert node is not None
    assert (node.inputs[0] is x) is whole


def test_a_slice_of_an_unknown_size_stays() -> None:
    scope = Scope()
    x = scope.input("x", ir.DataType.FLOAT, [None])
    given = [scope.constant(np.array([each])) for each in (0, 1 << 40, 0)]
    graph = scope.graph("net", [x], [scope.apply("Slice", [x, *given], ir.DataType.FLOAT, [None])])
    drop_whole_slices(graph)
    assert graph.outputs[0].producer() is not None


class Attending(nn.Module):
    """Layers until the first feature is positive."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
            if x[:, 0, 0].amin() > 0:
                return x
        return -x


def test_layers_of_transformers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, x = Attending().eval(), torch.randn(3, 7, 16)
    adaptc.compile(model, (x,), tmp_path / "net", dynamic={"x": {0: "batch"}})
    executable = adaptc.load(tmp_path / "net")
    for batch in (1, 4):
        x = torch.randn(batch, 7, 16)
        with torch.inference_mode():
            np.testing.assert_allclose(executable(x.numpy()), model(x).numpy(), rtol=1e-4, atol=1e-5)
    (unit,) = (unit for unit in open_artifact(tmp_path / "net").manifest.units if unit.name == "b0")
    counts = Counter(node.op_type for node in ir.load(tmp_path / "net" / unit.file).graph)
    assert counts["Reshape"] <= 5  # three in, the result, and its row
