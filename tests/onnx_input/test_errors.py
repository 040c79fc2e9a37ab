"""What cannot be read is told all at once, with the nodes; what is no model is told as that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

import adaptc
from adaptc.compiler.errors import ModelFileError
from adaptc.compiler.networks import network_of
from adaptc.compiler.onnx_input import registry

from .models import EXIT, Case


def problems(text: str) -> list[str]:
    """What is found in a model."""
    with pytest.raises(adaptc.CompileError) as caught:
        network_of(Case(text, ()).model, None, {})
    return [str(problem) for problem in caught.value.problems]


def test_all_operators_that_are_not_read_are_listed() -> None:
    found = problems(
        """
        net (float[1, 4, 4] boxes, float[1, 1, 4] scores, bool c) => (int64[n, 3] y, float[k] u, float[4, 5] z) {
          [post_nms] y = NonMaxSuppression(boxes, scores)
          u = If (c) <
            then_branch = a () => (float[k] p) { [deep] p = Unique(scores) },
            else_branch = b () => (float[k] q) { q = Constant <value_floats = [1.0]> () }
          >
          z = RandomNormal <shape = [4, 5]> ()
        }
        """
    )
    assert len(found) == 3
    assert found[0].splitlines()[:3] == [
        "net.onnx:10: the operator NonMaxSuppression",
        "    y = NonMaxSuppression(boxes, scores)  # NonMaxSuppression post_nms",
        "    " + "^" * 66,
    ]
    assert "the operator Unique" in found[1]
    assert "# Unique deep" in found[1]
    assert "the operator RandomNormal" in found[2]


def test_forms_and_types_that_are_not_read() -> None:
    (found,) = problems("net (uint16[4] x) => (uint16[4] y) { y = Add(x, x) }")
    assert "an input of element type UINT16: x" in found
    assert "use one of float" in found
    (found,) = problems(
        "net (float[4] x) => (float[4] y) { y = Cast <to = 17> (x)  }".replace("float[4] y", "float8e4m3fn[4] y")
    )
    assert "FLOAT8E4M3FN" in found


def test_a_form_that_only_shows_when_it_runs(tmp_path: Path) -> None:
    model = Case(
        "net (float[1, 1, 4, 4] x) => (float[1, 1, 2, 2] y) <float[4] s = {1, 1, 0.5, 0.5}> "
        '{ y = Resize <mode = "linear", antialias = 1> (x, "", s) }',
        (),
    ).model
    with pytest.raises(adaptc.CompileError, match="Unsupported: Resize with antialias"):
        adaptc.compile(model, None, tmp_path / "artifact")
    assert not (tmp_path / "artifact").exists()


def test_a_loop_that_never_ends() -> None:
    (found,) = problems(
        """
        net (float[4] x) => (float[4] y) {
          y = Loop ("", "", x) <body = step (int64 i, bool c, float[4] a) => (bool d, float[4] b) {
            d = Identity(c)  b = Neg(a)
          }>
        }
        """
    )
    assert "a Loop that nothing ends" in found


def test_what_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    for given, message in [
        (tmp_path / "missing.onnx", "there is no file"),
        (tmp_path / "text.onnx", "text.onnx"),
        (onnx.ModelProto(), "holds no graph"),
        (tmp_path / "net.tflite", "ends in .onnx or .pt2"),
    ]:
        with pytest.raises(ModelFileError, match=message):
            network_of(given, None, {})
    with pytest.raises(adaptc.AdaptcError, match="a network of class int"):
        network_of(3, None, {})


def test_a_model_that_breaks_the_rules_of_onnx() -> None:
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "missing"], ["y"])],
        "net",
        [info("x", TensorProto.FLOAT, [4, 4])],
        [info("y", TensorProto.FLOAT, [4, 4])],
    )
    with pytest.raises(ModelFileError, match="not a valid ONNX model"):
        network_of(helper.make_model(graph, ir_version=10), None, {})


def test_types_that_do_not_fit() -> None:
    text = "net (float[4] x, int64[4] i) => (float[4] y) { y = Add(x, i) }"
    with pytest.raises(ModelFileError, match="not a valid ONNX model"):
        network_of(Case(text, ()).model, None, {})


def test_sizes_that_are_computed(tmp_path: Path) -> None:
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["y"])],
        "net",
        [info("x", TensorProto.FLOAT, ["n", "2*n"])],
        [info("y", TensorProto.FLOAT, ["n", "2*n"])],
    )
    with pytest.raises(ModelFileError, match=r"axis 1 of input 'x' .* computed from"):
        network_of(helper.make_model(graph, ir_version=10), None, {})


def test_a_reading_that_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime has the last word on what an operator means."""
    wrong = registry.Operator("Relu", 1, lambda x: torch.clamp(x, 0.1), {}, False)
    monkeypatch.setitem(registry.TABLE, "Relu", [wrong])
    model = Case("net (float[4] x) => (float[4] y) { y = Relu(x) }", ()).model
    with pytest.raises(adaptc.CompileError, match=r"output 'y': a relative difference of .*\n.*\n.*\n.*ONNX Runtime"):
        adaptc.compile(model, None, tmp_path / "artifact")


def test_inputs_that_a_model_does_not_have() -> None:
    with pytest.raises(adaptc.InputError, match="no input 'z'; the inputs are x"):
        network_of(EXIT.model, {"z": np.zeros(3)}, {})
