"""Indices that data gives: one `Gather`, which counts negative ones from the end."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import Tensor, nn

import adaptc
from adaptc.compiler.backends.onnx.graphs.scope import Scope
from adaptc.compiler.backends.onnx.indices import simplify_indices
from adaptc.runtime.artifact import open_artifact
from adaptc.runtime.errors import EngineError


class Picks(nn.Module):
    """Takes a column by a number that it reads."""

    def forward(self, x: Tensor, place: Tensor) -> Tensor:
        index = int(place.item())
        return x[:, index] if x.sum() > 0 else x[:, 0] - x[:, index - 1]


@pytest.mark.parametrize("dynamic", [{}, {"x": {1: "columns"}}])
def test_columns(dynamic: dict[str, dict[int, str]], tmp_path: Path) -> None:
    x = torch.arange(8.0).reshape(2, 4) - 3
    adaptc.compile(Picks(), (x, torch.tensor(1)), tmp_path / "net", dynamic=dynamic)
    executable = adaptc.load(tmp_path / "net")
    for sign in (1, -1):
        for place in range(-3, 4):
            given = sign * x, torch.tensor(place)
            np.testing.assert_array_equal(executable(*(t.numpy() for t in given)), Picks()(*given).numpy())
    for place in (4, -5):
        with pytest.raises(EngineError, match=r"out of|bound|range"):
            executable(x.numpy(), np.array(place))
    (unit,) = (unit for unit in open_artifact(tmp_path / "net").manifest.units if unit.name.startswith("region"))
    counts = Counter(node.op_type for node in ir.load(tmp_path / "net" / unit.file).graph.all_nodes())
    assert counts["Where"] == 0
    assert counts["Gather"] == 3


@pytest.mark.parametrize(
    ("size", "axis", "left"),
    [(4, 1, False), (5, 1, True), (2, 0, False), (2, 1, True), ("own", 1, False), ("other", 1, True)],
)
def test_only_the_size_of_its_axis_is_added(size: int | str, axis: int, left: bool) -> None:
    """An index that wraps around something else keeps its arithmetic."""
    scope = Scope()
    data = scope.input("x", ir.DataType.FLOAT, [2, 4])
    other = scope.input("other", ir.DataType.FLOAT, [2, 4])
    index = scope.input("i", ir.DataType.INT64, ())
    if isinstance(size, int):
        extent = scope.constant(np.int64(size))
    else:
        shape = scope.apply("Shape", [data if size == "own" else other], ir.DataType.INT64, [1], start=1, end=2)
        extent = scope.apply("Squeeze", [shape], ir.DataType.INT64)
    below = scope.apply("Less", [index, scope.constant(np.int64(0))], ir.DataType.BOOL)
    added = scope.apply("Add", [index, extent], ir.DataType.INT64)
    chosen = scope.apply("Where", [below, added, index], ir.DataType.INT64)
    one = scope.apply("Reshape", [chosen, scope.constant(np.array([1]))], ir.DataType.INT64, [1])
    part = scope.apply("Gather", [data, one], ir.DataType.FLOAT, [None, None], axis=axis)
    result = scope.apply("Gather", [part, scope.constant(np.int64(0))], ir.DataType.FLOAT, [None], axis=axis)
    scope.graph("net", [data, other, index], [result])
    simplify_indices(result.producer().graph)  # type: ignore[union-attr,arg-type]
    node = result.producer()
    assert node is not None
    assert node.inputs[0] is data
    assert node.inputs[1] is (chosen if left else index)
