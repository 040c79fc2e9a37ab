"""Units made by hand, so that tests of the collection need no capture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from adaptc.costmodel.data.errors import SampleError
from adaptc.costmodel.data.units import BuiltUnit


def gemm_unit(folder: Path, rows: int = 2, broken: bool = False) -> BuiltUnit:
    """relu(x @ w + b) with x [rows, 4] and w [4, 3]; `broken`: it is given arrays of another width."""
    weights = [("w", np.full((4, 3), 0.5, np.float32)), ("b", np.zeros(3, np.float32))]
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
        "unit",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, 3])],
        [numpy_helper.from_array(array, name) for name, array in weights],
    )
    folder.mkdir(parents=True, exist_ok=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, folder / "unit.onnx")
    given = np.ones((rows, 5 if broken else 4), np.float32)
    return BuiltUnit(f"module {{ {rows} rows }}", folder / "unit.onnx", {"x": given}, ("y",), 60)


class HandBuilder:
    """A builder of `gemm_unit`s whose rows count up, the same again after `distinct`; `refused` are left out."""

    def __init__(self, distinct: int = 1000, refused: tuple[int, ...] = ()) -> None:
        self.distinct = distinct
        self.refused = refused
        self.built = 0

    def build(self, module: nn.Module, inputs: tuple[Tensor, ...], folder: Path) -> BuiltUnit:
        self.built += 1
        if self.built in self.refused:
            raise SampleError("several blocks")
        return gemm_unit(folder, 1 + (self.built - 1) % self.distinct)

    def real_units(self, network: str, folder: Path) -> tuple[list[BuiltUnit], dict[str, int]]:
        return [gemm_unit(folder / "1", 50), gemm_unit(folder / "2", 51)], {"no call reaches it": 3}
