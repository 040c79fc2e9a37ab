"""The command on files of networks: .onnx and .pt2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import adaptc
from adaptc.__main__ import main

from .models import EXIT, rand


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model in the current folder."""
    monkeypatch.chdir(tmp_path)
    onnx.save(EXIT.model, "exit.onnx")
    return "exit.onnx"


def test_a_model_from_its_file_to_a_result(model: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["check", model]) == 0
    assert "exit.onnx can be compiled: 1 branch on data" in capfd.readouterr().out
    assert main(["compile", model, "-o", "out", "--input", "x=float32[1,4]:0..1"]) == 0
    assert "verified on every path" in capfd.readouterr().out
    assert main(["run", "out", "--random"]) == 0
    assert main(["verify", "out"]) == 0
    assert main(["verify", "out", "--model", model]) == 0
    assert not list(Path().glob("exit.onnx.*"))


def test_the_python_that_a_model_is_read_as(model: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", model, "--source"]) == 0
    text = capfd.readouterr().out
    compile(text, "exit.py", "exec")
    assert "        h = op.MatMul(x, self.w)  # MatMul head\n" in text
    assert main(["inspect", model, "--mlir"]) == 0
    assert "cf.cond_br" in capfd.readouterr().out


def test_an_input_that_the_model_does_not_have(model: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", model, "-o", "out", "--input", "z=float32[1,4]"]) == 1
    assert "no input 'z'; the inputs are x" in capfd.readouterr().err


def test_an_exported_program(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    class Sign(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"y": torch.cond(x.sum() > 0, lambda x: x.relu(), lambda x: x * 2, (x,))}

    size = torch.export.Dim("rows", min=2, max=9)
    program = torch.export.export(Sign().eval(), (torch.randn(3, 4),), dynamic_shapes=({0: size},))
    torch.export.save(program, tmp_path / "sign.pt2")
    assert main(["check", str(tmp_path / "sign.pt2")]) == 0
    assert main(["compile", str(tmp_path / "sign.pt2"), "-o", str(tmp_path / "out")]) == 0
    assert "line" in capfd.readouterr().out
    executable = adaptc.load(tmp_path / "out")
    assert str(executable.signature) == "(x: float32[x_0, 4]) -> {'y': float32[x_0, 4]}"
    for x in (rand(5, 4), -np.abs(rand(9, 4))):
        expected = program.module()(torch.from_numpy(x))["y"]
        np.testing.assert_allclose(executable(x)["y"], expected, rtol=1e-6)
    with pytest.raises(adaptc.NetworkError, match="exported for sizes from 2 to 9"):
        executable(rand(10, 4))
    (tmp_path / "broken.pt2").write_bytes(b"no archive")
    assert main(["check", str(tmp_path / "broken.pt2")]) == 1
    assert "cannot be read as an exported program" in capfd.readouterr().err
