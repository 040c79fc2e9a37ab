"""Getting ONNX Runtime's headers fails in words, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .cpp import SOURCE


def get(folder: Path, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SOURCE / "get_headers.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": str(path)})


def test_without_npm(tmp_path: Path) -> None:
    done = get(tmp_path / "headers", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("npm cannot bring com.github.asus4.onnxruntime@")
    assert not (tmp_path / "headers").exists()


def test_another_file_than_the_pinned_one(tmp_path: Path) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\n: > other.tgz\n")
    npm.chmod(0o755)
    done = get(tmp_path / "headers", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("npm brought another file than com.github.asus4.onnxruntime@")
    assert not (tmp_path / "headers").exists()
