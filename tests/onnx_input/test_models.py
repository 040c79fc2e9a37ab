"""ONNX models become artifacts that compute what ONNX Runtime computes with the models themselves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper, parser
from torch import nn
from torch._higher_order_ops.while_loop import while_loop

import adaptc

from .models import CASES, EXIT, Case, rand


def engine(model: onnx.ModelProto | Path) -> onnxruntime.InferenceSession:
    """ONNX Runtime on a model."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def compare(model: onnx.ModelProto | Path, calls: Iterable[tuple[Any, ...]], folder: Path, **options: Any) -> Any:
    """Compile a model, compare it with ONNX Runtime on `calls`, and give the report."""
    report = adaptc.compile(model, None, folder / "artifact", **options)
    executable, session = adaptc.load(folder / "artifact"), engine(model)
    names = [entry.name for entry in session.get_inputs()]
    for call in calls:
        arrays = [np.asarray(value) for value in call]
        expected = session.run(None, dict(zip(names, arrays)))
        ours = executable(*arrays)
        for one, other in zip(ours if isinstance(ours, tuple) else [ours], expected, strict=True):
            assert one.dtype == other.dtype
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    return report


@pytest.mark.parametrize("name", CASES)
def test_a_model(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    report = compare(case.model, case.calls, tmp_path)
    assert all(path["max_relative_error"] is not None for path in report.paths)
    blocks = {name for path in report.paths for name in path["blocks"]}
    repeated = any(len(set(path["blocks"])) < len(path["blocks"]) for path in report.paths)
    assert blocks
    assert repeated or not case.loop


def test_names_of_inputs_and_outputs(tmp_path: Path) -> None:
    report = compare(EXIT.model, EXIT.calls, tmp_path)
    executable = adaptc.load(tmp_path / "artifact")
    assert report.name == "early_exit"
    assert str(executable.signature) == "(x: float32[1, 4]) -> Outputs(logits=float32[1, 3], exit=int64[])"
    made = executable(x=rand(1, 4))
    assert made.logits.shape == (1, 3)
    assert made.exit in (0, 1)


def test_decisions_stand_on_lines_that_name_their_nodes(tmp_path: Path) -> None:
    report = compare(EXIT.model, EXIT.calls, tmp_path)
    (branch,) = report.branches
    assert branch.loc.startswith("early_exit.onnx:")
    assert branch.source == "if sure:  # If decision"


class Cond(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.first, self.second = nn.Conv2d(3, 4, 3), nn.Linear(4, 5), nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.relu(self.stem(x)).mean((2, 3))
        result: torch.Tensor = torch.cond(
            h.mean() > 0.3, lambda h: self.first(h), lambda h: torch.tanh(self.second(h)), (h,)
        )
        return result


class While(nn.Module):
    def forward(self, x: torch.Tensor) -> Any:
        def going(count: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return (count < 20) & (x.abs().sum() > 1)

        def step(count: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return count + 1, x * 0.6

        return while_loop(going, step, (torch.tensor(0), x))


@pytest.mark.long
def test_what_torch_exports(tmp_path: Path) -> None:
    example = torch.randn(2, 3, 6, 6)
    program = torch.onnx.export(Cond().eval(), (example,), dynamo=True, dynamic_shapes=({0: "batch"},), verbose=False)
    assert program is not None
    calls = [(rand(2, 3, 6, 6),), (rand(3, 3, 6, 6, scale=4),), (rand(1, 3, 6, 6, scale=0.1),)]
    report = compare(program.model_proto, calls, tmp_path)
    assert len(report.paths) == 2
    assert "batch" in str(adaptc.load(tmp_path / "artifact").signature)
    program = torch.onnx.export(While().eval(), (torch.randn(4),), dynamo=True, verbose=False)
    assert program is not None
    compare(program.model_proto, [(rand(4),), (rand(4, scale=20),), (rand(4, scale=0.01),)], tmp_path)


def test_weights_in_another_file(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(rand(64, 64), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])]
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "net", infos[:1], infos[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, tmp_path / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    assert (tmp_path / "net.data").exists()
    compare(tmp_path / "net.onnx", [(rand(1, 64),)], tmp_path)


def test_functions_of_a_model(tmp_path: Path) -> None:
    model = parser.parse_model(
        """
        <ir_version: 10, opset_import: ["" : 20, "own" : 1]>
        net (float[n, 4] x) => (float[n, 4] y) { h = own.scaled <factor = 3.0> (x)  y = Gelu(h) }
        <domain: "own", opset_import: ["" : 20]>
        scaled <factor> (a) => (b) {
          f = Constant <value_float: float = @factor> ()
          b = Mul(a, f)
        }
        """
    )
    compare(model, [(rand(2, 4),), (rand(5, 4),)], tmp_path)


def test_an_operator_that_onnx_defines_by_others(tmp_path: Path) -> None:
    """Attention with two queries for each key; heads and their size are fixed, batch and length are not."""
    model = parser.parse_model(
        """
        <ir_version: 10, opset_import: ["" : 23]>
        net (float[b, 4, s, 8] q, float[b, 2, s, 8] k, float[b, 2, s, 8] v) => (float[b, 4, s, 8] y) {
          y = Attention <is_causal = 1> (q, k, v)
        }
        """
    )
    calls = [(rand(b, 4, s, 8), rand(b, 2, s, 8, seed=1), rand(b, 2, s, 8, seed=2)) for b, s in ((2, 3), (1, 6))]
    compare(model, calls, tmp_path)


def test_types_of_values_that_are_out_of_date_are_not_believed(tmp_path: Path) -> None:
    model = parser.parse_model(
        """
        <ir_version: 10, opset_import: ["" : 20]>
        net (float[n, 4] x) => (float[n, 4] y, int64[2] size) { h = Relu(x)  size = Shape(h)  y = Neg(h) }
        """
    )
    model.graph.value_info.append(helper.make_tensor_value_info("h", TensorProto.FLOAT, [1, 4]))
    adaptc.compile(model, None, tmp_path / "artifact")
    made = adaptc.load(tmp_path / "artifact")(rand(5, 4))
    np.testing.assert_array_equal(made.size, [5, 4])
    np.testing.assert_array_equal(made.y, -np.maximum(rand(5, 4), 0))


def test_inputs_may_be_given(tmp_path: Path) -> None:
    case = Case("net (float[n, m] x, int64[k] i) => (float[k, m] y) { y = Gather(x, i) }", ())
    examples = {"i": torch.tensor([4, 0, 2]), "x": torch.randn(5, 3)}
    report = adaptc.compile(case.model, examples, tmp_path / "artifact", samples=[{**examples, "i": torch.tensor([1])}])
    assert report.paths
    table, places = rand(6, 2), np.array([-1, 3])
    np.testing.assert_array_equal(adaptc.load(tmp_path / "artifact")(table, places), table[places])
