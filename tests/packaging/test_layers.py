"""Who may import whom: the rules between the folders, by import-linter, and that the rules can fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

RULES = Path(__file__).with_name("importlinter.ini")


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    """Check the rules on the package in `root`."""
    command = [str(Path(sys.executable).with_name("lint-imports"))]
    return subprocess.run(
        [*command, "--config", str(RULES), "--no-cache"],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "COLUMNS": "120"},
    )


def test_the_rules_hold(package_root: Path) -> None:
    done = lint(package_root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 kept, 0 broken" in done.stdout


def test_a_forbidden_import_is_found(tmp_path: Path) -> None:
    compiler = ("frontend", "backends", "verify", "ir", "onnx_input")
    for name in ("runtime/engines", "passes", "costmodel", "command", *(f"compiler/{part}" for part in compiler)):
        (tmp_path / "adaptc" / name).mkdir(parents=True)
    for folder in [path for path in (tmp_path / "adaptc").rglob("*") if path.is_dir()]:
        (folder / "__init__.py").touch()
    (tmp_path / "adaptc/__init__.py").write_text("def compile():\n    import adaptc.compiler.driver\n")
    (tmp_path / "adaptc/compiler/driver.py").touch()
    (tmp_path / "adaptc/runtime/inputs.py").write_text("def f():\n    import torch, onnxruntime\n")
    (tmp_path / "adaptc/runtime/engines/ort.py").write_text("import onnxruntime\n")
    done = lint(tmp_path)
    assert done.returncode == 1
    assert "8 kept, 2 broken" in done.stdout, done.stdout
    assert "adaptc.runtime.inputs -> torch" in done.stdout
    assert "adaptc.runtime.inputs -> onnxruntime" in done.stdout
