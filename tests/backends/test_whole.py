"""A whole network as a single ONNX model, run by ONNX Runtime alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import adaptc
from adaptc.compiler.errors import CompileError


class Exits(nn.Module):
    """Results of two structures and a number that differs, from a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> object:
        for number in range(3):
            x = torch.relu(self.layer(x))
            if x.max() > 1.2:
                return {"logits": x, "exit": number}
        if x.sum() < 0.7:
            raise ValueError("nothing is left")
        return {"logits": x, "exit": -1, "last": x.sum(dim=1)}


class Halving(nn.Module):
    """A loop that data ends, over a batch of any size."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
        steps = 0
        while x.abs().max() > 1:
            x = x / 2
            steps += 1
        return x, steps


class Noisy(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            return x + torch.rand(2)
        return x


class Counting(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x.add_(1)
        if x.sum() > 0:
            return x * 2
        return x - 1


def session(file: Path) -> onnxruntime.InferenceSession:
    onnx.checker.check_model(str(file), full_check=True)
    domains = {opset.domain for opset in onnx.load(file).opset_import}
    assert domains <= {"", "ai.onnx"}
    return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])


def test_results_of_several_structures_and_exceptions(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = Exits().eval()
    file = tmp_path / "net.onnx"
    report = adaptc.compile(model, torch.ones(1, 4), file)
    assert report.is_single
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    run = session(file)
    names = [value.name for value in run.get_outputs()]
    assert names == ["form", "logits", "exit", "last"]
    ways = set()
    for seed in range(60):
        x = torch.randn(1, 4, generator=torch.Generator().manual_seed(seed)) * (1 + seed % 4)
        try:
            expected = model(x)
        except ValueError:
            ways.add("raises")
            with pytest.raises(Exception, match="raise ValueError: nothing is left"):
                run.run(None, {"x": x.numpy()})
            continue
        ways.add(expected["exit"])
        found = dict(zip(names, run.run(None, {"x": x.numpy()})))
        np.testing.assert_allclose(found["logits"], expected["logits"].detach().numpy(), rtol=1e-5)
        assert found["exit"] == expected["exit"]
        if "last" in expected:
            np.testing.assert_allclose(found["last"], expected["last"].detach().numpy(), rtol=1e-5)
        else:
            assert found["last"].size == 0
    assert ways >= {-1, 0, "raises"}


def test_a_loop_over_a_batch_of_any_size(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    adaptc.compile(Halving().eval(), torch.randn(2, 3) * 10, file, dynamic={"x": {0: "batch"}})
    run = session(file)
    (given,) = run.get_inputs()
    assert given.shape == ["batch", 3]
    for rows, scale in ((1, 0.5), (5, 100.0), (2, 3e8)):
        x = np.full((rows, 3), scale, np.float32)
        found, steps = run.run(None, {"x": x})
        expected, count = Halving()(torch.from_numpy(x))
        np.testing.assert_array_equal(found, expected.numpy())
        assert steps == count


def test_changed_inputs_are_outputs(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    adaptc.compile(Counting().eval(), torch.randn(2), file)
    run = session(file)
    assert [value.name for value in run.get_outputs()] == ["output", "x.changed"]
    result, changed = run.run(None, {"x": np.array([1.0, 2.0], np.float32)})
    np.testing.assert_array_equal(result, [4.0, 6.0])
    np.testing.assert_array_equal(changed, [2.0, 3.0])


def test_random_numbers_need_a_host(tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        adaptc.compile(Noisy().eval(), torch.randn(2), tmp_path / "net.onnx", random_seed=0)
    (problem,) = caught.value.problems
    assert problem.line == Noisy.forward.__code__.co_firstlineno + 2
    assert "it draws random numbers" in str(problem)
    assert not list(tmp_path.iterdir())
