"""Single models run by a C++ program that knows ONNX Runtime alone: the example in examples/cpp."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from filelock import FileLock
from numpy.typing import NDArray
from onnx import helper
from torch import nn

import adaptc

from . import cpp
from .conftest import load_network, model_file

pytestmark = [pytest.mark.long, pytest.mark.skipif(bool(cpp.why_not()), reason=cpp.why_not())]

Arrays = dict[str, NDArray[Any]]
Call = Callable[..., subprocess.CompletedProcess[str]]


class Halving(nn.Module):
    """A loop that data ends, over a batch of any size; too many steps raise."""

    def forward(self, x: torch.Tensor) -> dict[str, object]:
        steps = 0
        while x.abs().max() > 1:
            x = x / 2
            steps += 1
        if steps > 20:
            raise ValueError("the values are too large")
        return {"halved": x, "steps": steps, "small": x < 0.6}


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built once for all test processes."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "run_onnx"
    with FileLock(folder.with_suffix(".lock")):
        return folder / "run_onnx" if (folder / "run_onnx").exists() else cpp.build(folder)


@pytest.fixture
def call(program: Path, tmp_path: Path) -> Call:
    """Call the program with a model, arrays by the names of its inputs, and further words."""

    def run(file: Path, inputs: Mapping[str, NDArray[Any]], *words: str) -> subprocess.CompletedProcess[str]:
        given = []
        for name, array in inputs.items():
            np.save(tmp_path / f"{name}.npy", array)
            given.append(f"{name}={tmp_path / name}.npy")
        return subprocess.run([str(program), str(file), *given, *words], capture_output=True, text=True)

    return run


@pytest.fixture
def outputs(call: Call, tmp_path: Path) -> Callable[[Path, Arrays], Arrays]:
    """The outputs that the program writes, held against those of ONNX Runtime in Python: the same bits."""

    def run(file: Path, inputs: Arrays) -> Arrays:
        folder = tmp_path / "outputs"
        folder.mkdir(exist_ok=True)
        done = call(file, inputs, "-o", str(folder))
        assert done.returncode == 0, done.stderr
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        assert [line.split("  ")[0] for line in done.stdout.splitlines()] == names
        found = {name: np.load(folder / f"{name}.npy") for name in names}
        for name, expected in zip(names, session.run(None, inputs)):
            assert (found[name].dtype, found[name].shape) == (expected.dtype, expected.shape)
            np.testing.assert_array_equal(found[name], expected)
        return found

    return run


def test_every_exit_of_the_digits(outputs: Callable[[Path, Arrays], Arrays], digits: Any, tmp_path: Path) -> None:
    file = tmp_path / "early_exit.onnx"
    network = load_network(model_file("early_exit_cnn"))
    adaptc.compile(network, torch.zeros(1, 1, 8, 8), file)
    taken: dict[int, NDArray[np.float32]] = {}
    with torch.inference_mode():
        for image in digits.test_images:
            taken.setdefault(network(torch.from_numpy(image[None]))[1], image[None])
        assert sorted(taken) == [0, 1, 2, 3]
        for exit_, image in taken.items():
            found = outputs(file, {"x": image})
            assert found["output.1"] == exit_
            expected = network(torch.from_numpy(image))[0].numpy()
            np.testing.assert_allclose(found["output.0"], expected, rtol=1e-5, atol=1e-5)


def test_a_loop_and_what_it_raises(call: Call, outputs: Callable[[Path, Arrays], Arrays], tmp_path: Path) -> None:
    file = tmp_path / "halving.onnx"
    adaptc.compile(Halving().eval(), torch.randn(2, 3) * 10, file, dynamic={"x": {0: "batch"}})
    for rows, scale in ((1, 0.5), (5, 100.0), (2, 3e5)):
        x = np.linspace(0.1, scale, rows * 3, dtype=np.float32).reshape(rows, 3)
        expected: dict[str, Any] = Halving()(torch.from_numpy(x))
        found = outputs(file, {"x": x})
        np.testing.assert_array_equal(found["halved"], expected["halved"].numpy())
        np.testing.assert_array_equal(found["small"], expected["small"].numpy())
        assert found["steps"] == expected["steps"]
    done = call(file, {"x": np.full((1, 3), 1e9, np.float32)})
    assert done.returncode == 1
    assert "Name:'raise ValueError: the values are too large" in done.stderr
    assert not done.stdout


def test_what_a_model_takes_and_gives(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "halving.onnx"
    adaptc.compile(Halving().eval(), torch.randn(2, 3) * 10, file, dynamic={"x": {0: "batch"}})
    told = call(file, {}).stdout
    assert told.startswith("Halving(x: float32[batch, 3]) -> {'halved': halved, 'steps': steps, 'small': small}\n")
    assert "\ninput   x  float32[batch, 3]\noutput  halved  float32[batch, 3]\noutput  steps  int64[]\n" in told
    missing = call(file, {"y": np.zeros((1, 3), np.float32)})
    assert (missing.returncode, missing.stderr) == (2, "run_onnx: the input x is missing\n")
    nowhere = call(file, {}, "x=nowhere.npy")
    assert (nowhere.returncode, nowhere.stderr) == (1, "run_onnx: there is no file nowhere.npy\n")
    narrow = call(file, {"x": np.zeros((1, 2), np.float32)})
    assert narrow.returncode == 1
    assert "Got: 2 Expected: 3" in narrow.stderr
    double = call(file, {"x": np.zeros((1, 3))})
    assert double.returncode == 1
    assert "expected: (tensor(float))" in double.stderr


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4), (0, 2)])
def test_arrays_of_every_dtype(
    outputs: Callable[[Path, Arrays], Arrays], shape: tuple[int, ...], tmp_path: Path
) -> None:
    kinds = "bool", "float16", "float32", "float64"
    dtypes = [*kinds, *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))]
    elements = [helper.np_dtype_to_tensor_dtype(np.dtype(name)) for name in dtypes]
    rank = [None] * len(shape)
    graph = helper.make_graph(
        [helper.make_node("Identity", [name], [f"{name}.same"]) for name in dtypes],
        "same",
        [helper.make_tensor_value_info(name, element, rank) for name, element in zip(dtypes, elements)],
        [helper.make_tensor_value_info(f"{name}.same", element, rank) for name, element in zip(dtypes, elements)],
    )
    file = tmp_path / "same.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10), file)
    values = np.random.default_rng(0).integers(0, 2, shape)
    inputs = {name: np.asarray(values if name == "bool" else values * 100, name) for name in dtypes}
    for name, array in outputs(file, inputs).items():
        np.testing.assert_array_equal(array, inputs[name.removesuffix(".same")])
