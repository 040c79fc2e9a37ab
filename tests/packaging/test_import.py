"""Importing adaptc costs nothing: no torch, no engine, until they are used."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "onnx", "onnxruntime", "numpy", "typer", "rich", "networkx", "xdsl", "msgspec")


def test_import_adaptc_imports_nothing_heavy() -> None:
    code = f"import sys, adaptc; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_runtime_does_not_import_torch_or_onnx() -> None:
    code = "import sys, adaptc; adaptc.load('missing')"
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True)
    assert "ArtifactError" in done.stderr
    modules = {line.rsplit("|")[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time")}
    assert "numpy" in modules
    assert not modules & {"torch", "onnx", "typer", "rich", "networkx", "xdsl"}
