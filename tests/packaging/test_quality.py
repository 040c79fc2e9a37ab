"""Lint, format and types of the whole repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str, cwd: Path = ROOT, **environment: str) -> None:
    """Run a Python module's command; its output is the failure."""
    env = {**os.environ, **environment}
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, cwd=cwd, env=env)
    assert done.returncode == 0, done.stdout + done.stderr


def test_lint() -> None:
    run("ruff", "check", ".", "--extend-exclude", "artifacts")


def test_format() -> None:
    run("ruff", "format", "--check", ".", "--extend-exclude", "artifacts")


@pytest.mark.long
def test_types(package_root: Path) -> None:
    run("mypy", "--config-file", str(ROOT / "pyproject.toml"), "--strict", "-p", "adaptc", cwd=package_root)


@pytest.mark.long
def test_types_of_the_benchmark_suite(package_root: Path) -> None:
    parts = ["--explicit-package-bases", "suite.py", "contest", "handwritten"]
    folder = ROOT / "benchmarks"
    config = str(ROOT / "pyproject.toml")
    run("mypy", "--config-file", config, "--strict", *parts, cwd=folder, MYPYPATH=f"{package_root}:{folder}")
