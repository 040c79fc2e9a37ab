"""Artifacts compiled once for the tests of the command, and a way to run the command in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adaptc.__main__ import main

from . import networks


@dataclass(frozen=True)
class Ran:
    """What one run of the command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as JSON, all of it."""
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs ``adaptc`` with the given arguments in this process."""

    def call(*arguments: object) -> Ran:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return call


def compiled(folder: Path, text: str, name: str, *options: str) -> Path:
    """The artifact of a model file with this text, beside the file, which is called `name`.py."""
    file = networks.write(folder, text, f"{name}.py")
    artifact = folder / f"{name}-artifact"
    assert main(["compile", str(file), "-o", str(artifact), *options]) == 0
    return artifact


@pytest.fixture(scope="session")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact of `networks.GATED`: one branch, fixed shape; its model file lies beside it."""
    return compiled(tmp_path_factory.mktemp("gated"), networks.GATED, "gated")


@pytest.fixture(scope="session")
def exits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact of `networks.EXITS`: three exits, a dynamic batch; its model file lies beside it."""
    return compiled(tmp_path_factory.mktemp("exits"), networks.EXITS, "exits")


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def everything(folder: Path) -> set[str]:
    """The names of everything below `folder`, hidden files too, but what importing a model file leaves."""
    names = {
        os.path.relpath(Path(at) / name, folder)
        for at, folders, files in os.walk(folder)
        for name in [*folders, *files]
    }
    return {name for name in names if "__pycache__" not in name}
