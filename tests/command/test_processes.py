"""The command in processes of its own: what it imports, pipes, signals, and an environment without PyTorch."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from . import networks
from .conftest import everything

WITHOUT = """
import sys
for name in {missing!r}:
    sys.modules[name] = None
from adaptc.__main__ import main
code = main(sys.argv[1:])
assert not [name for name in sys.modules if name.partition(".")[0] in {missing!r} and sys.modules[name]]
sys.exit(code)
"""
COMPILER = ["torch", "onnx", "onnx_ir", "onnxscript", "networkx", "xdsl"]


def python(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, timeout=120, check=False
    )


def without(missing: list[str], *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command where the packages `missing` cannot be imported."""
    return python("-c", WITHOUT.format(missing=missing), *arguments)


def test_artifacts_need_no_compiler(exits: Path) -> None:
    ran = without(COMPILER, "run", exits, "--random", "--trace", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["outputs"]["logits"]["shape"] == [2, 5]
    assert "7 samples verified" in without(COMPILER, "verify", exits).stdout
    assert "7 blocks, 3 branches on data" in without(COMPILER, "inspect", exits).stdout
    assert "digraph" in without(COMPILER, "inspect", exits, "--dot").stdout
    assert "def load(" in without(COMPILER, "inspect", exits, "--host").stdout


@pytest.mark.parametrize("subcommand", ["compile", "check", "inspect"])
def test_compiling_without_the_extra_says_how_to_get_it(tmp_path: Path, subcommand: str) -> None:
    file = networks.write(tmp_path, networks.GATED)
    ran = without(COMPILER, subcommand, file)
    assert ran.returncode == 1
    assert ran.stderr == 'error: compiling needs torch, which is not installed: pip install "adaptc[compile]"\n'


def test_adaptc_compile_without_the_extra() -> None:
    code = 'import sys; sys.modules["torch"] = None\nimport adaptc\nadaptc.compile(None, None, "x")'
    ran = python("-c", code)
    assert ran.stderr.rstrip().endswith('MissingExtraError: compiling needs torch, which is not installed: '
                                        'pip install "adaptc[compile]"')  # fmt: skip


def test_the_command_without_its_extra() -> None:
    for missing in (["typer"], ["rich"]):
        ran = without(missing, "--help")
        assert ran.returncode == 1
        assert ran.stderr == (
            f'adaptc: the adaptc command needs {missing[0]}, which is not installed: pip install "adaptc[cli]"\n'
        )


def test_python_m_adaptc_compiles_and_its_output_can_be_piped(tmp_path: Path) -> None:
    networks.write(tmp_path, networks.GATED, "gated.py")
    ran = python("-m", "adaptc", "compile", "gated.py", "-o", "artifact", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert "\x1b" not in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 80
    assert python("-m", "adaptc", "verify", "artifact", cwd=tmp_path).returncode == 0


def test_a_reader_that_leaves_early_gets_no_traceback(exits: Path) -> None:
    command = f"{sys.executable} -m adaptc inspect {exits} --host | head -1"
    ran = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120, check=False)
    assert ran.stdout.startswith('"""The host program')
    assert ran.stderr == ""


@pytest.mark.long
def test_a_signal_while_compiling_leaves_nothing(tmp_path: Path) -> None:
    text = networks.GATED.replace("if h.mean() > 0.3:", "open('here', 'w').close(); __import__('time').sleep(60)")
    networks.write(tmp_path, text.replace("            h = torch.tanh", "        h = torch.tanh"), "gated.py")
    process = subprocess.Popen(
        [sys.executable, "-m", "adaptc", "compile", "gated.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that runs the tests in the background lets them ignore the signal, and so their children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "here").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "interrupted\n")
    assert everything(tmp_path) == {"gated.py", "here"}
