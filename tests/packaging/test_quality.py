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


def check_types(package_root: Path, *what: str, cwd: Path, **environment: str) -> None:
    """Run mypy; what it found of torch and of adaptc itself is kept for the next time."""
    options = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(package_root / "mypy")]
    run("mypy", *options, "--strict", *what, cwd=cwd, **environment)


@pytest.mark.long
def test_types(package_root: Path) -> None:
    check_types(package_root, "-p", "adaptc", cwd=package_root)


@pytest.mark.long
def test_types_of_the_benchmark_suite(package_root: Path) -> None:
    folder = ROOT / "benchmarks"
    parts = ["--explicit-package-bases", "suite.py", "contest", "handwritten"]
    check_types(package_root, *parts, cwd=folder, MYPYPATH=f"{package_root}:{folder}")
