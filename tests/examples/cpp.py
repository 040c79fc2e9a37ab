"""The program in C++ that runs a single model: whether it can be built here, and how it is called."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "examples" / "cpp"
INCLUDE = Path(sys.prefix, "include", "onnxruntime")


def why_not() -> str:
    """Why it cannot be built here, and what to install; empty where it can."""
    if shutil.which("cmake") is None or not any(map(shutil.which, ("c++", "g++", "clang++"))):
        return "examples/cpp needs cmake and a C++ compiler: apt-get install cmake g++"
    header = INCLUDE / "onnxruntime_c_api.h"
    if not header.exists():
        return "examples/cpp needs ONNX Runtime's headers, which npm brings: python examples/cpp/get_headers.py"
    found = re.search(r"#define ORT_API_VERSION (\d+)", header.read_text())
    assert found is not None
    if int(found[1]) > int(version("onnxruntime").split(".")[1]):
        return f"the headers in {INCLUDE} are those of ONNX Runtime 1.{found[1]}: pip install a later onnxruntime"
    return ""


def environment() -> dict[str, str]:
    """That of commands which take this process's Python for the python on PATH."""
    return {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def build(folder: Path) -> Path:
    """Build the program in `folder`; gives its file."""
    for command in (["cmake", "-S", str(SOURCE), "-B", str(folder)], ["cmake", "--build", str(folder)]):
        done = subprocess.run(command, capture_output=True, text=True, env=environment())
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "run_onnx"
