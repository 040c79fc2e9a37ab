"""Each example is compiled once, by the command in this process, and shared by all tests and test processes."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from torch import nn

import adaptc
from adaptc.__main__ import main
from adaptc.runtime.executable import Executable

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@dataclass(frozen=True)
class Compiled:
    """An example's artifact, what `adaptc compile --json` said, the executable, and the eager network."""

    folder: Path
    report: dict[str, Any]
    executable: Executable
    network: nn.Module


@contextlib.contextmanager
def path_with(folder: Path) -> Iterator[None]:
    """`folder` in front of sys.path, as Python has it when it runs a file there."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def model_file(name: str) -> Path:
    """The file to compile: examples/NAME/model.py, or examples/NAME.py."""
    folder = EXAMPLES / name / "model.py"
    return folder if folder.exists() else EXAMPLES / f"{name}.py"


def load_network(file: Path) -> nn.Module:
    """The network that a model file defines, loaded by plain Python."""
    spec = importlib.util.spec_from_file_location(f"example_{file.parent.name}_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with path_with(file.parent):
        spec.loader.exec_module(module)
    network = module.model
    return network if isinstance(network, nn.Module) else network()


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Compile an example by name unless that was done: its artifact, its report beside it in NAME.json."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    shared = base / "examples"
    shared.mkdir(exist_ok=True)

    def compile_once(name: str) -> Path:
        folder = shared / name
        with FileLock(shared / f"{name}.lock"):
            if not folder.exists():
                out, err = io.StringIO(), io.StringIO()
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                    code = main(["compile", str(model_file(name)), "-o", str(folder), "--json"])
                assert code == 0, err.getvalue()
                folder.with_suffix(".json").write_text(out.getvalue())
        return folder

    return compile_once


@pytest.fixture(scope="session")
def compiled(artifact: Callable[[str], Path]) -> Callable[[str], Compiled]:
    """Everything about an example, by name."""
    done: dict[str, Compiled] = {}

    def load(name: str) -> Compiled:
        if name not in done:
            folder = artifact(name)
            report = json.loads(folder.with_suffix(".json").read_text())
            done[name] = Compiled(folder, report, adaptc.load(folder), load_network(model_file(name)))
        return done[name]

    return load


@pytest.fixture(scope="session")
def digits() -> Any:
    """The digits of the examples: an object with train_images, train_labels, test_images, test_labels."""
    with path_with(EXAMPLES):
        import digits as module  # type: ignore[import-not-found]
    return module.load()


@pytest.fixture(autouse=True)
def _deterministic() -> None:
    torch.manual_seed(0)
    np.random.seed(0)
