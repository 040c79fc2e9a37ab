"""A whole network as a single ONNX model, run by ONNX Runtime alone."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import adaptc
from adaptc.compiler.artifact import write_contents
from adaptc.compiler.driver import capture_program
from adaptc.compiler.errors import CompileError
from adaptc.compiler.onefile import OneFilePlan, write_onefile
from adaptc.runtime.errors import AdaptcError


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


class Hidden(nn.Module):
    """Its result has the name of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: torch.Tensor) -> dict[str, object]:
        left = 0
        for index, stage in enumerate(self.stages):
            x, left = stage(x), index
            if x.softmax(-1).amax().item() > 0.4:
                break
        return {"x": x, "exit": left, "label": x.argmax(-1)}


def session(file: Path) -> onnxruntime.InferenceSession:
    onnx.checker.check_model(str(file), full_check=True)
    domains = {opset.domain for opset in onnx.load(file).opset_import}
    assert domains <= {"", "ai.onnx"}
    return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])


def test_results_of_several_structures_and_exceptions(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(1)
    model = Exits().eval()
    file = tmp_path / "net.onnx"
    report = adaptc.compile(model, torch.ones(1, 4), file)
    assert report.is_single
    assert capfd.readouterr() == ("", ""), "runs that are to raise are nothing to report"
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    run = session(file)
    names = [value.name for value in run.get_outputs()]
    assert names == ["form", "logits", "exit", "last"]
    assert [value.shape for value in run.get_outputs()] == [[], [1, 4], [], [None]]
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


def test_a_result_with_the_name_of_an_input(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    model, x = Hidden().eval(), torch.randn(1, 4)
    adaptc.compile(model, x, tmp_path / "net.onnx")
    run = session(tmp_path / "net.onnx")
    assert capfd.readouterr() == ("", ""), "ONNX Runtime would warn of constants that nothing reads"
    assert [value.name for value in run.get_outputs()] == ["x_2", "exit", "label"]
    assert "-> {'x': x_2, 'exit': exit, 'label': label}" in run.get_modelmeta().description
    found, *_ = run.run(None, {"x": x.numpy()})
    np.testing.assert_allclose(found, model(x)["x"].detach().numpy(), rtol=1e-5)


def test_a_loop_over_a_batch_of_any_size(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    adaptc.compile(Halving().eval(), torch.randn(2, 3) * 10, file, dynamic={"x": {0: "batch"}})
    run = session(file)
    (given,) = run.get_inputs()
    assert given.shape == run.get_outputs()[0].shape == ["batch", 3]
    for rows, scale in ((1, 0.5), (5, 100.0), (2, 3e8)):
        x = np.full((rows, 3), scale, np.float32)
        found, steps = run.run(None, {"x": x})
        expected, count = Halving()(torch.from_numpy(x))
        np.testing.assert_array_equal(found, expected.numpy())
        assert steps == count


def test_the_model_says_what_it_takes_and_gives(tmp_path: Path) -> None:
    torch.manual_seed(1)
    file = tmp_path / "net.onnx"
    adaptc.compile(Exits().eval(), torch.ones(1, 4), file)
    made = f"by adaptc {version('adaptc')}"
    assert session(file).get_modelmeta().description.splitlines() == [
        "Exits(x: float32[1, 4])",
        "-> {'logits': logits, 'exit': exit, 'last': last}  where form is 0",
        "-> {'logits': logits, 'exit': exit}  where form is 1",
        "exit: result['exit'], a Python int",
        "last: result['last'] where form is 0, else empty",
        "raises ValueError: nothing is left",
        made,
    ]
    graph = onnx.load(file).graph
    assert [value.doc_string for value in graph.input] == ["argument x"]
    assert [value.doc_string for value in graph.output] == [
        "which of its structures the result has",
        "result['logits']",
        "result['exit'], a Python int",
        "result['last'] where form is 0, else empty",
    ]
    adaptc.compile(Counting().eval(), torch.randn(2), file)
    assert session(file).get_modelmeta().description.splitlines() == [
        "Counting(x: float32[2]) -> output",
        "x.changed: argument x after the call, which changes it in place",
        made,
    ]


def test_an_output_of_another_shape_than_declared_is_an_error(tmp_path: Path) -> None:
    """Verification holds the names of the outputs' dimensions against the inputs' sizes."""
    program, _ = capture_program(Halving().eval(), torch.randn(2, 3), name="net", dynamic={"x": {0: "batch"}})
    contents = write_contents(program, tmp_path, {}, mode="blocks")
    file = tmp_path / "net.onnx"
    write_onefile(program, contents, tmp_path, file)
    plan = OneFilePlan(program, contents, tmp_path, file)
    result, _ = plan.run([np.ones((5, 3), np.float32)], {})
    assert result.shape == (5, 3)
    plan._network = replace(plan._network, extents=(["batch", "batch"], None))
    with pytest.raises(AdaptcError, match=r"output output\.0 has the shape \(5, 3\), and is declared as"):
        plan.run([np.ones((5, 3), np.float32)], {})


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
