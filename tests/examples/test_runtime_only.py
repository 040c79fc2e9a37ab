"""A wheel in a new environment with the runtime's dependencies alone runs every example's artifact."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[2]
NAMES = (
    "early_exit_cnn",
    "skip_gate_cnn",
    "patience_transformer",
    "blockdrop",
    "exception_exit",
    "skipnet",
    "bert_early_exit",
)

FOLDERS = ("compiler", "costmodel", "passes", "runtime")

SCRIPT = """
import importlib.util, json, sys
import adaptc
assert "torch" not in sys.modules and "numpy" not in sys.modules
absent = [name for name in ("torch", "onnx", "onnxscript", "typer") if importlib.util.find_spec(name) is None]
results = {}
for folder in sys.argv[1:]:
    with adaptc.load(folder) as network:
        samples = network.verify()
        results[folder] = [len(samples), all(sample.ok for sample in samples)]
print(json.dumps({"absent": absent, "results": results, "torch": "torch" in sys.modules}))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is packaged: a build leaves folders behind, and two builds of one tree would meet in them."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("adaptc", *FOLDERS):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pip install .` builds first."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), "."]
    done = subprocess.run(build, capture_output=True, text=True, cwd=source)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def runtime_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment into which pip put the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("runtime")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return python


@pytest.mark.long
def test_every_artifact_holds_without_torch(
    runtime_python: Path, artifact: Callable[[str], Path], tmp_path: Path
) -> None:
    folders = [str(artifact(name)) for name in NAMES]
    done = subprocess.run(
        [str(runtime_python), "-I", "-c", SCRIPT, *folders], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["absent"][:3] == ["torch", "onnx", "onnxscript"]
    assert said["torch"] is False
    assert set(said["results"]) == set(folders)
    assert all(count >= 2 and ok for count, ok in said["results"].values()), said["results"]


@pytest.mark.long
def test_the_application_classifies_as_eager_does(
    runtime_python: Path, compiled: Callable[[str], Any], digits: Any, tmp_path: Path
) -> None:
    example = compiled("early_exit_cnn")
    images = digits.test_images[:100]
    np.save(tmp_path / "images.npy", images)
    application = [str(runtime_python), str(ROOT / "examples" / "application.py"), str(example.folder)]
    subprocess.run([*application, str(tmp_path / "images.npy"), str(tmp_path / "results.npz")], check=True)
    with torch.inference_mode(), np.load(tmp_path / "results.npz") as results:
        for image, logits, exit_index in zip(images, results["logits"], results["exits"], strict=True):
            eager_logits, eager_exit = example.network(torch.from_numpy(image[None]))
            assert exit_index == eager_exit
            assert np.abs(logits - eager_logits.numpy()[0]).max() <= 1e-5 * eager_logits.abs().max().item()


@pytest.mark.long
def test_the_wheel_holds_every_module_of_the_repository(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("adaptc/")}
    expected = {f"adaptc/{file.relative_to(ROOT / 'adaptc')}" for file in (ROOT / "adaptc").rglob("*.py")}
    for folder in FOLDERS:
        expected |= {f"adaptc/{file.relative_to(ROOT)}" for file in (ROOT / folder).rglob("*.py")}
    expected |= {f"adaptc/{file.relative_to(ROOT)}" for file in (ROOT / "costmodel" / "shipped").iterdir()}
    assert {"adaptc/py.typed", *expected} == packed


@pytest.mark.long
@pytest.mark.parametrize(
    ("extra", "brought"),
    [
        (".[cli]", {"typer", "rich", "pillow"}),
        (".[compile]", {"torch", "onnx", "onnxscript", "networkx", "xdsl", "typer"}),
    ],
)
def test_extras_bring_what_they_are_for(
    extra: str, brought: set[str], runtime_python: Path, wheel: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    install = [str(runtime_python), "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt")]
    subprocess.run([*install, "--dry-run", "--report", str(report), f"{wheel}{extra[1:]}"], check=True)
    chosen = {package["metadata"]["name"] for package in json.loads(report.read_text())["install"]}
    assert brought <= chosen
    assert ("torch" in chosen) == ("torch" in brought)
